"""Who may do what, asked and answered: can-i, who-can, roles kept apart; devices registered from a table, after a dry run."""
import json
import pathlib

from doors import Door, user_token
from oidc import Terminal
from strangers import command, enroll_with_curl

ROLES = """
kind: Role
name: north
spec: {rules: [{verbs: [get, list, create, delete], kinds: [Device], domains: [north]}]}
---
kind: Role
name: duties
spec: {rules: [], apart: [[engineer, releaser]]}
---
kind: User
name: nora
spec: {roles: [north]}
---
kind: User
name: max
spec: {roles: [engineer]}
"""
LABELLED = """
kind: Role
name: north-lines
spec:
  rules:
    - {verbs: [get, list, watch, create, patch, delete], kinds: [Device], domains: ["*"], labels: {site: north, line: [a, b]}}
    - {verbs: [query], kinds: [History], domains: ["*"], labels: {site: north}}
---
kind: Device
name: lab-1
labels: {site: north, line: a}
spec: {}
---
kind: Device
name: lab-2
labels: {site: north, line: c}
spec: {}
"""
TABLE = """name,domain,profile,asset,label:line,parent
gw-1,north,pump-gateway,pump-1,7,
gw-2,north,pump-gatway,pump-1,7,
gw-1,north,pump-gateway,pump-1,8,
GW-4,north,,,,
meter-1,north,,,,gw-1
gw-6,south,,
gw-7,south,,,,
"""


def check_questions(plant):
    mine = plant.ctl("can-i", "delete", "devices")
    assert mine.startswith("yes: role admin (rule 1)"), mine
    for arguments, code, words in (
            (["delete", "device", "--as", "nora"], 4, "may not delete on Device in domain default"),
            (["delete", "device", "gw-1", "--as", "nora"], 0, "role north (rule 1) allows user:nora"),
            (["delete", "device", "gw-7", "--as", "nora"], 4, "in domain south"),
            (["query", "history", "--as", "max"], 0, "role engineer"), (["fly", "device"], 2, "no verb 'fly'"),
            (["get", "devise"], 2, "did you mean 'Device'"), (["get", "device", "--as", "nobody"], 3, "nobody"),
            (["get", "device", "nothing"], 3, "there is no Device 'nothing'")):
        done = plant.ctl("can-i", *arguments, check=False)
        assert done.returncode == code and words in done.stdout + done.stderr, (arguments, done)
    who = json.loads(plant.ctl("who-can", "delete", "device", "gw-1", "-o", "json"))
    assert [each["who"] for each in who["items"]] == ["user:admin", "user:nora"], who
    table = plant.ctl("who-can", "approve", "rollout")
    assert "user:admin" in table and "nora" not in table, table
    both = plant.ctl("user", "create", "eve", "--role", "engineer", "--role", "releaser", check=False)
    assert both.returncode == 4 and "kept apart by role 'duties'" in both.stderr, both


def check_labels(plant, folder):
    """A role by label: a person sees and touches what has the labels, and nothing moves in or out of their reach."""
    plant.apply(LABELLED)
    token = user_token(plant, "lena", "north-lines")
    lena, secret = Door(plant, token), folder / "lena.token"
    secret.write_text(token)
    secret.chmod(0o600)
    terminal = Terminal(plant, folder, "lena")
    terminal.ok("login", "--hub", plant.where["api"], "--ca", plant.data / "pki/root.pem", "--token-file", secret)
    seen = terminal.ok("get", "devices")
    assert "lab-1" in seen and "lab-2" not in seen and "gw-1" not in seen, seen
    for method, target, labels, expected in (
            ("GET", "lab-1", None, 200), ("GET", "lab-2", None, 404), ("DELETE", "lab-2", None, 404),
            ("PATCH", "lab-1", {"line": "c"}, 403), ("PATCH", "lab-1", {"site": None}, 403), ("PATCH", "lab-2", {"line": "a"}, 404),
            ("PATCH", "lab-1", {"line": "b"}, 200), ("POST", "lab-3", {"site": "north"}, 403),
            ("POST", "lab-3", {"site": "north", "line": "a"}, 201)):
        body = {"labels": labels, **({"name": target} if method == "POST" else {})}
        path = "/v1/devices" + ("" if method == "POST" else f"/{target}")
        status, text = lena(method, path, json.dumps(body).encode() if labels else None)
        assert status == expected, (method, target, labels, status, text)
    yes = plant.ctl("can-i", "patch", "device", "lab-1", "--as", "lena")
    assert "role north-lines (rule 1) allows" in yes and "with labels line=a|b, site=north" in yes, yes
    no = plant.ctl("can-i", "patch", "device", "--label", "site=north", "--label", "line=c", "--as", "lena", check=False)
    assert no.returncode == 4 and "label line is not one of these" in no.stderr, no
    assert "user:lena" in plant.ctl("who-can", "patch", "device", "lab-1")
    assert "user:lena" not in plant.ctl("who-can", "patch", "device", "lab-2")
    wrong = plant.ctl("apply", "-f", "-", text=LABELLED.replace("kinds: [Device]", "kinds: [Device, Alarm]"), check=False)
    assert wrong.returncode != 0 and "Alarm has no labels to go by" in wrong.stdout + wrong.stderr, wrong


