"""Audit facts elsewhere: rsyslog takes them over TLS, a webhook by signed batches, each of them at least once and in order, whatever
stops in between; openssl alone checks a signed head."""
import base64
import datetime
import hashlib
import hmac
import http.server
import json
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import threading

import plant as plants
from strangers import command

HUB = """
audit:
  forward:
    - {{name: siem, syslog: "tls://localhost:{syslog}", ca_file: sink-root.pem, cert_file: our.pem, key_file: our.key, from: start}}
    - {{name: soc, webhook: "https://localhost:{webhook}/hooks/hub?team=soc", ca_file: sink-root.pem, secret_file: hook.secret,
        actions: [login.refused, enroll, create], from: start}}
"""
RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{folder}/sink-root.pem"
       defaultNetstreamDriverCertFile="{folder}/sink.pem" defaultNetstreamDriverKeyFile="{folder}/sink.key")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="{port}" listenPortFileName="{folder}/syslog.port")
template(name="fact" type="string" string="%msgid% %pri% %app-name% %hostname% %msg%\\n")
action(type="omfile" file="{folder}/facts.log" template="fact" asyncWriting="off" flushOnTXEnd="on")
"""


def certificates(folder):
    """A root, and below it the receivers' certificate and ours."""
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    command("openssl", "req", "-x509", *ec, "-keyout", folder / "sink-root.key", "-out", folder / "sink-root.pem", "-subj",
            "/CN=Sink root")
    for name, alternative in (("sink", "DNS:localhost"), ("our", "DNS:hub.example")):
        command("openssl", "req", "-x509", *ec, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-subj",
                f"/CN={name}", "-CA", folder / "sink-root.pem", "-CAkey", folder / "sink-root.key", "-addext",
                f"subjectAltName={alternative}", "-addext", "basicConstraints=critical,CA:FALSE")


class Rsyslog:
    def __init__(self, folder):
        self.folder, self.port, self.process = folder, 0, None

    def start(self):
        config = self.folder / "rsyslog.conf"
        config.write_text(RSYSLOG.format(folder=self.folder, port=self.port))
        told = self.folder / "syslog.port"
        told.unlink(missing_ok=True)
        log = open(self.folder / "rsyslog.log", "ab")
        self.process = subprocess.Popen(["/usr/sbin/rsyslogd", "-n", "-f", config, "-i", self.folder / "rsyslog.pid"],
                                        stdout=log, stderr=log)
        if self.port:  # the same again; of such a port it writes no file
            plants.wait_for(self.listens, lambda: "rsyslog listens again\n" + self.said(), 60)
            return
        plants.wait_for(lambda: told.exists() and told.read_text().strip(), lambda: "rsyslog listens\n" + self.said(), 60)
        self.port = int(told.read_text())

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True
        except OSError:
            return False

    def said(self):
        return (self.folder / "rsyslog.log").read_text()[-2000:]

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def messages(self):
        """(msgid, priority, application, host, fact) of each line that is whole."""
        file = self.folder / "facts.log"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(*line.split(" ", 4)[:4], json.loads(line.split(" ", 4)[4])) for line in lines if line.endswith("}")]


