"""Certificates end before their time: openssl and curl hear of it from lists, deltas, OCSP and stapling; sessions on every
listener end; a kill forgets nothing."""
import base64
import pathlib
import subprocess
import time

import plant as plants
from strangers import command, enroll_with_curl, free_port, node_folder


class Office:
    """The hub's authority as strangers see it."""

    def __init__(self, plant, folder, port):
        self.plant, self.folder, self.url = plant, folder, f"http://localhost:{port}"
        self.ca = folder / "root.pem"
        self.issuing = folder / "issuing.pem"

    def fetch(self):
        der = command("curl", "-sSf", f"{self.url}/pki/issuing.cer").stdout
        self.issuing.write_bytes(command("openssl", "x509", "-inform", "DER", text=der).stdout)
        command("openssl", "verify", "-CAfile", self.ca, self.issuing)

    def crl(self, which="issuing"):
        """Fetched by curl, its signature checked and read by openssl."""
        file = self.folder / f"{which}.crl"
        file.write_bytes(command("curl", "-sSf", f"{self.url}/pki/{which}.crl").stdout)
        done = command("openssl", "crl", "-inform", "DER", "-in", file, "-CAfile", self.issuing, "-noout", "-text")
        assert b"verify OK" in done.stderr, done.stderr
        return done.stdout.decode()

    def ocsp(self, *what, url=None, check=True):
        done = command("openssl", "ocsp", "-issuer", self.issuing, *what, "-CAfile", self.ca, "-url",
                       url or f"{self.url}/ocsp", check=check)
        return done.stdout.decode() + done.stderr.decode()

    def verify(self, certificate):
        """As somebody who has only the list."""
        pem = self.folder / "list.pem"
        pem.write_bytes(command("openssl", "crl", "-inform", "DER", "-in", self.folder / "issuing.crl").stdout)
        done = command("openssl", "verify", "-CAfile", self.ca, "-untrusted", self.issuing, "-CRLfile", pem, "-crl_check",
                       certificate, check=False)
        return done.returncode == 0, (done.stdout + done.stderr).decode()


def serial_of(certificate):
    return command("openssl", "x509", "-in", certificate, "-noout", "-serial").stdout.decode().strip().split("=")[1].lower()


def number_of(text):
    lines = text.splitlines()
    return int(lines[[i for i, line in enumerate(lines) if "X509v3 CRL Number" in line][0] + 1])


def check_told(plant, office, folder, kept, lost):
    """What each stranger hears after `lost` was revoked."""
    serial = serial_of(lost)
    full, delta = office.crl(), office.crl("issuing-delta")
    for text in (full, delta):
        assert serial.upper() in text and "Key Compromise" in text, text
        assert serial_of(kept).upper() not in text, text
    assert "Delta CRL Indicator: critical" in delta and number_of(full) == number_of(delta)
    good, said = office.verify(lost)
    assert not good and "certificate revoked" in said, said
    assert office.verify(kept)[0], office.verify(kept)
    said = office.ocsp("-cert", lost)
    assert "Response verify OK" in said and "revoked" in said and "keyCompromise" in said and "WARNING" not in said, said
    assert ": good" in office.ocsp("-cert", kept)
    assert ": unknown" in office.ocsp("-serial", "0x1234")
    assert ": good" in office.ocsp("-sha256", "-cert", kept, "-no_nonce")
    # GET, as RFC 6960 has it; and by TLS on the devices listener too.
    request = folder / "request.der"
    command("openssl", "ocsp", "-issuer", office.issuing, "-cert", lost, "-no_nonce", "-reqout", request)
    path = base64.b64encode(request.read_bytes()).decode().replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    for where in (office.url, plant.where["devices"]):
        answer = folder / "answer.der"
        answer.write_bytes(command("curl", "-sSf", "--cacert", office.ca, f"{where}/ocsp/{path}").stdout)
        said = command("openssl", "ocsp", "-respin", answer, "-issuer", office.issuing, "-CAfile", office.ca, "-cert", lost)
        assert b"revoked" in said.stdout, said
    # What is no request gets an answer of the protocol, not an error of HTTP.
    for body, status in ((b"hello", 1), (b"0" * 4000, 1)):
        answer = command("curl", "-sSf", "--data-binary", "@-", "-H", "Content-Type: application/ocsp-request",
                         f"{office.url}/ocsp", text=body).stdout
        assert answer == bytes([0x30, 3, 10, 1, status]), answer


