"""Issuing authorities by purpose and site, and gateways that serve TLS: openssl, curl and mosquitto judge what each signed; the
thief of one authority's key gets no further than that authority; one of them rolls over alone."""
import json
import pathlib
import signal
import subprocess

import plant as plants
from est import Stranger
from hostile import CONNECT, Forge, DEVICE, tls_outcome, uri
from revocation import serial_of
from strangers import command, enroll_with_curl, free_port

HUB = """authority:
  for: [devices, gateways]
  issuing:
    - {name: north, for: [devices, gateways], sites: [north]}
    - {name: people, for: [operators]}
    - {name: servers, for: [servers]}
    - {name: code, for: [code]}
"""
GROUPS = """kind: EnrollmentGroup
name: north-gateways
spec:
  profile: pump-gateway
  site: north
  gateway: {serves: ["{device}.north.example"]}
"""


def text_of(certificate):
    return command("openssl", "x509", "-in", certificate, "-noout", "-text").stdout.decode()


def issuer_of(certificate):
    return command("openssl", "x509", "-in", certificate, "-noout", "-issuer", "-nameopt", "multiline").stdout.decode().split(" = ")[-1].strip()


def subject_of(certificate):
    return command("openssl", "x509", "-in", certificate, "-noout", "-subject", "-nameopt", "multiline").stdout.decode().split(" = ")[-1].strip()


def check_authorities(plant):
    """Each below the root, of path length 0, and for its uses alone."""
    pki = plant.data / "pki"
    uses = {"issuing": "TLS Web Client Authentication, TLS Web Server Authentication",
            "authority-north": "TLS Web Client Authentication, TLS Web Server Authentication",
            "authority-people": "TLS Web Client Authentication", "authority-servers": "TLS Web Server Authentication",
            "authority-code": "Code Signing"}
    for name, use in uses.items():
        command("openssl", "verify", "-CAfile", pki / "root.pem", pki / f"{name}.pem")
        said = command("openssl", "x509", "-in", pki / f"{name}.pem", "-noout", "-ext", "basicConstraints,extendedKeyUsage").stdout.decode()
        assert "CA:TRUE, pathlen:0" in said and said.strip().endswith("\n    " + use), (name, said)
        assert (pki / f"{name}.key").stat().st_mode & 0o77 == 0
    assert issuer_of(pki / "server.pem") == subject_of(pki / "authority-servers.pem")
    for purpose in ("release", "audit"):
        assert issuer_of(pki / f"{purpose}.pem") == subject_of(pki / "authority-code.pem")
    told = json.loads(command(plant.program, "ca", "show", "--data", plant.data, "-o", "json").stdout)["items"]
    assert [each["authority"] for each in told] == ["root", "issuing", "north", "people", "servers", "code"], told
    assert told[2]["for"] == "devices, gateways" and told[3]["for"] == "operators", told
    return len(uses)


