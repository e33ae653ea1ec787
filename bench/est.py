"""EST: token enrolments per CPU second of the hub, issuances, renewals, and what a mutual TLS connect costs beside mosquitto"""
# builds: millwright est_requests mw_identity_bench openssl_handshake
#
# The hub is the real one, its data on the project's disk. Each enrolment is a device of its own: a TCP connection, a
# full TLS handshake, Basic with a token, and an answer that is there when the Device and its facts are durable.
# Only the hub's CPU counts (/proc), so the clients may be slow and the machine busy; the other figures are CPU too.
# Beside them what OpenSSL alone takes at that moment with the same certificates, both ends in memory: a shared machine
# has good and bad hours.
import base64
import concurrent.futures
import json
import pathlib
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import plant as plants  # noqa: E402
from strangers import enroll_with_curl  # noqa: E402

BUILD = ROOT / "build-release"
CLIENTS = 16
ENROLMENTS_MIN, ISSUANCES_MIN, CONNECT_MS_MAX, RESUMED_MS_MAX = 1000, 5000, .75, .45
MOSQUITTO = """
per_listener_settings false
allow_anonymous true
persistence false
log_dest stderr
user root
set_tcp_nodelay true
listener {port} 127.0.0.1
cafile {ca}
certfile {server}
keyfile {key}
require_certificate true
"""


