"""What strangers try: certificates, tokens and requests that must not pass. Each is refused with its code, and leaves a fact."""
import base64
import json
import pathlib
import re
import socket
import ssl
import time

import plant as plants
from strangers import command, enroll_with_curl


class Forge:
    """Certificates that openssl makes with the hub's own keys, or with others: the worst that a thief could."""

    def __init__(self, plant, folder):
        self.pki, self.folder, self.count = plant.data / "pki", folder / "forge", 0
        self.folder.mkdir()
        self.root = (self.pki / "root.pem", self.pki / "root.key")
        self.issuing = (self.pki / "issuing.pem", self.pki / "issuing.key")
        self.other = self.authority("Other CA")

    def key(self, name, kind="P-256"):
        file = self.folder / f"{name}.key"
        how = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind}"] if kind.isdigit() else \
            ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"]
        command("openssl", "genpkey", *how, "-out", file)
        return file

    def authority(self, name, by=None, more=()):
        """A CA of its own, or below another one."""
        stem = name.replace(" ", "-").lower()
        return self.make(stem, name, by=by, extensions=["basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign,cRLSign",
                                                        *more])

    def make(self, stem, name, by=None, extensions=(), begins="20200101000000Z", ends="20400101000000Z", digest="sha256",
             kind="P-256", key=None):
        self.count += 1
        key = key or self.key(stem, kind)
        csr, certificate, base = self.folder / f"{stem}.csr", self.folder / f"{stem}.pem", self.folder / f"{stem}.d"
        command("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", csr)
        base.mkdir()
        (base / "index.txt").touch()
        (base / "serial").write_text(f"{self.count:032x}\n")
        text = f"[ca]\ndefault_ca=it\n[it]\ndatabase={base}/index.txt\nserial={base}/serial\nnew_certs_dir={base}\n" \
               f"default_md={digest}\npolicy=any\nx509_extensions=x\nunique_subject=no\n[any]\ncommonName=supplied\n[x]\n"
        (base / "ca.cnf").write_text(text + "\n".join(extensions) + "\n")
        signer = ["-cert", by[0], "-keyfile", by[1]] if by else ["-selfsign", "-keyfile", key]
        command("openssl", "ca", "-batch", "-config", base / "ca.cnf", *signer, "-in", csr, "-out", certificate, "-notext",
                "-startdate", begins, "-enddate", ends)
        return certificate, key

    def chain(self, leaf, *more):
        file = self.folder / f"{leaf[0].stem}-chain.pem"
        file.write_text("".join(pathlib.Path(each).read_text() for each in (leaf[0], *more)))
        return file, leaf[1]


DEVICE = ["basicConstraints=CA:FALSE", "keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"]


def uri(name, kind="device"):
    return f"subjectAltName=URI:urn:millwright:{kind}:{name}"


