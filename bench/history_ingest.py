"""Line protocol and binary batches over loopback HTTP: points/s acknowledged, CPU s per million; two peers beside"""
# builds: millwright points_load
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import plant as plants  # noqa: E402

BUILD = ROOT / "build-release"
TICKS = os.sysconf("SC_CLK_TCK")
DEVICES, METRICS, CONNECTIONS, POINTS_OF_A_REQUEST = 1000, 10, 4, 20_000
EVERY_S = 10


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A program with an HTTP door for points, in one shape."""

    def __init__(self, name, pid, port, path, token="", shape="lines"):
        self.name, self.pid, self.port, self.path, self.token, self.shape = name, pid, port, path, token, shape
        self.rates, self.costs, self.sent, self.bytes, self.pushed_back = [], [], 0, 0, 0

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def round(self, requests):
        before = cpu_seconds(self.pid)
        done = subprocess.run([BUILD / "bench/points_load", "127.0.0.1", str(self.port), self.path, self.token, self.shape,
                               str(CONNECTIONS), str(requests), str(self.sent)], capture_output=True, text=True)
        if done.returncode != 0:
            raise plants.Failed(f"{self.name}: {done.stderr}")
        told = json.loads(done.stdout)
        self.sent += requests
        self.bytes += told["bytes"]
        self.pushed_back += told["pushed_back"]
        self.rates.append(told["points"] / told["seconds"])
        self.costs.append((cpu_seconds(self.pid) - before) / told["points"] * 1e6)

    def figures(self):
        return {f"{self.name}_points_per_s": round(statistics.median(self.rates)),
                f"{self.name}_cpu_s_per_million": round(statistics.median(self.costs), 3),
                f"{self.name}_bytes_per_point": round(self.bytes / self.sent / POINTS_OF_A_REQUEST, 2)}


def start_ours(plant):
    port = free_port()
    plant.start_hub("--plain-api-port", port)
    signals = "\n".join(f"    - {{name: plant.m{m}, min: -1, max: 1001, every: {EVERY_S}s, late_after: 87600h}}"
                        for m in range(METRICS))
    plant.apply(f"kind: DeviceProfile\nname: plant\nspec:\n  device_class: small-x86\n  signals:\n{signals}\n")
    plant.apply("\n---\n".join(f"kind: Device\nname: {kind}-{d}\nspec: {{profile: plant}}"
                              for kind in ("device", "batch") for d in range(DEVICES)))
    token = (plant.data / "admin.token").read_text().strip()
    pid = plant.hub.process.pid
    return [Server("millwright", pid, port, "/api/v2/write?precision=ns", token),
            Server("millwright_binary", pid, port, "/v1/points", token, "binary")]


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
    rounds, per_round = (1, 40) if quick else (5, 200)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millwright-bench-"))
    plant, running = plants.Plant(BUILD, folder / "plant"), []
    try:
        lines, binary = start_ours(plant)
        peers = [start_victoria(folder, running), start_influx(folder, running)]
        servers = [lines, binary] + [server for server in peers if server]
        for i in range(rounds):
            for server in servers:
                server.round(per_round)
                print(f"round {i + 1} {server.name}: {server.rates[-1] / 1e6:.2f} M points/s, "
                      f"{server.costs[-1]:.3f} CPU s per million", flush=True)
        sent = (lines.sent + binary.sent) * POINTS_OF_A_REQUEST
        stored, good = plant.query("SELECT count(*), count(*) FILTER (quality = 192) FROM points "
                                   "WHERE signal LIKE 'plant.m%'")[0]
        if [stored, good] != [sent, sent]:
            raise plants.Failed(f"{sent} good points were acknowledged, SQL finds {stored}, {good} good")
        figures = {"points": sent, "pushed_back": lines.pushed_back + binary.pushed_back}
        for server in servers:
            figures |= server.figures()
        for server in servers[2:]:
            figures[f"times_{server.name}"] = round(
                statistics.median(lines.rates) / statistics.median(server.rates), 2)
        figures["binary_million_points_per_cpu_s"] = round(1 / statistics.median(binary.costs), 2)
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
