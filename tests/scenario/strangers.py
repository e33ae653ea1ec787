"""Clients that others wrote: curl and openssl enrol, mosquitto and MQTT.js speak with the certificate,
hyparquet reads the segment files."""
import base64
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import plant as plants


def command(*arguments, text=None, check=True, **more):
    done = subprocess.run([str(a) for a in arguments], input=text, capture_output=True, timeout=120,
                          **more)
    if check and done.returncode != 0:
        raise plants.Failed(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n"
                            f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")
    return done


def enroll_with_curl(plant, folder, device, group):
    """RFC 7030 by hand: the root by its pin, a key and a CSR by openssl, the certificate by curl."""
    est = plant.where["devices"] + "/.well-known/est"
    token = plant.ctl("enroll", "token", group).strip()
    # First contact: whoever it is, the root that it shows must have the pin we were given.
    p7 = folder / "cacerts.p7"
    p7.write_bytes(base64.b64decode(command("curl", "-sSfk", f"{est}/cacerts").stdout))
    pem = command("openssl", "pkcs7", "-inform", "DER", "-in", p7, "-print_certs").stdout.decode()
    certificates = ["-----BEGIN" + part.split("-----END")[0] + "-----END CERTIFICATE-----\n"
                    for part in pem.split("-----BEGIN")[1:]]
    ca = folder / "root.pem"
    for certificate in certificates:
        spki = command("openssl", "x509", "-pubkey", "-noout", text=certificate.encode()).stdout
        der = command("openssl", "pkey", "-pubin", "-outform", "DER", text=spki).stdout
        pin = command("openssl", "dgst", "-sha256", text=der).stdout.decode().split()[-1]
        if pin == plant.where["root_pin"]:
            ca.write_text(certificate)
    assert ca.exists(), "no certificate of cacerts has the pinned key"
    key, cert = folder / f"{device}.key", folder / f"{device}.pem"
    command("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    csr = command("openssl", "req", "-new", "-key", key, "-subj", f"/CN={device}", "-outform", "DER").stdout
    request = folder / "csr.b64"
    request.write_bytes(base64.encodebytes(csr))
    answer = command("curl", "-sSf", "--cacert", ca, "-u", f"{device}:{token}",
                     "-H", "Content-Type: application/pkcs10", "--data-binary", f"@{request}",
                     f"{est}/simpleenroll").stdout
    p7.write_bytes(base64.b64decode(answer))
    command("openssl", "pkcs7", "-inform", "DER", "-in", p7, "-print_certs", "-out", cert)
    issuing = folder / "issuing.pem"
    issuing.write_text("".join(certificates))
    command("openssl", "verify", "-CAfile", ca, "-untrusted", issuing, cert)
    # What TLS presents: the certificate and the authority that issued it.
    chain = folder / f"{device}-chain.pem"
    chain.write_text(cert.read_text() + "".join(certificates))
    return ca, chain, key


def try_mosquitto(plant, device, ca, cert, key):
    where = ["-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", cert, "--key", key]
    for version, qos in (("311", "1"), ("5", "2")):
        command("mosquitto_pub", *where, "-V", version, "-q", qos, "-t", f"mw/v1/{device}/data/hand", "-m",
                json.dumps({"signal": "pressure", "t": plants.START_NS + int(version), "v": 1.25}))
        got = command("mosquitto_sub", *where, "-V", version, "-C", "1", "-W", "10", "-q", qos,
                      "-t", f"mw/v1/{device}/desired").stdout
        assert "generation" in json.loads(got), got
    other = command("mosquitto_pub", *where, "-V", "5", "-q", "1", "-t", "mw/v1/gw-1/data/hand",
                    "-m", '{"signal":"pressure","t":1,"v":9}', check=False)
    text = (other.stdout + other.stderr).decode()
    assert other.returncode != 0 or "rror" in text or "authori" in text.lower(), \
        "another device's topic was taken: " + text
    rows = plant.query(f"SELECT count(*), min(value), max(value) FROM points WHERE device = '{device}'")
    assert rows == [[2, 1.25, 1.25]], rows
    strange = plant.query("SELECT count(*) FROM points WHERE device = 'gw-1' AND value = 9")
    assert strange == [[0]], strange


def node_folder(context):
    """A folder with the strangers' scripts and the packages they need, from npm, pinned."""
    folder = context.build / "strangers"
    folder.mkdir(exist_ok=True)
    wanted = {"mqtt": "5.10.1", "hyparquet": "1.15.0", "hyparquet-compressors": "1.1.1",
              "playwright-core": "1.49.1", "sparkplug-client": "3.2.4", "sparkplug-payload": "1.0.3"}
    for script in (context.root / "tests/strangers").glob("*.mjs"):
        (folder / script.name).write_text(script.read_text())
    manifest = json.dumps({"private": True, "type": "module", "dependencies": wanted,
                           "overrides": {"sparkplug-client": {"mqtt": "4.3.8"}}})
    if not (folder / "package.json").exists() or (folder / "package.json").read_text() != manifest \
            or not (folder / "node_modules/mqtt").exists():
        (folder / "package.json").write_text(manifest)
        command("npm", "install", "--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock",
                cwd=folder)
    return folder


def scenario_strangers(context):
    """curl and openssl enrol; mosquitto and MQTT.js publish over mutual TLS; hyparquet reads segments."""
    plant = context.plant()
    plant.configure_hub("history: {seal_points: 1000}\n")
    plant.start_hub()
    plant.describe_plant(["gw-1"])
    folder = pathlib.Path(context.folder)
    ca, cert, key = enroll_with_curl(plant, folder, "stranger", "pump-1")
    try_mosquitto(plant, "stranger", ca, cert, key)

    node = node_folder(context)
    for version in ("4", "5"):
        done = command("node", node / "mqttjs.mjs", "mqtts", plant.ports["mqtt"], version, "stranger", ca, cert, key)
        assert done.stdout.decode().strip() == "ok", done
    count = plant.query("SELECT count(*), count(DISTINCT time) FROM points WHERE device = 'stranger' "
                        "AND time < make_timestamp_ns(1767600100000000000)")
    assert count[0][0] >= 20, count

    # Enough points for a segment, then every row of it as SQL sees it.
    values = [((i * 7919) % 1000) / 100 + i * 1e-9 for i in range(3000)]
    frame = json.dumps({"t0": plants.START_NS + 10**12, "dt": 10**9, "frame": {"flow": values}})
    command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", cert,
            "--key", key, "-V", "5", "-q", "1", "-t", "mw/v1/stranger/data/hand", "-m", frame)
    files = plants.wait_for(lambda: list(plant.data.glob("history/points/**/*.parquet")),
                            "a segment is sealed", 60)
    out = command("node", node / "segments.mjs", *files).stdout.decode()
    read = {(d, s, int(t)): v for d, s, t, v, q in map(json.loads, out.splitlines())}
    want = {(d, s, int(t)): float(v) for d, s, t, v in plant.query_csv(
        "SELECT device, signal, epoch_ns(time), value FROM points WHERE signal = 'flow'")}
    flow = {key: value for key, value in read.items() if key[1] == "flow"}
    assert flow == want and len(want) == 3000, f"{len(flow)} rows by hyparquet, {len(want)} by SQL"
    plant.stop()
    return {"parquet_rows": len(flow)}


def upgrade(ca, port, *more, scheme="https", path="/mqtt"):
    """The status with which the WebSocket port answers curl's request to upgrade."""
    trust = ["--cacert", ca] if scheme == "https" else []
    done = command("curl", "-sS", "--http1.1", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "2", *trust,
                   "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
                   "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *more,
                   f"{scheme}://localhost:{port}{path}", check=False)
    return done.stdout.decode()


def scenario_websocket(context):
    """MQTT.js by WebSocket: with a device's certificate over TLS, and plain on loopback at every QoS."""
    plant = context.plant()
    plant.configure_hub("mqtt: {loops: 2}\n")
    port = free_port()
    plant.start_hub("--plain-websocket-port", port)
    plant.describe_plant(["gw-1"])
    folder = pathlib.Path(context.folder)
    ca, cert, key = enroll_with_curl(plant, folder, "stranger", "pump-1")
    node = node_folder(context)
    tls_port = plant.ports["websocket"]
    for version in ("4", "5"):
        done = command("node", node / "mqttjs.mjs", "wss", tls_port, version, "stranger", ca, cert, key)
        assert done.stdout.decode().strip() == "ok", done
        done = command("node", node / "mqttjs_there_and_back.mjs", "ws", port, version)
        assert done.stdout.decode().strip() == "ok", done
    count = plant.query("SELECT count(DISTINCT time) FROM points WHERE device = 'stranger'")
    assert count == [[21]], count

    # Who may not come in is told why.
    ours = ["--cert", cert, "--key", key]
    mqtt = ["-H", "Sec-WebSocket-Protocol: mqtt"]
    assert upgrade(ca, tls_port, *ours, *mqtt) == "101"
    assert upgrade(ca, tls_port, *mqtt) == "000", "a client without a certificate was let in"
    assert upgrade(ca, tls_port, *ours) == "400", "without the subprotocol"
    assert upgrade(ca, tls_port, *ours, *mqtt, path="/other") == "404"
    assert upgrade(ca, tls_port, *ours, *mqtt, "-H", "Origin: https://evil.example") == "403"
    assert upgrade(ca, port, *mqtt, scheme="http") == "101"
    assert upgrade(ca, port, *mqtt, "-H", "Host: evil.example", scheme="http") == "403"
    assert upgrade(ca, port, *mqtt, "-H", "Origin: https://evil.example", scheme="http") == "403"
    plant.stop()
    return {"points": count[0][0]}


def revoke(plant, folder, *certificates):
    """The operator's list, by openssl and the key of the hub's issuing authority, into DATA/pki/crl.pem."""
    pki = plant.data / "pki"
    (folder / "index.txt").touch()
    (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca = it\n[it]\ndatabase = {folder}/index.txt\n"
                                   "default_md = sha256\ndefault_crl_days = 30\n")
    authority = ["-config", folder / "ca.cnf", "-keyfile", pki / "issuing.key", "-cert", pki / "issuing.pem"]
    for certificate in certificates:
        command("openssl", "ca", *authority, "-revoke", certificate)
    command("openssl", "ca", *authority, "-gencrl", "-out", pki / "crl.pem")


def reload(plant, event):
    """SIGHUP, and the log line that answers it."""
    before = plant.hub.log.read_text().count(event)
    plant.hub.process.send_signal(signal.SIGHUP)
    plants.wait_for(lambda: plant.hub.log.read_text().count(event) > before,
                    lambda: f"the hub logs {event}\n" + plant.hub.tail(), 30)


def server_serial(ca, port):
    shown = command("openssl", "s_client", "-connect", f"localhost:{port}", "-CAfile", ca, text=b"", check=False)
    return command("openssl", "x509", "-noout", "-serial", text=shown.stdout).stdout


def scenario_certificates(context):
    """The hub takes a new server certificate and a list of revoked ones while it runs; sessions stay."""
    plant = context.plant()
    plant.configure_hub("mqtt: {loops: 3}\n")
    plant.start_hub()
    plant.describe_plant(["gw-1"])
    folder = pathlib.Path(context.folder)
    ca, kept, kept_key = enroll_with_curl(plant, folder, "kept", "pump-1")
    _, lost, lost_key = enroll_with_curl(plant, folder, "lost", "pump-1")
    node = node_folder(context)
    doors = {"mqtts": plant.ports["mqtt"], "wss": plant.ports["websocket"]}

    def hold(protocol, device, cert, key):
        process = plants.Process(["node", node / "mqttjs_hold.mjs", protocol, doors[protocol], device, ca, cert, key],
                                 folder / f"{device}-{protocol}.txt")
        held.append(process)
        plants.wait_for(lambda: "connected" in process.tail(), lambda: f"{device} is in by {protocol}\n" + process.tail(), 30)
        return process

    def publish(device, cert, key):
        return command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", cert,
                       "--key", key, "-V", "5", "-q", "1", "-t", f"mw/v1/{device}/data/x", "-m",
                       '{"signal":"pressure","t":1767600000000000000,"v":1}', check=False).returncode

    held = []
    try:
        stay = [hold(protocol, "kept", kept, kept_key) for protocol in doors]
        leave = [hold(protocol, "lost", lost, lost_key) for protocol in doors]
        assert publish("lost", lost, lost_key) == 0

        # Nonsense changes nothing.
        serial = server_serial(ca, plant.ports["api"])
        (plant.data / "pki/crl.pem").write_text("hello\n")
        reload(plant, "hub.certificates.refused")
        assert publish("lost", lost, lost_key) == 0 and server_serial(ca, plant.ports["api"]) == serial

        revoke(plant, folder, folder / "lost.pem")
        (plant.data / "pki/server.pem").unlink()
        reload(plant, "hub.certificates.reloaded")
        for process in leave:
            plants.wait_for(lambda: not process.alive(), "the revoked certificate's session ends", 30)
            assert "ended 152" in process.tail(), process.tail()  # administrative action
        assert publish("lost", lost, lost_key) != 0, "a revoked certificate was let in"
        assert publish("kept", kept, kept_key) == 0
        est = plant.where["devices"] + "/.well-known/est/simplereenroll"
        renewal = command("curl", "-sS", "--cacert", ca, "--cert", lost, "--key", lost_key, "-d", "x", est, check=False)
        assert renewal.returncode != 0 and b"revoked" in renewal.stderr, renewal
        for port in plant.ports.values():
            assert server_serial(ca, port) != serial, f"port {port} still shows the old server certificate"
        assert all(process.alive() for process in stay), [process.tail() for process in stay]
        assert all("ended" not in process.tail() for process in stay)
    finally:
        for process in held:
            process.kill()
    plant.stop()
    return {"sessions_kept": len(stay), "sessions_ended": len(leave)}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