def certificates(forge, lost):
    """(what, certificate with its chain, key)"""
    issuing, root, other = forge.issuing, forge.root, forge.other
    sub = forge.authority("Sub CA", by=issuing)  # the issuing authority's path length is 0
    named = forge.authority("Named CA", by=root, more=["nameConstraints=critical,permitted;URI:.example"])
    twin = forge.authority("Twin issuing", by=root)
    rows = [
        ("of itself", forge.make("own", "gw-1", extensions=[*DEVICE, uri("gw-1")])),
        ("of another authority", forge.chain(forge.make("foreign", "gw-1", by=other, extensions=[*DEVICE, uri("gw-1")]), other[0])),
        ("expired", forge.make("expired", "gw-1", by=issuing, ends="20210101000000Z", extensions=[*DEVICE, uri("gw-1")])),
        ("not yet valid", forge.make("early", "gw-1", by=issuing, begins="20390101000000Z", extensions=[*DEVICE, uri("gw-1")])),
        ("for servers", forge.make("server", "gw-1", by=issuing, extensions=[*DEVICE[:2], "extendedKeyUsage=serverAuth", uri("gw-1")])),
        ("for code", forge.make("code", "gw-1", by=issuing, extensions=[*DEVICE[:2], "extendedKeyUsage=codeSigning", uri("gw-1")])),
        ("for mail", forge.make("mail", "gw-1", by=issuing, extensions=[*DEVICE[:2], "extendedKeyUsage=emailProtection", uri("gw-1")])),
        ("path length", forge.chain(forge.make("deep", "gw-1", by=sub, extensions=[*DEVICE, uri("gw-1")]), sub[0], issuing[0])),
        ("name constraints", forge.chain(forge.make("named", "gw-1", by=named, extensions=[*DEVICE, uri("gw-1")]), named[0])),
        ("twin of the authority", forge.chain(forge.make("twin", "gw-1", by=twin, extensions=[*DEVICE, uri("gw-1")]), twin[0])),
        ("signed by the root", forge.make("rooted", "gw-1", by=root, extensions=[*DEVICE, uri("gw-1")])),
        ("an authority's", forge.make("ca", "gw-1", by=issuing, extensions=["basicConstraints=critical,CA:TRUE",
                                                                               "keyUsage=keyCertSign,digitalSignature", uri("gw-1")])),
        ("signed by a leaf", forge.chain(forge.make("leafy", "gw-1", by=lost, extensions=[*DEVICE, uri("gw-1")]), lost[0], issuing[0])),
        ("no alternative name", forge.make("bare", "gw-1", by=issuing, extensions=DEVICE)),
        ("two names", forge.make("two", "gw-1", by=issuing, extensions=[*DEVICE, uri("gw-1") + ",URI:urn:millwright:device:gw-2"])),
        ("another's name", forge.make("mixed", "gw-2", by=issuing, extensions=[*DEVICE, uri("gw-1")])),
        ("a host's name", forge.make("dns", "gw-1", by=issuing, extensions=[*DEVICE, uri("gw-1") + ",DNS:localhost"])),
        ("an unknown kind", forge.make("kind", "gw-1", by=issuing, extensions=[*DEVICE, uri("gw-1", "god")])),
        ("a serial never issued", forge.make("serial", "gw-1", by=issuing, extensions=[*DEVICE, uri("gw-1")])),
        ("of nobody", forge.make("nobody", "gw-77", by=issuing, extensions=[*DEVICE, uri("gw-77")])),
        ("capitals", forge.make("capitals", "GW-1", by=issuing, extensions=[*DEVICE, uri("GW-1")])),
        ("a short RSA key", forge.make("short", "gw-1", by=issuing, kind="1024", extensions=[*DEVICE, uri("gw-1")])),
        ("SHA-1", forge.make("sha1", "gw-1", by=issuing, digest="sha1", extensions=[*DEVICE, uri("gw-1")])),
        ("revoked", lost),
    ]
    return [(what, forge.chain(pair, issuing[0]) if "-chain" not in pair[0].name and what != "of itself" else pair)
            for what, pair in rows]


