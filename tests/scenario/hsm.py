"""An authority whose keys are in a token (PKCS#11): Debian's SoftHSM and OpenSC make them, the hub signs by them, openssl and
curl believe what was signed. The token goes away and comes back; the next authority's key is made in it too."""
import json
import os
import pathlib
import re
import signal

import plant as plants
from est import Stranger
from revocation import Office, serial_of
from strangers import command, enroll_with_curl, free_port

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "73514628"


class Box:
    """A token in a folder, and what its owner does with it."""

    def __init__(self, folder):
        self.folder, self.tokens = folder, folder / "tokens"
        self.tokens.mkdir(parents=True)
        config = folder / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(config)
        command("softhsm2-util", "--init-token", "--free", "--label", "plant", "--pin", PIN, "--so-pin", "9876")

    def make_key(self, label, number, kind):
        command("pkcs11-tool", "--module", MODULE, "--token-label", "plant", "--login", "--pin", PIN, "--keypairgen",
                "--key-type", kind, "--label", label, "--id", number)

    def take_away(self):
        self.tokens.rename(self.folder / "away")
        self.tokens.mkdir()

    def bring_back(self):
        self.tokens.rmdir()
        (self.folder / "away").rename(self.tokens)


def metric(plant, name):
    text = command("curl", "-sS", "--cacert", plant.data / "pki/root.pem", plant.where["api"] + "/metrics").stdout.decode()
    match = re.search(rf"^{name} (\d+)", text, re.MULTILINE)
    return int(match[1]) if match else None


def alone(plant, *arguments, check=True):
    """A verb that works on the data directory, without a hub."""
    return command(plant.program, *arguments, check=check, env=plant.env)


def make_authorities(plant, box):
    """The ceremony of docs/trust.md."""
    box.make_key("root", "01", "EC:secp384r1")
    box.make_key("issuing", "02", "EC:prime256v1")
    plant.configure_hub(f"authority:\n  token_module: {MODULE}\n  token_pin_file: token.pin\n")
    init = ("ca", "init", "--data", plant.data, "--organisation", "Waterworks", "--root-key", "pkcs11:token=plant;object=root",
            "--issuing-key", "pkcs11:token=plant;object=issuing")
    (plant.data / "token.pin").write_text(PIN + "\n")
    refused = alone(plant, *init, check=False)
    assert refused.returncode == 4 and b"chmod 600" in refused.stderr, refused  # others may read it
    (plant.data / "token.pin").chmod(0o600)
    told = alone(plant, *init).stdout.decode()
    assert "Waterworks root" in told and "pkcs11:token=plant;object=issuing" in told and "P-384" in told, told
    again = alone(plant, *init, check=False)
    assert again.returncode == 5 and b"has its authorities already" in again.stderr, again
    names = {path.name for path in (plant.data / "pki").iterdir()}
    assert not names & {"root.key", "issuing.key"}, names


def check_signed_by_token(plant, office, lost):
    """Lists and answers, as strangers read them."""
    office.fetch()
    text = command("openssl", "x509", "-in", lost, "-noout", "-text").stdout.decode()
    assert re.search(rf"URI:{office.url}/pki/[0-9a-f]+/issuing.crl", text), text
    assert ": good" in office.ocsp("-cert", lost)
    plant.ctl("certificate", "revoke", "--device", "lost", "--reason", "key-compromise")
    assert serial_of(lost).upper() in office.crl(), "not on the list"
    said = office.ocsp("-cert", lost)
    assert "Response verify OK" in said and "revoked" in said, said
    assert not office.verify(lost)[0]


def lose_token(plant, box, folder, ca, kept):
    """Who is in stays in; who wants in waits; nobody restarts anything."""
    cert, key = kept
    box.take_away()
    waiting = Stranger(plant, folder, ca, "waiting", plant.ctl("enroll", "token", "pump-1").strip())
    waiting.make_key()
    request = waiting.request()
    status, head, body = waiting.post("simpleenroll", request)
    assert status == 503 and int(head["Retry-After"]) > 0 and b"'plant'" in body, (status, body)
    plants.wait_for(lambda: metric(plant, "millwright_token_reachable") == 0, "the metric of a token that is away", 30)
    assert metric(plant, "millwright_token_failures_total") >= 1
    command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", cert, "--key", key, "-q", "1",
            "-t", "mw/v1/kept/data/hand", "-m", json.dumps({"signal": "pressure", "t": plants.START_NS, "v": 1.5}))
    # A hub that starts meanwhile lets in whom it knows.
    plant.hub.stop()
    plant.start_hub("--status-port", plant.status_port)
    command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", cert, "--key", key, "-q", "1",
            "-t", "mw/v1/kept/data/hand", "-m", json.dumps({"signal": "pressure", "t": plants.START_NS + 1, "v": 1.5}))
    assert waiting.post("simpleenroll", request)[0] == 503
    box.bring_back()
    plants.wait_for(lambda: waiting.post("simpleenroll", request)[0] == 200, lambda: plant.hub.tail(), 60, every=0.5)
    plants.wait_for(lambda: metric(plant, "millwright_token_reachable") == 1, "the metric of a token that is back", 30)
    log = plant.hub.log.read_text()
    assert "crypto.token.lost" in log and "crypto.token.back" in log, log[-3000:]


