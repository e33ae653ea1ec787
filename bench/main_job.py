"""The point's path: JSON frames of 100 samples over mutual TLS to durable and queryable; decision latency"""
import http.client
import json
import os
import pathlib
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import main_job  # noqa: E402
import plant as plants  # noqa: E402

BUILD = ROOT / "build-release"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def load(plant, name, seconds, rate=0):
    done = subprocess.run([BUILD / "bench/frames_load", plant.folder / name, "127.0.0.1",
                           str(plant.ports["mqtt"]), str(seconds), str(rate)],
                          capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode:
        raise plants.Failed(done.stderr)
    return json.loads(done.stdout)


class Asker:
    """SQL over one kept connection, so that the latency is the hub's."""

    def __init__(self, plant):
        self.token = (plant.data / "admin.token").read_text().strip()
        context = ssl.create_default_context(cafile=str(plant.data / "pki" / "root.pem"))
        self.connection = http.client.HTTPSConnection("localhost", plant.ports["api"], context=context)

    def ask(self, sql):
        self.connection.request("POST", "/v1/query", json.dumps({"sql": sql, "limits": {"memory_bytes": 10**9}}),
                                {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"})
        answer = json.loads(self.connection.getresponse().read())
        if "rows" not in answer:
            raise plants.Failed(f"{sql}: {answer}")
        return answer["rows"]


def throughput(plant, seconds, rounds):
    """Median of rounds: points/s acknowledged (durable), and the hub's CPU per million of them."""
    rates, costs, sent, asker = [], [], 0, Asker(plant)
    for _ in range(rounds):
        before = cpu_seconds(plant.hub.process.pid)
        result = load(plant, "gw-1", seconds)
        cpu = cpu_seconds(plant.hub.process.pid) - before
        rates.append(result["points"] / result["seconds"])
        costs.append(cpu / result["points"] * 1e6)
        sent += result["points"]
        stored = asker.ask("SELECT count(*) FROM points WHERE device = 'gw-1' AND signal = 'load'")[0][0]
        if stored != sent:
            raise plants.Failed(f"{sent} points were acknowledged, SQL finds {stored}")
    return statistics.median(rates), statistics.median(costs)


def visibility(plant, seconds, rate):
    """From the publish of a frame (its last sample's time) to the first answer of SQL that has it."""
    asker = Asker(plant)
    base = asker.ask("SELECT coalesce(max(epoch_ns(time)), 0) FROM points WHERE device = 'gw-1' AND signal = 'load'")[0][0]
    worker = threading.Thread(target=load, args=(plant, "gw-1", seconds, rate))
    worker.start()
    latencies = []
    while worker.is_alive():
        rows = asker.ask("SELECT epoch_ns(time) FROM points WHERE device = 'gw-1' AND signal = 'load' "
                         f"AND time > make_timestamp_ns({base}) ORDER BY time")
        now = time.time_ns()
        if rows:
            # The last sample of each frame is the publish time; frames are 100 samples 1 ms apart.
            latencies += [(now - ns) / 1e6 for (ns,) in rows[99::100]]
            base = rows[-1][0]
    worker.join()
    latencies.sort()
    return statistics.median(latencies), latencies[int(len(latencies) * .99)], len(latencies)


def decisions(plant, recordings):
    main_job.run(plant, ["gw-1"], recordings)
    return plant.query("SELECT quantile_cont(latency_us, .5), quantile_cont(latency_us, .99), count(*) "
                       "FROM decisions")[0]


def main():
    quick = "--quick" in sys.argv
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millwright-bench-"))
    plant = plants.Plant(BUILD, folder / "plant")
    try:
        recordings = plants.recordings(BUILD, folder, 1)
        low, high, scored = decisions(plant, recordings)
        plant.gateways["gw-1"].stop()
        rate, cost = throughput(plant, 2 if quick else 5, 1 if quick else 5)
        visible = visibility(plant, 3 if quick else 10, 8)
        figures = {
            "points_per_s": round(rate), "hub_cpu_s_per_million_points": round(cost, 3),
            "points_per_cpu_s": round(1e6 / cost), "publish_to_visible_ms_p50": round(visible[0], 1),
            "publish_to_visible_ms_p99": round(visible[1], 1), "frames_seen": visible[2],
            "decision_us_p50": round(low, 1), "decision_us_p99": round(high, 1), "decisions": scored,
            "hub_rss_mb": round(plant.hub.rss_mb(), 1)}
        plant.stop()
        print(json.dumps({"bench": "main_job", "figures": figures}))
    finally:
        plant.kill_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