LOCAL_TOPICS = [
    {"filter": "pump/pressure", "signal": "pressure", "unit": "bar"},
    {"filter": "meter/+/status", "values": {"power.{1}": "/em/0/power"}, "time": "/ts", "time_unit": "s"},
    {"filter": "raw/#"},
]


def scenario_local_mqtt(context):
    """mosquitto publishes to a gateway's own listener; what it acknowledged survives a kill."""
    plant = context.plant()
    port = free_port()
    plant.start_hub()
    plant.describe_plant(["gw-1"])
    plant.enroll("gw-1", "pump-1")
    device = plant.labelled("gw-1")
    device["spec"]["sources"] = {"line": {"type": "mqtt", "listen": f"127.0.0.1:{port}",
                                          "topics": LOCAL_TOPICS}}
    plant.ctl("apply", "-f", "-", text=json.dumps(device))

    def reported():
        status = json.loads(plant.ctl("get", "devices", "gw-1", "-o", "json"))["status"]
        return status.get("reported", {}).get("sources", {}).get("line", {})

    def publish(topic, body, version="5", check=True):
        return command("mosquitto_pub", "-p", port, "-V", version, "-q", "1", "-t", topic, "-m", body,
                       check=check)

    def points(signal):
        return plant.query(f"SELECT value, epoch_ns(time) FROM points WHERE device = 'gw-1' "
                           f"AND signal = '{signal}' ORDER BY time")

    plant.start_gateway("gw-1")
    plants.wait_for(lambda: reported().get("running") == "running", "the gateway listens", 60)
    publish("pump/pressure", "1.25", "311")
    publish("pump/pressure", "1.5")
    publish("meter/hall-2/status", json.dumps({"em": [{"power": 231.5}], "ts": 1767600000}))
    plants.wait_for(lambda: len(points("pressure")) == 2, "two pressures in SQL", 30)
    assert [value for value, _ in points("pressure")] == [1.25, 1.5], points("pressure")
    plants.wait_for(lambda: points("power.hall-2") == [[231.5, plants.START_NS]],
                    lambda: f"the meter's power in SQL: {points('power.hall-2')}", 30)
    refused = publish("pump/pressure", "high", check=False)
    said = (refused.stdout + refused.stderr).decode().lower()
    assert "payload format" in said, said
    plants.wait_for(lambda: "want a bare number" in reported().get("refusal", ""),
                    "the refusal is reported", 60)

    # Without the hub a gateway acknowledges what its disk has; killed at once, it has it still.
    plant.hub.stop()
    counted = {"seq": 1, "t": plants.START_NS, "values": {"level": 0.1}}
    publish("raw/tank", json.dumps(counted))
    plant.gateways["gw-1"].kill()
    plant.start_hub()
    plant.start_gateway("gw-1")
    plants.wait_for(lambda: points("level"), "what was acknowledged before the kill is in SQL", 60)
    publish("raw/tank", json.dumps(counted), "311")  # sent again: acknowledged, and stored once
    publish("raw/tank", json.dumps({**counted, "seq": 2, "t": plants.START_NS + 1}))
    plants.wait_for(lambda: len(points("level")) > 1, "the next level in SQL", 30)
    messages = plant.query("SELECT count(*) FROM points WHERE device = 'gw-1' AND signal = 'level'")
    assert messages == [[2]], messages
    plant.stop()
    return {"signals": 3}