def tls_outcome(port, pair, payload):
    """The first bytes that come back, or nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    if pair:
        context.load_cert_chain(pair[0], pair[1])
    try:
        with socket.create_connection(("localhost", port), timeout=20) as raw, context.wrap_socket(raw) as stream:
            stream.sendall(payload)
            return stream.recv(4096)
    except (ssl.SSLError, ConnectionError):
        return b""


CONNECT = bytes.fromhex("10140004") + b"MQTT" + bytes.fromhex("04020000") + b"\x00\x08" + b"stranger"


def check_certificates(plant, forge, lost):
    rows = certificates(forge, lost)
    for what, pair in rows:
        answer = tls_outcome(plant.ports["mqtt"], pair, CONNECT)
        # Nothing, or a CONNACK with another code than 0.
        assert answer[:1] != b"\x20" or answer[3:4] != b"\x00", f"{what}: MQTT let it in"
        answer = tls_outcome(plant.ports["devices"], pair, b"GET /v1/blobs/" + b"0" * 64 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        code = answer.split(b" ")[1] if answer else b"tls"
        assert code in (b"tls", b"401", b"403"), f"{what}: {answer[:200]}"
    assert tls_outcome(plant.ports["mqtt"], None, CONNECT) == b"", "no certificate at all"
    return 2 * len(rows) + 1


def head(*lines, body=b""):
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def requests(token):
    """(what, bytes, statuses)"""
    auth, host = f"Authorization: Bearer {token}", "Host: localhost"
    inner = b"GET /v1/users HTTP/1.1\r\nHost: x\r\n\r\n"
    get = "GET /v1/devices HTTP/1.1"
    rows = [(f"traversal {path}", head(f"GET {path} HTTP/1.1", host, auth), {400, 404}) for path in (
        "/../etc/passwd", "/v1/../../etc/passwd", "/v1/%2e%2e/%2e%2e/etc/passwd", "/v1/..%2f..%2fetc", "/v1/devices/..%5c..",
        "/v1/blobs/%00", "/v1/devices/a%2Fb", "/v1/devices/%", "/v1/devices/%zz", "/ocsp/..%2f..%2fetc", "/v1/./devices")]
    post = "POST /v1/query HTTP/1.1"
    rows += [
        ("length and chunks", head(post, host, auth, "Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + inner), {400}),
        ("chunks and length", head(post, host, auth, "Transfer-Encoding: chunked", "Content-Length: 4", body=b"0\r\n\r\n" + inner), {400}),
        ("two lengths", head(post, host, auth, "Content-Length: 0", f"Content-Length: {len(inner)}", body=inner), {400}),
        ("a list of lengths", head(post, host, auth, "Content-Length: 0, 5", body=inner), {400}),
        ("a length with a sign", head(post, host, auth, "Content-Length: +0", body=inner), {400}),
        ("a negative length", head(post, host, auth, "Content-Length: -1", body=inner), {400}),
        ("a hexadecimal length", head(post, host, auth, "Content-Length: 0x10", body=inner), {400}),
        ("an endless length", head(post, host, auth, "Content-Length: 99999999999999999999999", body=inner), {400, 413}),
        ("xchunked", head(post, host, auth, "Transfer-Encoding: xchunked", body=inner), {400, 501}),
        ("chunked twice", head(post, host, auth, "Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n" + inner), {400, 501}),
        ("chunked and not last", head(post, host, auth, "Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + inner), {400, 501}),
        ("a chunk size that is none", head(post, host, auth, "Transfer-Encoding: chunked", body=b"zz\r\n\r\n" + inner), {400}),
        ("a huge chunk", head(post, host, auth, "Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n" + inner), {400, 413}),
        ("a space before the colon", head(get, host, auth, "Content-Length : 5", body=inner), {400}),
        ("a folded header", head(get, host, auth, "X: 1\r\n Content-Length: 5", body=inner), {400}),
        ("a header without a name", head(get, host, auth, ": x"), {400}),
        ("a zero byte in a header", head(get, host, auth, "X: a\0b"), {400}),
        ("no host", head(get, auth), {400}),
        ("two hosts", head(get, host, "Host: evil.example", auth), {400}),
        ("a version of tomorrow", head("GET /v1/devices HTTP/9.9", host, auth), {400, 505}),
        ("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
        ("no request at all", b"\x16\x03\x01\x02\x00hello\r\n\r\n", {400}),
        ("an unknown method", head("BREW /v1/devices HTTP/1.1", host, auth), {400, 405, 501}),
        ("a space in the target", head("GET /v1/ devices HTTP/1.1", host, auth), {400, 505}),
        ("headers of 40 KiB", head(get, host, auth, "X: " + "a" * 40_000), {431}),
        ("a thousand headers", head(get, host, auth, *[f"X-{i}: y{'z' * 20}" for i in range(1000)]), {431}),
        ("a target of 20 KiB", head("GET /" + "a" * 20_000 + " HTTP/1.1", host, auth), {414, 431}),
        ("a body past the limit", head(post, host, auth, "Content-Length: 999999999"), {413}),
        ("a stranger's body", head(post, host, "Content-Length: 100000"), {401, 413}),
    ]
    return rows


def talk(port, data):
    """All that comes back until the end, or 5 s of silence."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    answer = b""
    with socket.create_connection(("localhost", port), timeout=5) as raw, context.wrap_socket(raw) as stream:
        try:
            stream.sendall(data)
            while part := stream.recv(65536):
                answer += part
        except (TimeoutError, OSError):
            pass
    return answer


