"""Revocation: how soon sessions end, and a list of 100,000 that is loaded while the hub works"""
# builds: millwright
#
#     bench/revocation.py [--quick] [--build DIR]
#
# Wall times of calls over the hub's own API, on whatever else this machine does. The pause is the longest of a client that asks
# for /healthz without end while the list is loaded; the same client is measured at rest beforehand.
import argparse
import http.client
import json
import pathlib
import re
import signal
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import plant as plants  # noqa: E402
from strangers import command, enroll_with_curl  # noqa: E402

OF_A_DEVICE = 90  # 100 sessions are a device's limit
TOKENS = 90  # 100 tokens are a group's


def connect(client):
    """CONNECT of MQTT 5 with a clean start and no keep alive."""
    variable = b"\x00\x04MQTT\x05\x02\x00\x00\x00\x00" + bytes([len(client)]) + client.encode()
    return b"\x10" + bytes([len(variable)]) + variable


class Api:
    def __init__(self, plant):
        where = plant.where["api"].split("//")[1].split(":")
        self.host, self.port = where[0], int(where[1])
        self.token = (plant.data / "admin.token").read_text().strip()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.open()

    def open(self):
        self.connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=120)

    def call(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                {"Authorization": f"Bearer {self.token}"})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        assert answer.status < 300, (answer.status, text)
        return text


def connected(api):
    found = re.search(r"connections_open\{listener=\"mqtt\"\} (\S+)", api.call("GET", "/metrics"))
    return round(float(found[1])) if found else -1


def hold(plant, certificate, key, count=1):
    """Sessions of one device, each with a client id of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(certificate, key)
    streams = []
    for number in range(count):
        stream = context.wrap_socket(socket.create_connection(("localhost", plant.ports["mqtt"])))
        stream.sendall(connect(f"{certificate.stem}-{number}"))
        assert stream.recv(100)[:1] == b"\x20"
        streams.append(stream)
    return streams


def hold_many(plant, folder, sessions):
    """All sessions, by device: as many devices as their limit wants."""
    held = {}
    while (left := sessions - sum(map(len, held.values()))) > 0:
        name = f"many-{len(held)}"
        _, certificate, key = enroll_with_curl(plant, folder, name, f"line-{len(held) // TOKENS}")
        held[name] = hold(plant, certificate, key, min(left, OF_A_DEVICE))
        if len(held) % 10 == 0:
            print(f"revocation: {sum(map(len, held.values()))} of {sessions} sessions", file=sys.stderr, flush=True)
    return held


def until_ended(streams):
    """Seconds on the clock when the last of them is cut."""
    for stream in streams:
        try:
            while stream.recv(1000):
                pass
        except OSError:
            pass  # cut without a farewell
    return time.perf_counter()


def long_list(plant, folder, entries):
    """An operator's list, by openssl."""
    lines = "".join(f"R\t400101000000Z\t200101000000Z,superseded\t{0x40 << 120 | i * 7919:032X}\tunknown\t/CN=gw-{i}\n"
                    for i in range(1, entries + 1))
    (folder / "index.txt").write_text(lines)
    (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca=it\n[it]\ndatabase={folder}/index.txt\ndefault_md=sha256\n"
                                   "default_crl_days=30\nunique_subject=no\n")
    pki = plant.data / "pki"
    command("openssl", "ca", "-config", folder / "ca.cnf", "-keyfile", pki / "issuing.key", "-cert", pki / "issuing.pem", "-gencrl",
            "-out", folder / "crl.pem")
    return folder / "crl.pem"


class Asker(threading.Thread):
    def __init__(self, plant):
        super().__init__(daemon=True)
        self.api, self.took, self.ends = Api(plant), [], False

    def run(self):
        while not self.ends:
            began = time.perf_counter()
            self.api.call("GET", "/healthz")
            self.took.append(1000 * (time.perf_counter() - began))

    def longest(self):
        taken, self.took = self.took, []
        return {"median_ms": round(statistics.median(taken), 2), "longest_ms": round(max(taken), 1)}


def revoke(api, device, streams):
    """Seconds until the last of its sessions is cut, and until the call returned; how many the hub ended."""
    ended = []
    watcher = threading.Thread(target=lambda: ended.append(until_ended(streams)))
    watcher.start()
    began = time.perf_counter()
    said = json.loads(api.call("POST", "/v1/certificates:revoke", {"subject": f"device:{device}"}))
    call = time.perf_counter() - began
    watcher.join(30)
    return ended[0] - began, call, said["sessions_ended"]


def measure_list(plant, folder, entries):
    made = long_list(plant, folder, entries)
    asker = Asker(plant)
    asker.start()
    time.sleep(3)
    rest = asker.longest()
    (plant.data / "pki/crl.pem").write_bytes(made.read_bytes())
    before = plant.hub.log.read_text().count("hub.certificates.reloaded")
    began = time.perf_counter()
    plant.hub.process.send_signal(signal.SIGHUP)
    plants.wait_for(lambda: plant.hub.log.read_text().count("hub.certificates.reloaded") > before, plant.hub.tail, 60, every=.002)
    took = time.perf_counter() - began
    asker.ends = True
    asker.join()
    loading = asker.longest()
    return {"entries": entries, "load_s": round(took, 3), "asking_at_rest": rest, "asking_meanwhile": loading,
            "in_time": took < 1}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--build", default=str(ROOT / "build-release"))
    parser.add_argument("--sessions", type=int, help="another number of them")
    arguments = parser.parse_args()
    sessions, entries = (200, 5_000) if arguments.quick else (10_000, 100_000)
    sessions = arguments.sessions or sessions
    with tempfile.TemporaryDirectory(prefix="millwright-bench-") as name:
        folder = pathlib.Path(name)
        plant = plants.Plant(arguments.build, folder / "plant")
        plant.configure_hub("mqtt: {connects_per_second: 0}\n")
        plant.start_hub()
        for group in range(1 + sessions // OF_A_DEVICE // TOKENS):
            plant.apply(f"kind: EnrollmentGroup\nname: line-{group}\nspec: {{max_uses: 10000}}\n")
        try:
            held = hold_many(plant, folder, sessions)
            _, one, one_key = enroll_with_curl(plant, folder, "one", "line-0")
            streams = hold(plant, one, one_key)
            api = Api(plant)
            open_now = sessions + 1
            plants.wait_for(lambda: connected(api) == open_now, lambda: f"{connected(api)} sessions", 60, every=.5)
            one_out, one_call, _ = revoke(api, "one", streams)
            api.open()
            listing = measure_list(plant, folder, entries)
            api.open()
            device_out, _, device_ended = revoke(api, "many-0", held.pop("many-0"))
            api.open()
            plants.wait_for(lambda: connected(api) == sessions - device_ended, lambda: f"{connected(api)} sessions are left", 60, every=.5)
            figures = {"sessions": open_now, "one_out_s": round(one_out, 3), "one_call_s": round(one_call, 3),
                       "of_a_device": device_ended, "device_out_s": round(device_out, 3), "list": listing,
                       "in_time": one_out < 1 and device_out < 1}
        finally:
            plant.hub.kill()
    print(json.dumps({"bench": "revocation", "figures": figures}))


if __name__ == "__main__":
    main()