def roll_over(plant, box, office, folder, kept):
    """Another key in the token, signed by the root in it; the hub takes it up at SIGHUP."""
    box.make_key("issuing-2", "03", "RSA:3072")
    request, signed = folder / "next.csr", folder / "next.pem"
    alone(plant, "ca", "request", "--data", plant.data, "--key", "pkcs11:token=plant;object=issuing-2", "--out", request)
    assert b"verify OK" in command("openssl", "req", "-in", request, "-verify", "-noout").stderr
    pki = plant.data / "pki"
    alone(plant, "ca", "sign", "--root", pki, request, "--out", signed, "--token-module", MODULE, "--token-pin-file",
          plant.data / "token.pin")
    command("openssl", "verify", "-CAfile", pki / "root.pem", signed)
    former = serial_of(pki / "issuing.pem")
    told = alone(plant, "ca", "install", "--data", plant.data, signed).stdout.decode()
    assert "former" in told and "object=issuing-2" in told and "RSA" in told, told
    plant.hub.process.send_signal(signal.SIGHUP)
    plants.wait_for(lambda: "issuing=changed" in plant.hub.log.read_text(), lambda: plant.hub.tail(), 60)
    (folder / "later").mkdir()
    ca, later, later_key = enroll_with_curl(plant, folder / "later", "later", "pump-1")
    text = command("openssl", "x509", "-in", later, "-noout", "-text").stdout.decode()
    assert "sha256WithRSAEncryption" in text, text
    for name, cert, key in (("kept", *kept), ("later", later, later_key)):
        command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", cert, "--key", key, "-q",
                "1", "-t", f"mw/v1/{name}/data/hand", "-m", json.dumps({"signal": "pressure", "t": plants.START_NS + 5, "v": 2}))
    # What the old one signed is revoked on its own list, which certificates name, signed by its own key.
    before = Office(plant, folder, plant.status_port)
    before.issuing = folder / "former.pem"
    before.issuing.write_bytes((pki / f"issuing-{former}.pem").read_bytes())
    assert ": good" in before.ocsp("-cert", kept[0])
    plant.ctl("certificate", "revoke", "--device", "kept", "--reason", "superseded")
    der = folder / "former.crl"
    der.write_bytes(command("curl", "-sSf", f"{before.url}/pki/{former}/issuing.crl").stdout)
    done = command("openssl", "crl", "-inform", "DER", "-in", der, "-CAfile", before.issuing, "-noout", "-text")
    assert b"verify OK" in done.stderr and serial_of(kept[0]).upper() in done.stdout.decode(), done
    said = before.ocsp("-cert", kept[0])
    assert "Response verify OK" in said and "revoked" in said, said
    office.fetch()
    assert serial_of(kept[0]).upper() not in office.crl(), "on the list of who did not sign it"


def scenario_hsm(context):
    """Root and issuing key in a SoftHSM token: enrolment, lists, OCSP; it goes away and comes back; rollover inside of it."""
    folder = pathlib.Path(context.folder)
    box = Box(folder / "box")
    plant = context.plant()
    plant.env["SOFTHSM2_CONF"] = os.environ["SOFTHSM2_CONF"]
    make_authorities(plant, box)
    plant.status_port = free_port()
    plant.start_hub("--status-port", plant.status_port)
    plant.describe_plant(["gw-1"])
    ca, kept, kept_key = enroll_with_curl(plant, folder, "kept", "pump-1")
    _, lost, _ = enroll_with_curl(plant, folder, "lost", "pump-1")
    office = Office(plant, folder, plant.status_port)
    check_signed_by_token(plant, office, lost)
    lose_token(plant, box, folder, ca, (kept, kept_key))
    roll_over(plant, box, office, folder, (kept, kept_key))
    # Since the restart; the hub looks once a second.
    signatures = plants.wait_for(lambda: max(metric(plant, "millwright_token_signatures_total") or 0, 5) - 5, "signatures", 30) + 5
    # Beside it a hub with its keys in files, open to the network, is told so.
    checked = [alone(each, "hub", "--check", "--data", each.data, "--listen", "0.0.0.0", "-o", "json", check=False).stdout
               for each in (plant, files_alone(context))]
    assert b"issuing.key" not in checked[0] and b"issuing.key" in checked[1] and b"PKCS#11" in checked[1], checked
    for log in (plant.hub.log, plant.data / "hub.json"):
        assert PIN not in log.read_text(), f"the PIN is in {log}"
    plant.stop()
    return {"signatures": signatures}


def files_alone(context):
    """The ceremony without a token: the root's key in a folder of its own."""
    other = context.plant()
    safe = other.folder / "safe"
    told = alone(other, "ca", "init", "--data", other.data, "--offline-root", safe).stdout.decode()
    assert f"file:{safe}/root.key" in told and (safe / "root.key").exists(), told
    assert not (other.data / "pki/root.key").exists()
    return other
