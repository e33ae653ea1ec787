"""Every operation of EST by hand, with curl and openssl; mosquitto connects with what they got."""
import base64
import email
import json
import pathlib
import socket
import ssl
import subprocess
import time

import plant as plants
from strangers import command, enroll_with_curl


class Stranger:
    """A device without our software: openssl makes its keys and requests, curl sends them."""

    def __init__(self, plant, folder, ca, name, token):
        self.est = plant.where["devices"] + "/.well-known/est"
        self.folder, self.ca, self.name, self.token = folder, ca, name, token
        self.key, self.cert = folder / f"{name}.key", folder / f"{name}.pem"

    def request(self, *more, key=None):
        csr = command("openssl", "req", "-new", "-key", key or self.key, "-subj", f"/CN={self.name}",
                      "-outform", "DER", *more).stdout
        path = self.folder / f"{self.name}.b64"
        path.write_bytes(base64.encodebytes(csr))
        return path

    def make_key(self, *kind):
        kind = kind or ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        command("openssl", "genpkey", *kind, "-out", self.key)

    def post(self, operation, request, *who):
        """Status, headers, body."""
        who = who or ("-u", f"{self.name}:{self.token}")
        head = self.folder / "head"
        body = command("curl", "-sS", "--cacert", self.ca, "-D", head, *who, "-H",
                       "Content-Type: application/pkcs10", "--data-binary", f"@{request}",
                       f"{self.est}/{operation}").stdout
        lines = head.read_text().replace("HTTP/1.1 100 Continue\n\n", "").splitlines()
        status = int(lines[0].split()[1])
        return status, email.message_from_string("\n".join(lines[1:])), body

    def keep(self, pkcs7):
        p7 = self.folder / "answer.p7"
        p7.write_bytes(pkcs7)
        command("openssl", "pkcs7", "-inform", "DER", "-in", p7, "-print_certs", "-out", self.cert)


def chain_of(plant, folder, stranger):
    """What TLS presents: the certificate and the authorities of cacerts."""
    chain = folder / f"{stranger.name}-chain.pem"
    chain.write_text(stranger.cert.read_text() + (folder / "issuing.pem").read_text())
    return chain


def publishes(plant, folder, stranger):
    done = command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile",
                   stranger.ca, "--cert", chain_of(plant, folder, stranger), "--key", stranger.key,
                   "-V", "5", "-q", "1", "-t", f"mw/v1/{stranger.name}/data/hand", "-m",
                   json.dumps({"signal": "pressure", "t": plants.START_NS, "v": 1.5}), check=False)
    return done.returncode == 0 and not done.stderr