METER = """#!/bin/sh
echo "time,power,state"
echo "1767600000,231.5,on"
echo "1767600001,warm" # one cell is missing
echo "1767600002,232,off"
echo "read twice" >&2
exec sleep 1000
"""


def scenario_programs(context):
    """A program's lines become points, only once the gateway itself allows the program; standard input beside it."""
    plant = context.plant()
    plant.start_hub()
    plant.describe_plant(["gw-1"])
    plant.enroll("gw-1", "pump-1")
    meter = plant.folder / "meter.sh"
    meter.write_text(METER)
    meter.chmod(0o755)
    read = {"csv": {"time": "time", "time_unit": "s", "signals": {"power": "power.main"}, "units": {"power.main": "W"}}}
    sources = {"meter": {"type": "exec", "command": [str(meter)], **read},
               "piped": {"type": "stdin", "json": {"signal": "piped"}}}

    def describe():
        device = plant.labelled("gw-1")
        device["spec"]["sources"] = sources
        plant.ctl("apply", "-f", "-", text=json.dumps(device))

    def reported(name):
        status = json.loads(plant.ctl("get", "devices", "gw-1", "-o", "json"))["status"]
        return status.get("reported", {}).get("sources", {}).get(name, {})

    def points(signal):
        return plant.query(f"SELECT value, epoch_ns(time) FROM points WHERE device = 'gw-1' "
                           f"AND signal = '{signal}' ORDER BY time")

    describe()
    pipe, folder = plant.folder / "input", plant.folder / "gw-1"
    os.mkfifo(pipe)
    plant.gateways["gw-1"] = plants.Process(
        ["/bin/sh", "-c", f"exec '{plant.edge_cli}' run --data '{folder}' <'{pipe}'"], plant.folder / "gw-1.log", plant.env)
    with open(pipe, "w") as into:
        into.write("4\n5\n")
        into.flush()
        plants.wait_for(lambda: [value for value, _ in points("piped")] == [4, 5],
                        lambda: f"what came by standard input: {points('piped')} {reported('piped')}", 60)
        refused = plants.wait_for(lambda: reported("meter") if reported("meter").get("state") == "failed" else None,
                                  "the program is refused", 60)
        assert refused["code"] == "denied" and "exec.allow" in refused["reason"], refused
        assert not points("power.main")
        # The agent notes how it is now and then.
        plants.wait_for(lambda: all(words in command(plant.edge_cli, "doctor", "--data", folder, check=False).stdout.decode()
                                    for words in ("sources meter: failed", "exec.allow")), "doctor tells of the program", 60)

        (folder / "exec.allow").write_text(f"{meter}\n")
        sources["meter"]["lines_per_second"] = 100  # a new description is tried
        describe()
        start = plants.START_NS
        plants.wait_for(lambda: points("power.main") == [[231.5, start], [232, start + 2 * 10**9]],
                        lambda: f"the meter's power: {points('power.main')} {reported('meter')}", 60)
        said = plants.wait_for(lambda: reported("meter") if reported("meter").get("refused") else None, "the refusal", 60)
        assert said["running"] == "running" and "2 cells" in said["refusal"] and said["starts"] == 1, said
        assert "read twice" in plant.gateways["gw-1"].log.read_text()
    plants.wait_for(lambda: reported("piped").get("running") == "finished", "the end of standard input", 60)
    plant.stop()
    listed = command("ps", "-e", "-o", "args").stdout.decode()
    assert str(meter) not in listed, "the program outlived the gateway: " + listed
    return {"sources": 2}