def check_requests(plant, token):
    rows = requests(token)
    for what, data, statuses in rows:
        answer = talk(plant.ports["api"], data)
        match = re.match(rb"HTTP/1\.1 (\d+)", answer)
        assert match and int(match[1]) in statuses, f"{what}: want {statuses}, got {answer[:160]}"
        # What was smuggled behind it is nobody's request.
        assert answer.count(b"HTTP/1.1 ") == 1, f"{what}: two answers\n{answer[:600]}"
    return len(rows)


def check_tokens(plant, ca, token, folder):
    def status(*header, path="/v1/devices", data=()):
        return int(command("curl", "-sS", "--cacert", ca, "-o", "/dev/null", "-w", "%{http_code}",
                           *[a for h in header for a in ("-H", h)], *data, plant.where["api"] + path).stdout)
    count = 0
    plant.ctl("user", "create", "eve", "--role", "viewer", "--token-file", folder / "eve.token")
    eve = (folder / "eve.token").read_text().strip()
    secret = token.rsplit("_", 1)[1]
    for wrong in ("mwt_admin_" + "A" * 43, "mwt_nobody_" + secret, "mwt_eve_" + secret, "mwt_admin_" + secret[:-1], token + "A",
                  token.upper(), "mwt_admin_", "mwt__" + secret, "", "admin", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
                  "mwt_../admin_" + secret, "mwt_admin\u00a0_" + secret, "x" * 4000):
        got = status(f"Authorization: Bearer {wrong}")
        assert got in (401, 429), (wrong[:30], got)
        count += 1
    assert status(f"Authorization: Basic {base64.b64encode(b'admin:admin').decode()}") in (401, 429)
    assert status(f"Authorization: Bearer {eve}", path="/v1/users",
                  data=("-d", '{"name":"mallory","spec":{"roles":["admin"]}}')) == 403, "more than the role allows"
    assert status(f"Authorization: Bearer {eve}") == 200
    plant.ctl("user", "revoke", "eve")
    assert status(f"Authorization: Bearer {eve}") in (401, 429), "a revoked token"
    # Whoever guesses is slowed down; whoever has a good token is not.
    guesses = [status(f"Authorization: Bearer mwt_admin_{i:043d}") for i in range(30)]
    assert guesses[-1] == 429 and set(guesses) <= {401, 429}, guesses
    assert status(f"Authorization: Bearer {token}") == 200
    return count + 3 + len(guesses)