def approve_by_hand(plant, folder, ca):
    """202 with Retry-After until an operator has decided; the same request then gets its certificate."""
    token = plant.ctl("enroll", "token", "by-hand").strip()
    waits, refused = (Stranger(plant, folder, ca, name, token) for name in ("waits", "refused"))
    for stranger in (waits, refused):
        stranger.make_key()
        status, head, body = stranger.post("simpleenroll", stranger.request())
        assert status == 202 and int(head["Retry-After"]) > 0 and b"operator" in body, (status, body)
    listed = plant.ctl("enroll", "list")
    assert "waits" in listed and "refused" in listed, listed
    key = command("openssl", "pkey", "-in", waits.key, "-pubout", "-outform", "DER").stdout
    digest = command("sha256sum", text=key).stdout.decode()[:16]
    assert digest in listed, f"the operator can't compare the key: {digest}\n{listed}"
    # Our own agent waits by itself, with one key.
    token_file = folder / "by-hand.token"
    token_file.write_text(token)
    token_file.chmod(0o600)
    agent = subprocess.Popen([plant.edge_cli, "enroll", "--hub", plant.where["devices"], "--token-file", token_file,
                              "--pin", plant.where["root_pin"], "--name", "agent", "--data", folder / "agent"],
                             env=plant.env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    plants.wait_for(lambda: "agent" in plant.ctl("enroll", "list"), "the agent waits", 60)
    plant.ctl("enroll", "approve", "agent")
    assert "approved" in plant.ctl("enroll", "approve", "waits")
    assert "denied" in plant.ctl("enroll", "deny", "refused")
    status, _, body = waits.post("by-hand/simpleenroll", waits.request())
    assert status == 200, (status, body)
    waits.keep(base64.b64decode(body))
    assert publishes(plant, folder, waits), "an approved device was not let in"
    status, _, body = refused.post("simpleenroll", refused.request())
    assert status == 403 and b"denied this device" in body, (status, body)
    _, words = agent.communicate(timeout=120)
    assert agent.returncode == 0 and "This waits" in words, words


def connect_by_hand(plant, folder, stranger):
    """A connection of MQTT 5 that is open and says nothing more."""
    context = ssl.create_default_context(cafile=str(stranger.ca))
    context.load_cert_chain(chain_of(plant, folder, stranger), stranger.key)
    plain = socket.create_connection(("localhost", int(plant.ports["mqtt"])), timeout=20)
    stream = context.wrap_socket(plain, server_hostname="localhost")
    name = stranger.name.encode()
    body = b"\x00\x04MQTT\x05\x02\x00\x3c\x00" + len(name).to_bytes(2, "big") + name
    stream.sendall(b"\x10" + bytes([len(body)]) + body)
    answer = stream.recv(4096)
    assert answer[0] == 0x20 and answer[3] == 0, answer
    return stream


def ends_of(stream):
    """What the hub says last: the bytes until it closes."""
    heard = b""
    while True:
        piece = stream.recv(4096)
        if not piece:
            return heard
        heard += piece


def live_and_retire(plant, folder, stranger):
    """Suspended: connected no longer than a second, no renewal; resumed: back; retired: gone for good."""
    stream = connect_by_hand(plant, folder, stranger)
    plants.wait_for(lambda: json.loads(plant.ctl("get", "devices", stranger.name, "-o", "json"))
                    ["status"]["state"] == "active", "the device is active", 20)
    assert "suspended" in plant.ctl("device", "suspend", stranger.name, "--why", "stolen")
    began = time.monotonic()
    heard = ends_of(stream)
    took = time.monotonic() - began
    # The bar is a second; the sanitizers and a busy machine get some more.
    assert took < 5, f"a suspended device stayed for {took:.1f} s"
    assert heard[:1] == b"\xe0", heard  # DISCONNECT
    assert not publishes(plant, folder, stranger), "a suspended device was let in"
    who = ("--cert", chain_of(plant, folder, stranger), "--key", stranger.key)
    status, _, body = stranger.post("simplereenroll", stranger.request(), *who)
    assert status == 403 and b"is suspended" in body, (status, body)
    plant.ctl("device", "resume", stranger.name)
    assert publishes(plant, folder, stranger), "a resumed device was not let in"
    plant.ctl("device", "quarantine", stranger.name)
    assert not publishes(plant, folder, stranger), "a device in quarantine was let in"
    status, _, body = stranger.post("simplereenroll", stranger.request(), *who)
    assert status == 200, (status, body)
    plant.ctl("device", "retire", stranger.name)
    refused = plant.ctl("device", "resume", stranger.name, check=False)
    assert refused.returncode != 0 and "final" in refused.stderr, refused
    return took


def scenario_est(context):
    """cacerts, csrattrs, simpleenroll, simplereenroll, serverkeygen, labels, approval, refusals, limits."""
    plant = context.plant()
    plant.start_hub()
    plant.describe_plant(["gw-1"])
    plant.ctl("apply", "-f", "-", text="""
kind: EnrollmentGroup
name: by-hand
spec: {approval: manual}
---
kind: EnrollmentGroup
name: weak-chips
spec: {server_keys: true, keys: [RSA-2048, P-256]}
""")
    folder = pathlib.Path(context.folder)
    # cacerts and simpleenroll without a label; leaves issuing.pem and the pinned root behind.
    ca, _, _ = enroll_with_curl(plant, folder, "plain", "pump-1")
    plain = Stranger(plant, folder, ca, "plain", "")
    assert publishes(plant, folder, plain), "the first certificate was not let in"

    # simplereenroll below the group's label, with another kind of key.
    old = ("--cert", chain_of(plant, folder, plain), "--key", folder / "plain.key")
    other = folder / "plain-2.key"
    command("openssl", "genpkey", "-algorithm", "ED25519", "-out", other)
    status, _, body = plain.post("pump-1/simplereenroll", plain.request(key=other), *old)
    assert status == 200, (status, body)
    status, _, body = plain.post("weak-chips/simplereenroll", plain.request(key=other), *old)
    assert status == 403 and b"weak-chips" in body, (status, body)
    plain.key = other
    status, _, body = plain.post("simplereenroll", plain.request(), *old)
    assert status == 200, (status, body)
    plain.keep(base64.b64decode(body))
    assert publishes(plant, folder, plain), "the renewed certificate was not let in"

    # csrattrs says which key; serverkeygen makes one of that kind.
    asked = base64.b64decode(command("curl", "-sSf", "--cacert", ca, plain.est + "/weak-chips/csrattrs").stdout)
    text = command("openssl", "asn1parse", "-inform", "DER", text=asked).stdout.decode()
    assert "rsaEncryption" in text and ":0800" in text, text
    token = plant.ctl("enroll", "token", "weak-chips").strip()
    weak = Stranger(plant, folder, ca, "weak", token)
    weak.make_key()
    status, head, body = weak.post("weak-chips/serverkeygen", weak.request())
    assert status == 200 and head.get_content_type() == "multipart/mixed", (status, body)
    whole = email.message_from_bytes(b"Content-Type: " + head["Content-Type"].encode() + b"\r\n\r\n" + body)
    key, certificate = whole.get_payload()
    assert key.get_content_type() == "application/pkcs8", key.get_content_type()
    command("openssl", "pkey", "-inform", "DER", "-out", weak.key, text=key.get_payload(decode=True))
    weak.keep(certificate.get_payload(decode=True))
    assert "(2048 bit" in command("openssl", "pkey", "-in", weak.key, "-noout", "-text").stdout.decode()
    assert publishes(plant, folder, weak), "a key of the hub's was not let in"

    approve_by_hand(plant, folder, ca)

    # Refusals say why, in one line and in the audit log.
    thief = Stranger(plant, folder, ca, "thief", plant.ctl("enroll", "token", "pump-1").strip())
    thief.key = other
    status, _, body = thief.post("simpleenroll", thief.request())
    assert status == 409 and b"another device has this key" in body, (status, body)
    thief.key = folder / "thief.key"
    thief.make_key()
    for more, status, words in ((("-addext", "basicConstraints=CA:TRUE"), 403, "certificate authority"),
                                (("-addext", "subjectAltName=DNS:localhost"), 403, "'localhost'"),
                                (("-sha1",), 400, "signature algorithm")):
        got, _, body = thief.post("simpleenroll", thief.request(*more))
        assert got == status and words in body.decode() and body.count(b"\n") == 1, (got, body)
    facts = plant.ctl("audit", "list", "--action", "enroll.refused", "-o", "json")
    assert "another device has this key" in facts and "certificate authority" in facts, facts

    took = live_and_retire(plant, folder, plain)

    # Who guesses is stopped, and told for how long.
    thief.token = "mwe_pump-1." + "A" * 43
    answers = [thief.post("simpleenroll", thief.request()) for _ in range(25)]
    assert answers[0][0] == 401 and answers[-1][0] == 429, [a[0] for a in answers]
    assert int(answers[-1][1]["Retry-After"]) > 0
    plant.stop()
    return {"shut_out_ms": round(took * 1000)}