def check_staple(plant, office):
    for port in (plant.ports["api"], plant.ports["devices"], plant.ports["mqtt"]):
        shown = command("openssl", "s_client", "-connect", f"localhost:{port}", "-CAfile", office.ca, "-status", text=b"",
                        check=False).stdout.decode()
        assert "OCSP Response Status: successful" in shown and "Cert Status: good" in shown, shown[:2000]


def check_refusals(plant, office, lost):
    for arguments, code, words in (
            (["revoke", serial_of(lost)], 5, "already"), (["revoke", "4242"], 3, "issued no certificate"),
            (["revoke", "--device", "nobody"], 3, "no certificate that is in date"),
            (["revoke"], 2, "want one of"), (["show", "4242"], 3, "no certificate"),
            (["revoke", "--device", "kept", "--reason", "certificate-hold"], 2, "key-compromise"),
            (["list", "--state", "lost"], 2, "good, revoked or expired")):
        done = plant.ctl("certificate", *arguments, check=False)
        assert done.returncode == code and words in done.stderr, (arguments, done)
    plant.ctl("user", "create", "eve", "--role", "engineer", "--token-file", plant.folder / "eve.token")
    eve = (plant.folder / "eve.token").read_text().strip()
    got = command("curl", "-sS", "--cacert", office.ca, "-o", "/dev/null", "-w", "%{http_code}", "-H",
                  f"Authorization: Bearer {eve}", "-d", '{"subject":"device:kept"}',
                  plant.where["api"] + "/v1/certificates:revoke").stdout
    assert got == b"403", got


def stream_ends(plant, office):
    """A person's stream of events ends with their tokens."""
    plant.ctl("user", "create", "olga", "--role", "viewer", "--token-file", plant.folder / "olga.token")
    token = (plant.folder / "olga.token").read_text().strip()
    stream = plants.Process(["curl", "-sSN", "--cacert", office.ca, "-D", plant.folder / "olga.head", "-H",
                             f"Authorization: Bearer {token}", plant.where["api"] + "/v1/devices?watch=1"],
                            plant.folder / "olga.txt")
    plants.wait_for(lambda: "200" in (plant.folder / "olga.head").read_text()
                    if (plant.folder / "olga.head").exists() else False, "olga's stream is open", 30)
    began = time.monotonic()
    plant.ctl("user", "revoke", "olga")
    plants.wait_for(lambda: not stream.alive(), "olga's stream ends", 30, every=0.01)
    return time.monotonic() - began