def cpu_seconds(pid):
    """Of its threads, as the scheduler counts it: ticks are too coarse for a thousandth of a second."""
    return sum(int(task.joinpath("schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def client_context(ca, chain=None, key=None):
    context = ssl.create_default_context(cafile=str(ca))
    if chain:
        context.load_cert_chain(chain, key)
    return context


def post(context, port, path, body, *headers):
    """One request on a connection of its own: the status."""
    request = (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/pkcs10\r\n"
               f"Content-Length: {len(body)}\r\n" + "".join(line + "\r\n" for line in headers) + "\r\n" + body)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            stream.sendall(request.encode())
            answer = b""
            while piece := stream.recv(16384):
                answer += piece
    return int(answer.split(None, 2)[1])


def enrol(context, port, token, line):
    name, request = line.split()
    basic = base64.b64encode(f"{name}:{token}".encode()).decode()
    while True:
        status = post(context, port, "/.well-known/est/simpleenroll", request, f"Authorization: Basic {basic}")
        if status != 429:
            return status
        time.sleep(.2)


def measured(pid, count, work):
    """CPU milliseconds of the process for each of `count` pieces of work."""
    began, before = time.monotonic(), cpu_seconds(pid)
    work()
    spent, took = cpu_seconds(pid) - before, time.monotonic() - began
    return spent / count * 1000, count / took


def enrolments(plant, ca, count):
    plant.apply("kind: EnrollmentGroup\nname: all\nspec: {}\n")
    token = plant.ctl("enroll", "token", "all").strip()
    lines = subprocess.run([BUILD / "bench/est_requests", str(count)], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    context, port = client_context(ca), plant.ports["devices"]
    statuses = []

    def work():
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            statuses.extend(pool.map(lambda line: enrol(context, port, token, line), lines))
    cost, rate = measured(plant.hub.process.pid, count, work)
    refused = [s for s in statuses if s != 200]
    if refused:
        raise plants.Failed(f"{len(refused)} of {count} enrolments were refused, the first with {refused[0]}")
    return cost, rate


def connect_once(context, port, client_id, session):
    """TLS, CONNECT, CONNACK; the session for the next one, and whether this one was resumed."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as stream:
            stream.sendall(b"\x10" + bytes([len(body)]) + body)
            answer = stream.recv(16)
            if answer[:1] != b"\x20" or answer[3] != 0:
                raise plants.Failed(f"CONNACK says {answer!r}")
            stream.sendall(b"\xe0\x00")
            return stream.session, stream.session_reused


def connects(pid, port, context, client_id, count, resumed):
    session, _ = connect_once(context, port, client_id, None)

    def work():
        nonlocal session
        for _ in range(count):
            fresh, reused = connect_once(context, port, client_id, session if resumed else None)
            if resumed:
                if not reused:
                    raise plants.Failed("the server did not resume")
                session = fresh
    return measured(pid, count, work)[0]


def start_mosquitto(plant, folder, ca):
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pki = plant.data / "pki"
    config = folder / "mosquitto.conf"
    chain = folder / "server-chain.pem"
    chain.write_text((pki / "server.pem").read_text() + (pki / "issuing.pem").read_text())
    config.write_text(MOSQUITTO.format(port=port, ca=ca, server=chain, key=pki / "server.key"))
    log = open(folder / "mosquitto.log", "w")
    process = subprocess.Popen([program, "-c", config], stderr=log)

    def ready():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    plants.wait_for(ready, lambda: "mosquitto listens; it says " + (folder / "mosquitto.log").read_text(), 20)
    return process, port


def bare_openssl(pki, folder, ca, chain, key, count):
    told = subprocess.run([BUILD / "bench/openssl_handshake", ca, folder / "server-chain.pem", pki / "server.key", chain, key,
                           str(count)], check=True, capture_output=True, text=True).stdout
    return json.loads(told)


def compare_connects(plant, folder, count, rounds):
    """Ours, mosquitto and OpenSSL alone with the same certificates, in turns; medians."""
    plant.apply("kind: EnrollmentGroup\nname: line\nspec: {}\n")
    ca, chain, key = enroll_with_curl(plant, folder, "gw-x", "line")
    mosquitto, port = start_mosquitto(plant, folder, ca)
    costs = {}
    try:
        for _ in range(rounds):
            for name, pid, at in (("ours", plant.hub.process.pid, plant.ports["mqtt"]), ("mosquitto", mosquitto.pid, port)):
                context = client_context(ca, chain, key)
                # Our devices are P-256 and the groups are equal, so both do the same arithmetic.
                for kind, resumed in (("connect_ms", False), ("resumed_ms", True)):
                    costs.setdefault(f"{name}_{kind}", []).append(connects(pid, at, context, "gw-x", count, resumed))
            bare = bare_openssl(plant.data / "pki", folder, ca, chain, key, count)
            costs.setdefault("bare_openssl_connect_ms", []).append(bare["full_ms"])
            costs.setdefault("bare_openssl_resumed_ms", []).append(bare["resumed_ms"])
    finally:
        mosquitto.kill()
        mosquitto.wait()
    return {name: round(statistics.median(all), 3) for name, all in costs.items()}, ca


def issuances():
    told = json.loads(subprocess.run(
        [BUILD / "src/trust/identity/mw_identity_bench", "--benchmark_format=json", "--benchmark_min_time=1",
         "--benchmark_filter=issue_from_request"], check=True, capture_output=True, text=True).stdout)
    return 1e9 / told["benchmarks"][0]["cpu_time"]


def main():
    quick = "--quick" in sys.argv
    with tempfile.TemporaryDirectory(prefix="est-", dir=BUILD) as name:
        folder = pathlib.Path(name)
        plant = plants.Plant(BUILD, folder)
        plant.start_hub()
        try:
            figures, ca = compare_connects(plant, folder, 100 if quick else 500, 1 if quick else 5)
            cost, rate = enrolments(plant, ca, 500 if quick else 5000)
        finally:
            plant.stop()
    figures["connect_times_bare_openssl"] = round(figures["ours_connect_ms"] / figures["bare_openssl_connect_ms"], 2)
    figures["enrolment_cpu_ms"] = round(cost, 3)
    figures["enrolments_per_cpu_s"] = round(1000 / cost)
    figures["enrolments_per_s"] = round(rate)
    figures["issuances_per_cpu_s"] = round(issuances())
    figures["bars"] = {"enrolments": figures["enrolments_per_cpu_s"] >= ENROLMENTS_MIN,
                       "issuances": figures["issuances_per_cpu_s"] >= ISSUANCES_MIN,
                       "connect": figures["ours_connect_ms"] <= min(CONNECT_MS_MAX, figures["mosquitto_connect_ms"]),
                       "resumed": figures["ours_resumed_ms"] <= RESUMED_MS_MAX}
    print(json.dumps({"bench": "est", "figures": figures}))


if __name__ == "__main__":
    main()
