"""What must be refused is refused, with a reason, an audit fact, and nobody else affected."""
import json
import pathlib
import subprocess

import plant as plants
from strangers import command, enroll_with_curl


def scenario_refusals(context):
    """Used-up tokens, unknown devices, wrong certificates, hostile SQL, YAML, bodies: the hub lives on."""
    plant = context.plant()
    plant.start_hub()
    plant.describe_plant(["gw-1"])
    folder = pathlib.Path(context.folder)
    ca, cert, key = enroll_with_curl(plant, folder, "gw-1", "pump-1")
    mqtt = ["-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca]

    no_certificate = command("mosquitto_pub", *mqtt, "-t", "x", "-m", "y", check=False)
    assert no_certificate.returncode != 0, "a client without a certificate was let in"
    own_key, own = folder / "own.key", folder / "own.pem"
    command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", own_key, "-out", own, "-days", "2", "-subj", "/CN=gw-1")
    forged = command("mosquitto_pub", *mqtt, "--cert", own, "--key", own_key, "-t", "x", "-m", "y",
                     check=False)
    assert forged.returncode != 0, "a certificate of another authority was let in"

    wrong_token = subprocess.run(
        [context.build / "src/apps/edge/millwright-edge", "enroll", "--hub", plant.where["devices"],
         "--token", "mwe_pump-1." + "A" * 43, "--pin", plant.where["root_pin"], "--name", "gw-9",
         "--data", folder / "gw-9"], capture_output=True, text=True, timeout=60)
    assert wrong_token.returncode != 0 and "token" in wrong_token.stderr, wrong_token
    wrong_pin = subprocess.run(
        [context.build / "src/apps/edge/millwright-edge", "enroll", "--hub", plant.where["devices"],
         "--token", "mwe_pump-1." + "A" * 43, "--pin", "0" * 64, "--name", "gw-9",
         "--data", folder / "gw-9"], capture_output=True, text=True, timeout=60)
    assert wrong_pin.returncode != 0 and "pin" in wrong_pin.stderr, wrong_pin

    # A deleted device is not let in again, whatever its certificate says.
    plant.ctl("delete", "devices", "gw-1")
    gone = command("mosquitto_pub", *mqtt, "--cert", cert, "--key", key, "-q", "1", "-t",
                   "mw/v1/gw-1/data/x", "-m", '{"signal":"a","t":1,"v":1}', check=False)
    assert gone.returncode != 0, "a deleted device was let in"

    for sql, code in (("SELECT * FROM read_csv('/etc/passwd')", 2), ("DROP TABLE points", 2),
                      ("SELECT", 2), ("SELECT * FROM nowhere", 2)):
        done = plant.ctl("query", sql, check=False)
        assert done.returncode == code and done.stderr.startswith("millwright: "), (sql, done)
    bad_yaml = plant.ctl("apply", "-f", "-", text="kind: Site\nname: [", check=False)
    assert bad_yaml.returncode == 2 and "line" in bad_yaml.stderr, bad_yaml
    unknown_key = plant.ctl("apply", "-f", "-", check=False,
                            text="kind: Site\nname: south\nspec: {descripton: x}\n")
    assert unknown_key.returncode == 2 and "descripton" in unknown_key.stderr, unknown_key
    missing = plant.ctl("get", "devices", "nobody", check=False)
    assert missing.returncode == 3, missing

    token = (plant.data / "admin.token").read_text().strip()
    assert (plant.data / "admin.token").stat().st_mode & 0o777 == 0o600
    api = ["curl", "-sS", "--cacert", ca, "-o", "/dev/null", "-w", "%{http_code}"]
    for arguments, status in ((["-X", "GET", plant.where["api"] + "/v1/devices"], "401"),
                              (["-H", "Authorization: Bearer mwt_admin_wrong", plant.where["api"] + "/v1/devices"], "401"),
                              (["-H", f"Authorization: Bearer {token}", plant.where["api"] + "/v1/devices"], "200"),
                              (["-H", f"Authorization: Bearer {token}", "-d", "{", plant.where["api"] + "/v1/query"], "400"),
                              ([plant.where["devices"] + "/v1/blobs/" + "0" * 64], "401"),
                              ([plant.where["api"] + "/healthz"], "200"), ([plant.where["api"] + "/readyz"], "200")):
        got = command(*api, *arguments).stdout.decode()
        assert got == status or (status == "401" and got == "403"), (arguments[-1], got, status)
    audit = json.loads(command("curl", "-sSf", "--cacert", ca, "-H", f"Authorization: Bearer {token}",
                               plant.where["api"] + "/v1/audit?limit=1000").stdout)
    text = json.dumps(audit)
    assert "gw-9" in text or "token" in text, "the refused enrolment left no fact"
    assert token not in text and token not in plant.hub.log.read_text(), "a secret was logged"
    assert plant.hub.alive()
    plant.stop()