class Webhook:
    """Takes batches by HTTPS; refuses the first ones, then says yes."""

    def __init__(self, folder, secret):
        self.batches, self.wrong, self.refuse, sink = [], [], 3, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fields = dict(each.split("=", 1) for each in self.headers["Millwright-Signature"].split(","))
                signed = hmac.new(secret, fields["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
                if not hmac.compare_digest(signed, fields["v1"]) or self.path != "/hooks/hub?team=soc":
                    sink.wrong.append((self.path, dict(self.headers)))
                taken, sink.refuse = sink.refuse <= 0, sink.refuse - 1
                if taken:
                    sink.batches.append((self.headers["Millwright-Delivery"], json.loads(body)))
                self.send_response(204 if taken else 503)
                if not taken:
                    self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "sink.pem", folder / "sink.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def facts(self):
        return [fact for _, batch in self.batches for fact in batch["facts"]]


def all_facts(plant):
    listed = json.loads(plant.ctl("audit", "list", "--limit", "2000", "-o", "json"))
    return listed["items"] if isinstance(listed, dict) else listed


def check_syslog(plant, syslog, what):
    """Every fact that the hub has now comes, in order."""
    wanted = {fact["sequence"]: fact["hash"] for fact in all_facts(plant)}

    def there():
        got = {message[4]["sequence"]: message[4]["hash"] for message in syslog.messages()}
        return all(got.get(sequence) == digest for sequence, digest in wanted.items())
    plants.wait_for(there, lambda: f"{what}: {len(syslog.messages())} of {len(wanted)} facts at rsyslog\n{syslog.said()}\n"
                    + plant.hub.tail(), 120, every=0.5)
    sequences = [message[4]["sequence"] for message in syslog.messages()]
    firsts = list(dict.fromkeys(sequences))
    assert firsts == sorted(firsts), f"{what}: not in order"
    return len(sequences)


def refuse_logins(plant, count):
    for i in range(count):
        command("curl", "-sS", "--cacert", plant.data / "pki/root.pem", "-o", "/dev/null", "-H",
                f"Authorization: Bearer mwt_nobody_{i}", plant.where["api"] + "/v1/devices")


def check_ids(context, facts):
    table = (context.root / "docs/formats/audit-events.md").read_text()
    known = dict(re.findall(r"^\| `([a-z.]+)` \| (\w+) \|", table, re.M))
    for fact in facts:
        assert fact["severity"] == known.get(fact["action"], "info"), fact
    assert {"login.refused", "create", "enroll.token.issued"} <= {fact["action"] for fact in facts} & set(known)


def check_head(plant, folder):
    """What the witness keeps is checked with openssl and arithmetic alone: docs/formats/audit-log.md."""
    told = json.loads(plant.ctl("audit", "head"))
    head, chain = told.get("head", told), base64.b64decode(told["certificates"])
    seconds, _, fraction = head["time"].rstrip("Z").partition(".")
    when = datetime.datetime.fromisoformat(seconds).replace(tzinfo=datetime.timezone.utc)
    nanoseconds = int(when.timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)
    part = {name: base64.b64decode(head[name]) for name in ("root", "previous", "signer", "signature")}
    signed = struct.pack("<Q", int(head["size"])) + part["root"] + struct.pack("<q", nanoseconds) + part["previous"] + part["signer"]
    assert len(signed) == 112 and part["signer"] == hashlib.sha256(chain).digest()
    (folder / "head.bin").write_bytes(b"mw-audit-head-1\n" + signed)
    (folder / "head.sig").write_bytes(part["signature"])
    length = 4 + int.from_bytes(chain[2:4], "big")  # DER: 30 82 and the length
    for name, der in (("signer", chain[:length]), ("issuer", chain[length:])):
        command("openssl", "x509", "-inform", "DER", "-out", folder / f"{name}.pem", text=der)
    command("openssl", "verify", "-CAfile", plant.data / "pki/root.pem", "-untrusted", folder / "issuer.pem", "-purpose", "any",
            folder / "signer.pem")
    key = command("openssl", "x509", "-in", folder / "signer.pem", "-noout", "-pubkey").stdout
    (folder / "signer.pub").write_bytes(key)
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", folder / "signer.pub", "-rawin", "-sigfile", folder / "head.sig", "-in"]
    command(*verify, folder / "head.bin")
    forged = bytearray((folder / "head.bin").read_bytes())
    forged[16] ^= 1
    (folder / "forged.bin").write_bytes(forged)
    assert command(*verify, folder / "forged.bin", check=False).returncode != 0


def check_redaction(plant, folder):
    """People are taken out of facts, and the log still verifies, also against a head that was kept before."""
    for path in ("users/petronella", "sites/petronella"):
        command("curl", "-sS", "--cacert", plant.data / "pki/root.pem", "-o", "/dev/null", "-H", "Authorization: Bearer mwt_nobody_x",
                f"{plant.where['api']}/v1/{path}")
    plants.wait_for(lambda: sum("petronella" in fact["detail"] for fact in all_facts(plant)) == 2, "facts about two refusals", 30)
    (folder / "kept.json").write_text(plant.ctl("audit", "head"))
    about = [fact["sequence"] for fact in all_facts(plant) if "petronella" in fact["detail"]]
    assert len(about) == 2, about
    refused = plant.ctl("audit", "redact", *about, "--why", "asked for", check=False)
    assert refused.returncode == 2 and "--yes" in refused.stderr, refused
    plant.ctl("audit", "redact", *about, "--why", "asked for", "--yes")
    facts = {fact["sequence"]: fact for fact in all_facts(plant)}
    assert all(facts[each]["detail"] == facts[each]["actor"] == "" and facts[each]["redacted"] for each in about), facts
    said = facts[max(facts)]
    assert said["action"] == "audit.redacted" and said["detail"] == f"facts {about[0]}, {about[1]}: asked for", said
    plant.ctl("audit", "export", folder / "log.mwaudit")
    verify = ["audit", "verify", folder / "log.mwaudit", "--root", plant.data / "pki/root.pem"]
    plant.ctl(*verify, "--head", folder / "kept.json")
    plant.ctl("audit", "verify")


def metrics_of(plant):
    return command("curl", "-sS", "--cacert", plant.data / "pki/root.pem", plant.where["api"] + "/metrics").stdout.decode()


def scenario_audit_forward(context):
    """rsyslog over TLS and a signed webhook get every audit fact, through crashes of each side; openssl checks a signed head;
    people are taken out of facts and the log still verifies."""
    plant, folder = context.plant(), pathlib.Path(context.folder)
    certificates(folder)
    secret = b"a shared secret of a test"
    syslog, webhook = Rsyslog(folder), Webhook(folder, secret)
    try:
        syslog.start()
        plant.configure_hub(HUB.format(syslog=syslog.port, webhook=webhook.port))
        for name in ("sink-root.pem", "our.pem", "our.key"):
            (plant.data / name).write_bytes((folder / name).read_bytes())
            (plant.data / name).chmod(0o600)
        (plant.data / "hook.secret").write_bytes(secret + b"\n")
        (plant.data / "hook.secret").chmod(0o644)
        unsafe = plant.ctl("hub", "--data", plant.data, "--api-port", 0, check=False)
        assert unsafe.returncode == 4 and "chmod 600" in unsafe.stderr, unsafe
        checked = plant.ctl("hub", "--data", plant.data, "--check", check=False)
        assert checked.returncode == 1 and "hook.secret: others may read this secret" in checked.stdout, checked
        (plant.data / "hook.secret").chmod(0o600)
        checked = json.loads(plant.ctl("hub", "--data", plant.data, "--check", "-o", "json"))
        assert not checked["dangerous"] and {"note", "risk"} >= {item["weight"] for item in checked["items"]}, checked
        plant.start_hub()
        plant.describe_plant(["gw-1"])
        plant.ctl("enroll", "token", "pump-1")
        refuse_logins(plant, 3)
        check_syslog(plant, syslog, "at first")
        msgid, priority, application, host, fact = next(m for m in syslog.messages() if m[4]["action"] == "login.refused")
        assert (msgid, priority, application, host) == ("login.refused", "108", "millwright", "localhost"), syslog.messages()[-1]
        check_ids(context, [message[4] for message in syslog.messages()])
        # The receiver is away, then the hub is killed; the hub comes back first.
        syslog.stop()
        refuse_logins(plant, 4)
        plant.hub.kill()
        plant.start_hub()
        plant.apply("kind: Site\nname: south\nspec: {}\n")
        syslog.start()
        messages = check_syslog(plant, syslog, "after both were away")
        # The webhook said no three times, and has what it asked for, without a gap.
        wanted = [f["sequence"] for f in all_facts(plant) if re.match(r"(login\.refused|enroll|create)(\.|$)", f["action"])]
        plants.wait_for(lambda: set(wanted) <= {f["sequence"] for f in webhook.facts()},
                        lambda: f"{len(webhook.facts())} of {len(wanted)} at the webhook\n{plant.hub.tail()}", 90, every=0.5)
        assert not webhook.wrong and webhook.refuse <= 0, webhook.wrong
        firsts = list(dict.fromkeys(f["sequence"] for f in webhook.facts()))
        assert firsts == sorted(firsts) and set(firsts) <= {f["sequence"] for f in all_facts(plant)}
        assert all(batch["hub"] == "localhost" for _, batch in webhook.batches)
        # What rsyslog has written may not be counted yet.
        plants.wait_for(lambda: re.search(r'millwright_forward_facts_total\{target="siem"\} [1-9]', metrics_of(plant)),
                        lambda: [line for line in metrics_of(plant).splitlines() if "forward" in line], 60, every=0.2)
        assert secret.decode() not in plant.hub.log.read_text(), "a secret was logged"
        check_head(plant, folder)
        check_redaction(plant, folder)
        plant.stop()
        assert b"petronella" not in (plant.data / "registry.db").read_bytes(), "a name that was taken out is on the disk"
    finally:
        syslog.stop()
        webhook.server.shutdown()
    return {"messages": messages, "batches": len(webhook.batches)}