def ask(plant, path, certificate, key, *more):
    """The status of the answer, 0 when there is none, and the body; over the API's listener with a client certificate."""
    done = command("curl", "-sS", "--cacert", plant.data / "pki/root.pem", "--cert", certificate, "--key", key, "-w", "\n%{http_code}",
                   *more, f"https://localhost:{plant.ports['api']}{path}", check=False)
    body, _, status = done.stdout.decode().rpartition("\n")
    return int(status or 0), body


def check_program(plant, folder):
    """A program that shows a certificate instead of a token: what it may, until the certificate or the user is gone."""
    key, request, certificate = folder / "erp.key", folder / "erp.csr", folder / "erp.pem"
    plant.ctl("user", "create", "erp", "--role", "viewer")
    command("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=admin",
            "-keyout", key, "-out", request)
    wrong = plant.ctl("user", "certificate", "nobody", "--csr", request, check=False)
    assert wrong.returncode != 0 and "nobody" in wrong.stderr, wrong
    plant.ctl("user", "certificate", "erp", "--csr", request, "--out", certificate, "--lifetime", "30d")
    text = command("openssl", "x509", "-in", certificate, "-noout", "-subject", "-ext", "subjectAltName").stdout.decode()
    assert "CN = erp" in text and "URI:urn:millwright:user:erp" in text and "admin" not in text, text
    status, body = ask(plant, "/v1/whoami", certificate, key)
    assert status == 200 and json.loads(body)["user"] == "erp" and json.loads(body)["roles"] == ["viewer"], (status, body)
    assert ask(plant, "/v1/devices", certificate, key)[0] == 200
    assert ask(plant, "/v1/devices/gw-1", certificate, key, "-X", "DELETE")[0] == 403
    # A token that is wrong is not made good by a certificate; a device is no user.
    assert ask(plant, "/v1/whoami", certificate, key, "-H", "Authorization: Bearer mwt_erp_x")[0] == 401
    _, device, device_key = enroll_with_curl(plant, folder, "gw-9", "pump-1")
    assert ask(plant, "/v1/whoami", device, device_key)[0] == 401
    plant.ctl("certificate", "revoke", "--user", "erp", "--reason", "superseded")
    assert ask(plant, "/v1/whoami", certificate, key)[0] == 0, "the handshake must end"
    plant.ctl("user", "certificate", "erp", "--csr", request, "--out", certificate)
    assert ask(plant, "/v1/whoami", certificate, key)[0] == 200
    plant.ctl("delete", "users", "erp")
    assert ask(plant, "/v1/whoami", certificate, key)[0] == 401
    facts = plant.ctl("audit", "list", "-o", "json")
    assert facts.count("certificate.issued") == 2, facts


def scenario_authorization(context):
    """can-i and who-can explain; roles go by labels; duties stay apart; a program shows a certificate; a table of devices is rehearsed, registered,
    and again without effect."""
    plant = context.plant()
    plant.start_hub()
    plant.describe_plant(["gw-1"])
    plant.apply(ROLES)
    table = pathlib.Path(context.folder) / "devices.csv"
    table.write_text(TABLE)
    dry = plant.ctl("device", "import", table, "--dry-run", "-o", "json", check=False)
    assert dry.returncode == 2, dry
    rows = {row["line"]: row for row in json.loads(dry.stdout)["rows"]}
    expected = {2: ("created", ""), 3: ("refused", "spec.profile"), 4: ("refused", "line 2 has it already"), 5: ("refused", "name"),
                6: ("created", ""), 7: ("refused", "4 cells"), 8: ("created", "")}
    assert {line: row["outcome"] for line, row in rows.items()} == {line: outcome for line, (outcome, _) in expected.items()}, rows
    assert all(why in rows[line]["why"] for line, (_, why) in expected.items()), rows
    assert "gw-1" not in plant.ctl("get", "devices"), "a dry run wrote a device"
    real = plant.ctl("device", "import", table, check=False)
    assert real.returncode == 2 and "3 created, 0 changed, 0 unchanged, 4 refused" in real.stdout, real
    device = json.loads(plant.ctl("get", "devices", "gw-1", "-o", "json"))
    assert device["labels"] == {"line": "7"} and device["spec"]["asset"] == "pump-1" and device["domain"] == "north", device
    assert json.loads(plant.ctl("get", "devices", "meter-1", "-o", "json"))["spec"] == {"parent": "gw-1"}
    again = plant.ctl("device", "import", table, check=False)
    assert "0 created, 0 changed, 3 unchanged, 4 refused" in again.stdout, again
    table.write_text("name,domain,profile,asset,label:line\ngw-1,north,pump-gateway,pump-1,9\n")
    kept = plant.ctl("device", "import", table, check=False)
    assert kept.returncode == 2 and "differs" in kept.stdout, kept
    assert "1 changed" in plant.ctl("device", "import", table, "--update")
    assert json.loads(plant.ctl("get", "devices", "gw-1", "-o", "json"))["labels"] == {"line": "9"}
    check_questions(plant)
    check_labels(plant, pathlib.Path(context.folder))
    check_program(plant, pathlib.Path(context.folder))
    plant.stop()