def check_enrolment(plant, ca, admin, folder):
    est = plant.where["devices"] + "/.well-known/est"
    key = folder / "est.key"
    command("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)

    def enroll(name, token, path="/simpleenroll"):
        csr = command("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-outform", "DER").stdout
        return int(command("curl", "-sS", "--cacert", ca, "-u", f"{name}:{token}", "-H", "Content-Type: application/pkcs10", "-o",
                           "/dev/null", "-w", "%{http_code}", "--data-binary", "@-", est + path,
                           text=base64.encodebytes(csr)).stdout)
    once = json.loads(command("curl", "-sSf", "--cacert", ca, "-H", f"Authorization: Bearer {admin}", "-d", '{"uses":1}',
                              plant.where["api"] + "/v1/enrollment-groups/pump-1/token").stdout)["token"]
    assert enroll("gw-10", once) == 200
    group, secret = once.split("_", 1)[1].split(".")
    rows = [("replayed for another", "gw-11", once, "/simpleenroll"), ("of another group", "gw-11", f"mwe_pump-2.{secret}", "/simpleenroll"),
            ("of no group", "gw-11", f"mwe_nothing.{secret}", "/simpleenroll"), ("cut", "gw-11", once[:-1], "/simpleenroll"),
            ("guessed", "gw-11", f"mwe_{group}." + "A" * 43, "/simpleenroll"), ("a person's", "gw-11", "mwt_admin_x", "/simpleenroll"),
            ("empty", "gw-11", "", "/simpleenroll"), ("at another label", "gw-11", once, "/pump-2/simpleenroll")]
    for what, name, token, path in rows:
        got = enroll(name, token, path)
        assert got in (400, 401, 403, 409, 429), f"{what}: {got}"
    return len(rows)


def der(tag, *parts):
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else bytes([0x82]) + len(body).to_bytes(2, "big")
    return bytes([tag]) + size + body


def request_by_hand(folder, key, name, flaw=None):
    """A PKCS#10 request that openssl would not write: the subject's bytes as they are, signed by openssl."""
    spki = command("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER").stdout
    common_name = der(0x31, der(0x30, der(0x06, b"\x55\x04\x03"), der(0x0c, name)))
    info = folder / "info.der"
    info.write_bytes(der(0x30, b"\x02\x01\x00", der(0x30, common_name), spki, b"\xa0\x00"))
    signature = command("openssl", "dgst", "-sha256", "-sign", key, info).stdout
    if flaw == "signature":
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    algorithm = der(0x30, der(0x06, b"\x2a\x86\x48\xce\x3d\x04\x03\x02"))
    return der(0x30, info.read_bytes(), algorithm, der(0x03, b"\0" + signature))


def hostile_requests(folder):
    """(what, CSR in DER): each would be worth something to somebody."""
    def key(name, *how):
        file = folder / f"csr-{name}.key"
        command("openssl", "genpkey", *(how or ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")), "-out", file)
        return file

    def asked(with_key, *extensions, subject="/CN=gw-20"):
        more = [a for each in extensions for a in ("-addext", each)]
        return command("openssl", "req", "-new", "-key", with_key, "-subj", subject, *more, "-outform", "DER").stdout
    good = key("good")
    return [
        ("an authority", asked(good, "basicConstraints=critical,CA:TRUE")),
        ("who signs certificates", asked(good, "keyUsage=keyCertSign")),
        ("a host's name beside", asked(good, "subjectAltName=DNS:localhost")),
        ("another device's name beside", asked(good, "subjectAltName=URI:urn:millwright:device:gw-1")),
        ("a person's name beside", asked(good, "subjectAltName=URI:urn:millwright:user:admin")),
        ("an address beside", asked(good, "subjectAltName=IP:127.0.0.1")),
        ("mail beside", asked(good, "subjectAltName=email:admin@example.com")),
        ("a server's use", asked(good, "extendedKeyUsage=serverAuth")),
        ("any use", asked(good, "extendedKeyUsage=anyExtendedKeyUsage")),
        ("an unknown extension", asked(good, "1.2.3.4.5=ASN1:NULL")),
        ("two common names", asked(good, subject="/CN=gw-20/CN=gw-1")),
        ("mail in the subject", asked(good, subject="/CN=gw-20/emailAddress=root@localhost")),
        ("a short RSA key", asked(key("short", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"))),
        ("an RSA key with exponent 3", asked(key("three", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt",
                                                 "rsa_keygen_pubexp:3"))),
        ("an unusual curve", asked(key("curve", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"))),
        ("a curve in full", asked(key("full", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt",
                                      "ec_param_enc:explicit"))),
        ("SHA-1", command("openssl", "req", "-new", "-sha1", "-key", good, "-subj", "/CN=gw-20", "-outform", "DER").stdout),
        ("a zero byte in the name", request_by_hand(folder, good, b"gw-20\0.evil")),
        ("a path as the name", request_by_hand(folder, good, b"../gw-1")),
        ("a line end in the name", request_by_hand(folder, good, b"gw-20\ngw-1")),
        ("another script's letters", request_by_hand(folder, good, "gw-2\u043e".encode())),
        ("a changed signature", request_by_hand(folder, good, b"gw-20", flaw="signature")),
        ("cut in half", request_by_hand(folder, good, b"gw-20")[:100]),
        ("something behind it", request_by_hand(folder, good, b"gw-20") + b"\0\0"),
        ("a megabyte", b"\x30\x83\x10\x00\x00" + b"\0" * (1 << 20)),
        ("the key of gw-10", asked(folder / "est.key")),
        ("nothing", b""),
    ]


def check_hostile_requests(plant, ca, folder):
    """Every request with a token that would be good: what is refused is the request."""
    url = plant.where["devices"] + "/.well-known/est/simpleenroll"
    token = plant.ctl("enroll", "token", "pump-2").strip()
    count = 0
    for what, csr in hostile_requests(folder):
        body = folder / "hostile.b64"
        body.write_bytes(base64.encodebytes(csr))

        def answer():
            head = folder / "hostile.head"
            said = command("curl", "-sS", "--cacert", ca, "-u", f"gw-20:{token}", "-H", "Content-Type: application/pkcs10", "-D",
                           head, "--data-binary", f"@{body}", url, check=False).stdout
            code = re.findall(r"HTTP/1\.1 (\d+)", head.read_text())[-1]
            return (code, said) if code != "429" else None  # the rate; it says when to come again
        code, said = plants.wait_for(answer, f"{what}: an answer that is not about the rate", 60, every=0.5)
        assert code in ("400", "403", "409", "413"), f"{what}: {code} {said[:200]}"
        count += 1
    listed = json.loads(plant.ctl("get", "devices", "-o", "json"))
    names = {each["name"] for each in (listed["items"] if isinstance(listed, dict) else listed)}
    assert "gw-20" not in names, names
    return count


def check_paths(plant, ca, admin):
    """Ways around the paths: nothing but what they name is answered."""
    rows = ["/../v1/devices", "/v1/../v1/devices", "/v1/%2e%2e/v1/devices", "/v1/devices/..%2f..%2fusers"]
    for path in rows:
        got = command("curl", "-sS", "--path-as-is", "--cacert", ca, "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {admin}",
                      plant.where["api"] + path).stdout
        body, code = got.rsplit(b"\n", 1)
        assert code in (b"400", b"404", b"405"), f"{path}: {code} {body[:200]}"
        assert b"PRIVATE KEY" not in body, path
    return len(rows)


def facts_of(plant, action):
    listed = json.loads(plant.ctl("audit", "list", "--action", action, "--limit", "2000", "-o", "json"))
    return [each["detail"] for each in (listed["items"] if isinstance(listed, dict) else listed)]


def told(details, listener, what):
    pattern = re.compile(rf"listener {listener}: (\d+) {what} refused")
    return sum(int(match[1]) for match in map(pattern.search, details) if match)


def scenario_hostile(context):
    """Over 80 certificates, tokens and requests that must not pass: each refused by its code, with a fact, and the hub lives on."""
    plant = context.plant()
    plant.start_hub()
    plant.describe_plant(["gw-1", "gw-2"])
    folder = pathlib.Path(context.folder)
    ca, good, good_key = enroll_with_curl(plant, folder, "gw-1", "pump-1")
    _, lost, lost_key = enroll_with_curl(plant, folder, "gw-3", "pump-1")
    plant.ctl("certificate", "revoke", "--device", "gw-3", "--reason", "key-compromise")
    token = (plant.data / "admin.token").read_text().strip()
    counts = {"certificates": check_certificates(plant, Forge(plant, folder), (folder / "gw-3.pem", lost_key)),
              "requests": check_requests(plant, token),
              "tokens": check_tokens(plant, ca, token, folder),
              "enrolments": check_enrolment(plant, ca, token, folder),
              "signing requests": check_hostile_requests(plant, ca, folder), "paths": check_paths(plant, ca, token)}
    assert sum(counts.values()) >= 80, counts

    def facts():
        refused = facts_of(plant, "access.refused")
        at_the_door = told(refused, "mqtt", "handshakes") + told(refused, "mqtt", "certificates")
        return at_the_door >= (counts["certificates"] + 1) // 2 and told(refused, "api", "requests") >= 20
    plants.wait_for(facts, lambda: "facts of what was refused\n" + "\n".join(facts_of(plant, "access.refused")[-30:]), 90, every=1)
    assert len(facts_of(plant, "login.refused")) >= 10, facts_of(plant, "login.refused")
    assert len(facts_of(plant, "enroll.refused")) >= 4
    log = plant.hub.log.read_text()
    assert token not in log and token.rsplit("_", 1)[1] not in log, "a secret was logged"
    # And nobody else is harmed.
    assert tls_outcome(plant.ports["mqtt"], (good, good_key), CONNECT)[:1] == b"\x20"
    assert plant.hub.alive()
    plant.stop()
    return counts