def scenario_revocation(context):
    """Revoked by one command: out on MQTT, WebSocket and HTTPS, on lists, deltas, OCSP; a kill changes nothing."""
    plant = context.plant()
    port = free_port()
    plant.start_hub("--status-port", port)
    plant.describe_plant(["gw-1"])
    folder = pathlib.Path(context.folder)
    ca, kept, kept_key = enroll_with_curl(plant, folder, "kept", "pump-1")
    _, lost, lost_key = enroll_with_curl(plant, folder, "lost", "pump-1")
    office = Office(plant, folder, port)
    office.fetch()
    text = command("openssl", "x509", "-in", lost, "-noout", "-text").stdout.decode()
    by = f"{office.url}/pki/{serial_of(office.issuing)}"
    for words in (f"OCSP - URI:{office.url}/ocsp", f"URI:{by}/issuing.crl", f"CA Issuers - URI:{by}/issuing.cer"):
        assert words in text, text
    before = office.crl()
    named = command("curl", "-sSf", f"{by}/issuing.crl").stdout
    assert named == (folder / "issuing.crl").read_bytes(), "the list that certificates name is another"
    unknown = command("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"{office.url}/pki/4711/issuing.crl").stdout
    assert unknown == b"404", unknown
    assert "No Revoked Certificates" in before and f"URI:{by}/issuing-delta.crl" in before, before
    assert ": good" in office.ocsp("-cert", lost) and office.verify(lost)[0]
    check_staple(plant, office)
    assert serial_of(lost) in plant.ctl("certificate", "list", "--device", "lost", "--state", "good")

    node = node_folder(context)
    held, doors = [], {"mqtts": plant.ports["mqtt"], "wss": plant.ports["websocket"]}
    try:
        for device, cert, key in (("kept", kept, kept_key), ("lost", lost, lost_key)):
            for protocol in doors:
                held.append(plants.Process(["node", node / "mqttjs_hold.mjs", protocol, doors[protocol], device, ca, cert,
                                            key], folder / f"{device}-{protocol}.txt"))
                plants.wait_for(lambda: "connected" in held[-1].tail(), lambda: held[-1].tail(), 30)
        # A connection of the devices listener that only waits.
        idle = subprocess.Popen(["openssl", "s_client", "-quiet", "-connect", f"localhost:{plant.ports['devices']}",
                                 "-CAfile", str(ca), "-cert", str(lost), "-cert_chain", str(lost), "-key", str(lost_key)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        idle.stdin.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        idle.stdin.flush()
        assert b"200" in idle.stdout.readline()
        began = time.monotonic()
        told = plant.ctl("certificate", "revoke", "--device", "lost", "--reason", "key-compromise", "--why", "gateway stolen")
        took = time.monotonic() - began
        assert f"revoked {serial_of(lost)} of device:lost" in told and "sessions ended: 3" in told, told
        for process in held[2:]:
            plants.wait_for(lambda: not process.alive(), "the revoked certificate's session ends", 30, every=0.01)
            assert "ended 152" in process.tail(), process.tail()  # administrative action
        idle.stdout.read()  # to the end
        idle.wait(30)
        assert all(process.alive() for process in held[:2]), [process.tail() for process in held[:2]]
    finally:
        for process in held:
            process.kill()
    check_told(plant, office, folder, kept, lost)
    check_refusals(plant, office, lost)
    shown = plant.ctl("certificate", "show", serial_of(lost))
    assert "gateway stolen" in shown and "user:admin" in shown, shown
    assert "certificate.revoked" in plant.ctl("audit", "list")
    assert "device:lost, serial" in plant.ctl("audit", "list", "-o", "json")

    # TLS itself says so, also to EST; the key is good for nothing any more, a new one is.
    renewal = command("curl", "-sS", "--cacert", ca, "--cert", lost, "--key", lost_key, "-d", "x",
                      plant.where["devices"] + "/.well-known/est/simplereenroll", check=False)
    assert renewal.returncode != 0 and b"revoked" in renewal.stderr, renewal
    est = plant.where["devices"] + "/.well-known/est/simpleenroll"
    token = plant.ctl("enroll", "token", "pump-1").strip()
    same = command("curl", "-sS", "--cacert", ca, "-u", f"lost:{token}", "-H", "Content-Type: application/pkcs10",
                   "--data-binary", "@-", est,
                   text=base64.b64encode(command("openssl", "req", "-new", "-key", lost_key, "-subj", "/CN=lost", "-outform",
                                                 "DER").stdout))
    assert b"compromised" in same.stdout, same
    number = number_of(office.crl())
    plant.hub.kill()
    plant.start_hub("--status-port", port)
    assert number_of(office.crl()) > number, "the list's number went back over a kill"
    check_told_again = office.ocsp("-cert", lost)
    assert "revoked" in check_told_again, check_told_again
    assert command("curl", "-sS", "--cacert", ca, "--cert", lost, "--key", lost_key, plant.where["devices"] + "/healthz",
                   check=False).returncode != 0, "revoked, and let in after a kill"
    (folder / "again").mkdir()
    _, again, again_key = enroll_with_curl(plant, folder / "again", "lost", "pump-1")
    done = command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", again, "--key",
                   again_key, "-q", "1", "-t", "mw/v1/lost/data/x", "-m", '{"signal":"pressure","t":1767600000000000000,"v":1}')
    assert done.returncode == 0
    ended = stream_ends(plant, office)
    plant.stop()
    return {"revoke_s": round(took, 2), "stream_ended_s": round(ended, 2)}