def scenario_sync_before_puback(context):
    """A system-call trace: between the bytes of a PUBLISH and those of its PUBACK the log is synced."""
    port = free_port()
    plant = context.plant()
    trace = plant.folder / "trace.txt"
    plant.start_hub("--plain-mqtt-port", port, wrapper=(
        "strace", "-D", "-f", "-tt", "-s", "200", "-e", "trace=fdatasync,recvfrom,sendto", "-o", trace))
    plant.describe_plant(["gw-1"])
    plant.enroll("gw-1", "pump-1")
    command("mosquitto_pub", "-p", port, "-V", "311", "-q", "1", "-t", "mw/v1/gw-1/data/hand", "-m",
            json.dumps({"signal": "pressure", "t": plants.START_NS, "v": 1.25}))
    plant.hub.stop(60)
    lines = trace.read_text(errors="replace").splitlines()
    published = next(i for i, line in enumerate(lines) if "recvfrom" in line and "data/hand" in line)
    acked = next(i for i, line in enumerate(lines[published:], published)
                 if "sendto" in line and re.search(r'"@\\2\\0\\1"', line))
    synced = [line for line in lines[published:acked]
              if re.search(r"fdatasync(\(\d+\)| resumed>\))\s+= 0", line)]
    assert synced, "no sync ended between PUBLISH and PUBACK:\n" + "\n".join(lines[published:acked + 1])
    return {"calls_between": acked - published}
