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

VARIABLE = b"\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x03one"
CONNECT = b"\x10" + bytes([len(VARIABLE)]) + VARIABLE


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
    found = re.search(r"connections_open\{listener=\"mqtt\"\} (\d+)", api.call("GET", "/metrics"), re.M)
    return int(found[1]) if found else -1


def hold(plant, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(certificate, key)
    stream = context.wrap_socket(socket.create_connection(("localhost", plant.ports["mqtt"])))
    stream.sendall(CONNECT)
    assert stream.recv(100)[:1] == b"\x20"
    return stream


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
    sessions, entries = 90, 5_000 if arguments.quick else 100_000  # 100 sessions are a device's limit
    sessions = arguments.sessions or sessions
    with tempfile.TemporaryDirectory(prefix="millwright-bench-") as name:
        folder = pathlib.Path(name)
        plant = plants.Plant(arguments.build, folder / "plant")
        plant.configure_hub("mqtt: {connects_per_second: 0}\n")
        plant.start_hub()
        plant.describe_plant(["gw-1"])
        load = None
        try:
            ca, many, many_key = enroll_with_curl(plant, folder, "many", "pump-1")
            _, one, one_key = enroll_with_curl(plant, folder, "one", "pump-1")
            load = plants.Process([plant.program, "load", "mqtt", "fan-in", "--host", "localhost", "--port", plant.ports["mqtt"],
                                   "--tls", "--ca", ca, "--cert", many, "--key", many_key, "--publishers", 1, "--no-subscribers",
                                   "--connections", sessions, "--rate", 1, "--for", "30m", "--topic", "mw/v1/many/data"], folder / "load.log", plant.env)
            api = Api(plant)
            plants.wait_for(lambda: connected(api) >= sessions, lambda: f"{connected(api)} sessions\n" + load.tail(), 300 if load.alive() else 0, every=.5)
            stream = hold(plant, one, one_key)
            open_now = connected(api)
            ended = []

            def wait_for_end():
                while stream.recv(1000):
                    pass
                ended.append(time.perf_counter())
            watcher = threading.Thread(target=wait_for_end)
            watcher.start()
            began = time.perf_counter()
            api.call("POST", "/v1/certificates:revoke", {"subject": "device:one"})
            one_call = time.perf_counter() - began
            watcher.join(30)
            one_out = ended[0] - began
            api.open()
            listing = measure_list(plant, folder, entries)
            api.open()
            began = time.perf_counter()
            all_ended = json.loads(api.call("POST", "/v1/certificates:revoke", {"subject": "device:many"}))["sessions_ended"]
            all_call = time.perf_counter() - began
            figures = {"sessions": open_now, "one_out_s": round(one_out, 3), "one_call_s": round(one_call, 3),
                       "all_ended": all_ended, "all_call_s": round(all_call, 3), "list": listing,
                       "in_time": one_out < 1 and all_call < 1}
        finally:
            if load:
                load.kill()
            plant.hub.kill()
    print(json.dumps({"bench": "revocation", "figures": figures}))


if __name__ == "__main__":
    main()
