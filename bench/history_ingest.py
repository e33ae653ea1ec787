"""Line protocol over loopback HTTP: points/s acknowledged, CPU s per million; VictoriaMetrics, InfluxDB 1.x beside"""
# builds: millwright
import http.client
import json
import os
import pathlib
import random
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import plant as plants  # noqa: E402

BUILD = ROOT / "build-release"
TICKS = os.sysconf("SC_CLK_TCK")
DEVICES, METRICS, LINES, CONNECTIONS = 1000, 10, 2000, 2
EVERY_S = 10


def bodies(count, seed=7):
    """Requests of 2,000 lines of 10 fields: four moments, 10 s apart, of the 500 devices of one connection; in
    turn for each of them, so that a device's points come in order."""
    chosen = random.Random(seed)
    values = [",".join(f"m{m}={chosen.randrange(100000) / 100:.2f}" for m in range(METRICS)) for _ in range(4096)]
    heads = [f"plant,device=device-{d} " for d in range(DEVICES)]
    moments = LINES * CONNECTIONS // DEVICES
    start = int(time.time()) - (count // CONNECTIONS + 1) * moments * EVERY_S
    for i in range(count):
        lines = []
        for moment in range(moments):
            at = f" {start + (i // CONNECTIONS * moments + moment) * EVERY_S}000000000\n"
            lines += [head + chosen.choice(values) + at for head in heads[i % CONNECTIONS::CONNECTIONS]]
        yield "".join(lines).encode()


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A program with an HTTP door for lines."""

    def __init__(self, name, pid, port, path, headers=None):
        self.name, self.pid, self.port, self.path, self.headers = name, pid, port, path, headers or {}
        self.rates, self.costs = [], []

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def send(self, connection, body):
        """Once acknowledged; when pushed back, again after the pause that was asked for."""
        while True:
            connection.request("POST", self.path, body, self.headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status == 204:
                return
            if answer.status not in (429, 503):
                raise plants.Failed(f"{self.name}: {answer.status} {text[:500]}")
            time.sleep(float(answer.headers.get("Retry-After", 1)))

    def round(self, requests):
        failures, before, began = [], cpu_seconds(self.pid), time.monotonic()

        def work(share):
            try:
                connection = self.connect()
                for body in share:
                    self.send(connection, body)
            except Exception as error:
                failures.append(error)
        threads = [threading.Thread(target=work, args=(requests[i::CONNECTIONS],)) for i in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        points = len(requests) * LINES * METRICS
        self.rates.append(points / (time.monotonic() - began))
        self.costs.append((cpu_seconds(self.pid) - before) / points * 1e6)

    def figures(self):
        return {f"{self.name}_points_per_s": round(statistics.median(self.rates)),
                f"{self.name}_cpu_s_per_million": round(statistics.median(self.costs), 3)}


def start_ours(plant):
    port = free_port()
    plant.start_hub("--plain-api-port", port)
    signals = "\n".join(f"    - {{name: plant.m{m}, min: -1, max: 1001, every: {EVERY_S}s, late_after: 8760h}}"
                        for m in range(METRICS))
    plant.apply(f"kind: DeviceProfile\nname: plant\nspec:\n  device_class: small-x86\n  signals:\n{signals}\n")
    plant.apply("\n---\n".join(f"kind: Device\nname: device-{d}\nspec: {{profile: plant}}" for d in range(DEVICES)))
    token = (plant.data / "admin.token").read_text().strip()
    return Server("millwright", plant.hub.process.pid, port, "/api/v2/write?precision=ns",
                  {"Authorization": "Token " + token})


def wait_for_door(server):
    def answers():
        try:
            connection = server.connect()
            connection.request("GET", "/ping")
            return connection.getresponse().status < 500
        except OSError:
            return False
    plants.wait_for(answers, f"{server.name} answers", 60)


def start_victoria(folder, running):
    program = shutil.which("victoria-metrics")
    if not program:
        return None
    port = free_port()
    running.append(plants.Process([program, f"-storageDataPath={folder / 'victoria'}", "-retentionPeriod=100y",
                                   f"-httpListenAddr=127.0.0.1:{port}"], folder / "victoria.log"))
    server = Server("victoriametrics", running[-1].process.pid, port, "/write?precision=ns")
    wait_for_door(server)
    return server


def start_influx(folder, running):
    program = shutil.which("influxd")
    if not program:
        return None
    port, other, data = free_port(), free_port(), folder / "influx"
    data.mkdir()
    (data / "influx.conf").write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{other}"\n[meta]\n  dir = "{data}/meta"\n'
        f'[data]\n  dir = "{data}/data"\n  wal-dir = "{data}/wal"\n  index-version = "tsi1"\n'
        f'  cache-max-memory-size = "4g"\n  query-log-enabled = false\n'
        f'[http]\n  bind-address = "127.0.0.1:{port}"\n  log-enabled = false\n')
    running.append(plants.Process([program, "-config", data / "influx.conf"], folder / "influx.log"))
    server = Server("influxdb", running[-1].process.pid, port, "/write?db=bench&precision=ns")
    wait_for_door(server)
    connection = server.connect()
    connection.request("POST", "/query?q=CREATE%20DATABASE%20bench")
    connection.getresponse().read()
    return server


def main():
    quick = "--quick" in sys.argv
    rounds, per_round = (1, 26) if quick else (5, 200)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millwright-bench-"))
    plant, running = plants.Plant(BUILD, folder / "plant"), []
    try:
        requests = list(bodies(rounds * per_round))
        servers = [start_ours(plant), start_victoria(folder, running), start_influx(folder, running)]
        servers = [server for server in servers if server]
        for i in range(rounds):
            for server in servers:
                server.round(requests[i * per_round:(i + 1) * per_round])
                print(f"round {i + 1} {server.name}: {server.rates[-1] / 1e6:.2f} M points/s, "
                      f"{server.costs[-1]:.3f} CPU s per million", flush=True)
        sent = len(requests) * LINES * METRICS
        stored = plant.query("SELECT count(*), count(*) FILTER (quality = 192) FROM points WHERE signal LIKE 'plant.m%'")[0]
        if stored != [sent, sent]:
            raise plants.Failed(f"{sent} good points were acknowledged, SQL finds {stored}")
        figures = {"points": sent, "body_bytes_per_point": round(len(requests[0]) / LINES / METRICS, 2)}
        for server in servers:
            figures |= server.figures()
        for server in servers[1:]:
            figures[f"times_{server.name}"] = round(
                statistics.median(servers[0].rates) / statistics.median(server.rates), 2)
        figures["hub_rss_mb"] = round(plant.hub.rss_mb(), 1)
        plant.stop()
        print(json.dumps({"bench": "history_ingest", "figures": figures}))
    finally:
        for process in running:
            process.kill()
        plant.kill_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