def check_gateway(plant, folder, ca, gateway):
    """A gateway's certificate serves TLS by the name that its group gives, and no other."""
    cert, key = gateway
    said = command("openssl", "x509", "-in", cert, "-noout", "-ext", "extendedKeyUsage,subjectAltName").stdout.decode()
    assert "TLS Web Client Authentication, TLS Web Server Authentication" in said, said
    assert "DNS:gw-n.north.example, URI:urn:millwright:device:gw-n, URI:urn:millwright:gateway:gw-n" in said, said
    assert issuer_of(cert) == subject_of(plant.data / "pki/authority-north.pem")
    port = free_port()
    server = subprocess.Popen(["openssl", "s_server", "-accept", str(port), "-cert", str(cert), "-cert_chain",
                               str(folder / "issuing.pem"), "-key", str(key), "-www"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def asked(name):
            return command("curl", "-sS", "--cacert", ca, "--resolve", f"{name}:{port}:127.0.0.1", f"https://{name}:{port}/",
                           check=False)
        plants.wait_for(lambda: asked("gw-n.north.example").returncode == 0, lambda: str(asked("gw-n.north.example")), 30, every=0.2)
        assert asked("gw-2.north.example").returncode == 60  # another name
    finally:
        server.kill()
        server.wait()


def check_requests_of_gateways(plant, folder, ca):
    """What a request asks for changes nothing: people say who is a gateway."""
    attributes = command("curl", "-sSf", "--cacert", ca, plant.where["devices"] + "/.well-known/est/north-gateways/csrattrs").stdout
    said = command("openssl", "asn1parse", text=b"-----BEGIN X-----\n" + attributes + b"-----END X-----\n").stdout.decode()
    assert "Extension Request" in said and "X509v3 Extended Key Usage" in said, said
    rows = [("pump-1", "extendedKeyUsage=clientAuth,serverAuth"), ("pump-1", "subjectAltName=URI:urn:millwright:gateway:gw-8"),
            ("north-gateways", "subjectAltName=DNS:gw-n.north.example"), ("north-gateways", "subjectAltName=DNS:localhost"),
            ("north-gateways", "subjectAltName=IP:127.0.0.1"), ("north-gateways", "extendedKeyUsage=codeSigning")]
    for group, asks in rows:
        stranger = Stranger(plant, folder, ca, "gw-8", plant.ctl("enroll", "token", group).strip())
        stranger.make_key()
        status, _, body = stranger.post("simpleenroll", stranger.request("-addext", asks))
        assert status == 403, (group, asks, status, body)
    return len(rows)


def check_thieves(plant, folder, ca, known):
    """With the key of one authority: what it may not vouch for is refused, though signature, names and serial number fit."""
    pki, forge = plant.data / "pki", Forge(plant, folder)
    by = {name: (pki / f"{stem}.pem", pki / f"{stem}.key") for name, stem in (
        ("devices", "issuing"), ("north", "authority-north"), ("people", "authority-people"), ("servers", "authority-servers"),
        ("code", "authority-code"))}
    plant.ctl("user", "create", "ada", "--role", "viewer")
    person = [*DEVICE, uri("ada", "user")]

    def made(stem, name, signer, extensions):
        return forge.chain(forge.make(stem, name, by=by[signer], extensions=extensions), by[signer][0])

    def api(pair):
        return command("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", ca, "--cert", pair[0], "--key", pair[1],
                       plant.where["api"] + "/v1/devices", check=False).stdout.decode()
    # Whoever has the people's key is anybody among people; that is what its own key is for.
    assert api(made("ada-people", "ada", "people", person)) == "200"
    rows = [("a person", signer, made(f"ada-{signer}", "ada", signer, person)) for signer in ("devices", "north", "servers", "code")]
    for what, signer, pair in rows:
        code = api(pair)
        assert code in ("000", "401", "403"), f"{what} by {signer}: {code}"
    device = [*DEVICE, uri(known)]
    devices = [("a device", signer, made(f"device-{signer}", known, signer, device)) for signer in ("people", "servers", "code")]
    gateway = [*DEVICE, uri(known) + f",URI:urn:millwright:gateway:{known}"]
    devices += [("a gateway", signer, made(f"gateway-{signer}", known, signer, gateway)) for signer in ("people", "servers", "code")]
    for what, signer, pair in [*rows, *devices]:
        answer = tls_outcome(plant.ports["mqtt"], pair, CONNECT)
        assert answer[:1] != b"\x20" or answer[3:4] != b"\x00", f"{what} by {signer}: MQTT let it in"
    # The hub itself, and what it signs, by those who may not: openssl refuses the chain for what the authority lacks.
    host = [*DEVICE[:2], "extendedKeyUsage=serverAuth", "subjectAltName=DNS:localhost"]
    for signer, good in (("servers", True), ("people", False), ("code", False)):
        pair = made(f"host-{signer}", "localhost", signer, host)
        done = command("openssl", "verify", "-purpose", "sslserver", "-CAfile", ca, "-untrusted", by[signer][0], pair[0], check=False)
        assert (done.returncode == 0) == good, (signer, done)
    return len(rows) * 2 + len(devices) + 2


def check_status(plant, folder, url, ca, name, cert, whose):
    """Lists and answers of the authority that issued it, and of no other."""
    issuer = folder / f"{name}.issuer.pem"
    serial = serial_of(plant.data / f"pki/{name}.pem")
    der = command("curl", "-sSf", f"{url}/pki/{serial}/issuing.cer").stdout
    issuer.write_bytes(command("openssl", "x509", "-inform", "DER", text=der).stdout)

    def ocsp():
        done = command("openssl", "ocsp", "-issuer", issuer, "-cert", cert, "-CAfile", ca, "-url", f"{url}/ocsp")
        assert b"Response verify OK" in done.stdout + done.stderr, done
        return done.stdout.decode()

    def listed():
        file = folder / f"{name}.crl"
        file.write_bytes(command("curl", "-sSf", f"{url}/pki/{serial}/issuing.crl").stdout)
        done = command("openssl", "crl", "-inform", "DER", "-in", file, "-CAfile", issuer, "-noout", "-text")
        assert b"verify OK" in done.stderr, done.stderr
        return serial_of(cert).upper() in done.stdout.decode()
    assert f"URI:{url}/pki/{serial}/issuing.crl" in text_of(cert)
    assert ": good" in ocsp() and not listed()
    plant.ctl("certificate", "revoke", *whose, "--reason", "superseded")
    assert ": revoked" in ocsp() and listed()
    file = folder / "default.crl"
    file.write_bytes(command("curl", "-sSf", f"{url}/pki/issuing.crl").stdout)
    default = command("openssl", "crl", "-inform", "DER", "-in", file, "-noout", "-text").stdout.decode()
    assert serial_of(cert).upper() not in default, "on the list of who did not sign it"


def roll_over(plant, folder, kept):
    """The site's authority alone, by hand; the others stay as they are."""
    pki, request, signed = plant.data / "pki", folder / "north.csr", folder / "north.pem"
    before = {stem: serial_of(pki / f"{stem}.pem") for stem in ("issuing", "authority-people", "authority-north")}
    refused = command(plant.program, "ca", "request", "--data", plant.data, "--authority", "south", "--out", request, check=False)
    assert refused.returncode != 0 and b"'south'" in refused.stderr, refused
    command(plant.program, "ca", "request", "--data", plant.data, "--authority", "north", "--out", request)
    asked = command("openssl", "req", "-in", request, "-verify", "-noout", "-text").stdout.decode()
    assert "TLS Web Client Authentication, TLS Web Server Authentication" in asked, asked
    command(plant.program, "ca", "sign", "--root", pki, request, "--out", signed)
    assert "Code Signing" not in text_of(signed) and "Web Client" in text_of(signed)
    command(plant.program, "ca", "install", "--data", plant.data, "--authority", "north", signed)
    plant.hub.process.send_signal(signal.SIGHUP)
    plants.wait_for(lambda: "issuing=changed" in plant.hub.log.read_text(), lambda: plant.hub.tail(), 60)
    assert serial_of(pki / "issuing.pem") == before["issuing"] and serial_of(pki / "authority-people.pem") == before["authority-people"]
    (folder / "later").mkdir()
    ca, later, later_key = enroll_with_curl(plant, folder / "later", "gw-later", "north-gateways")
    assert issuer_of(later) == subject_of(signed)
    for name, cert, key in (("gw-n", *kept), ("gw-later", later, later_key)):
        command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", cert, "--key", key, "-q", "1",
                "-t", f"mw/v1/{name}/data/hand", "-m", json.dumps({"signal": "pressure", "t": plants.START_NS, "v": 1.5}))
    return before["authority-north"]


def scenario_authorities(context):
    """Issuing authorities by purpose and site: constraints, refusals, lists, OCSP, rollover; a gateway's certificate serves TLS."""
    folder = pathlib.Path(context.folder)
    plant = context.plant()
    plant.configure_hub(HUB)
    port = free_port()
    plant.start_hub("--status-port", port)
    plant.describe_plant(["gw-1"])
    plant.apply(GROUPS)
    counts = {"authorities": check_authorities(plant)}
    ca, first, _ = enroll_with_curl(plant, folder, "gw-1", "pump-1")
    assert issuer_of(first) == subject_of(plant.data / "pki/issuing.pem")
    _, kept, kept_key = enroll_with_curl(plant, folder, "gw-n", "north-gateways")
    check_gateway(plant, folder, ca, (kept, kept_key))
    counts["requests refused"] = check_requests_of_gateways(plant, folder, ca)
    counts["forged refused"] = check_thieves(plant, folder, ca, "gw-1")
    _, lost, _ = enroll_with_curl(plant, folder, "gw-lost", "north-gateways")
    url = f"http://localhost:{port}"
    check_status(plant, folder, url, ca, "authority-north", lost, ("--device", "gw-lost"))
    # People's certificates come from their own authority, whose chain comes along.
    key, csr, ada = folder / "ada.key", folder / "ada.csr", folder / "ada.pem"
    command("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-subj", "/CN=ada",
            "-out", csr)
    plant.ctl("user", "certificate", "ada", "--csr", csr, "--out", ada)
    command("openssl", "verify", "-purpose", "sslclient", "-CAfile", ca, "-untrusted", ada, ada)
    check_status(plant, folder, url, ca, "authority-people", ada, ("--user", "ada"))
    former = roll_over(plant, folder, (kept, kept_key))
    # After a restart all of it is there, and who had the old one is still let in and still revoked on its own list.
    plant.hub.stop()
    plant.start_hub("--status-port", port)
    listed = command("curl", "-sSf", f"{url}/pki/{former}/issuing.crl").stdout
    assert serial_of(lost).upper() in command("openssl", "crl", "-inform", "DER", "-noout", "-text", text=listed).stdout.decode()
    assert tls_outcome(plant.ports["mqtt"], (kept, kept_key), CONNECT)[:1] == b"\x20"
    plant.stop()
    return counts
