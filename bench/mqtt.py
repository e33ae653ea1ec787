"""MQTT: CPU per message beside mosquitto and nats-server, latency, idle connections, connects; by an independent judge"""
# builds: mqtt_loopback core_pingpong loopback_relay mqtt_lasting_load
#
#     bench/mqtt.py [--quick] [--rows WORD] [--lock FILE]
#
# --rows measures the rows whose name holds WORD. --lock holds FILE locked while a row is measured, for machines on
# which others build. The judge is mqttload.cpp: $MQTTLOAD, or ../shared/tools/mqttload.cpp beside the project.
#
# Broker and judge share one processor (what crosses processors on this kind of machine costs between 1 and 3, from
# one minute to the next; core_pingpong says how much), then the broker has one and the judge another.
# Runs of the brokers take turns; figures are medians.
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench" / "parts"))
import brokers  # noqa: E402

BUILD = ROOT / "build-release" / "bench"
ALL = ("ours", "mosquitto", "nats")
NO_QOS2 = ("ours", "mosquitto")  # nats-server has QoS 2 since 2.10; Debian 12 has 2.9
BROKER_CPU, JUDGE_CPU = "1", "0"
PLACES = {"one CPU": BROKER_CPU, "two CPUs": JUDGE_CPU}  # where the judge runs


@dataclasses.dataclass
class Row:
    name: str
    judge: str
    tls: bool = False
    rounds: int = 5
    seconds: float = .8
    brokers: tuple = ALL
    figure: str = "cpu_s_per_M"
    bar: float = 0  # how many times less than mosquitto


CLOSED = "--credit 20 --batch 16"
ONE_BY_ONE = "--credit 1 --batch 1"
ROWS = [
    Row("fan-in q0", f"fanin --pubs 100 --qos 0 {CLOSED}", bar=12),
    Row("fan-in q1", f"fanin --pubs 100 --qos 1 {CLOSED}", bar=12),
    Row("fan-out q0", "fanout --subs 100 --qos 0 --credit 50 --batch 16", bar=12),
    Row("pair q0", f"pair --pubs 100 --qos 0 {CLOSED}", bar=4),
    Row("pair q1", f"pair --pubs 100 --qos 1 {CLOSED}", bar=4),
    Row("unbatched q1", f"fanin --pubs 100 --qos 1 {ONE_BY_ONE}", bar=2.2),
    Row("unbatched q1 mTLS", f"fanin --pubs 100 --qos 1 {ONE_BY_ONE}", tls=True, bar=1.5),
    Row("20,000/s q1", "fanin --pubs 100 --qos 1 --rate 20000", seconds=2, figure="p99_us"),
    Row("fan-in q2", f"fanin --pubs 100 --qos 2 {CLOSED} --count 1000", rounds=1, brokers=NO_QOS2),
    Row("fan-in q0 stalled", f"fanin --pubs 100 --qos 0 --stall 4 {CLOSED}", rounds=1),
    Row("fan-in q1 stalled", f"fanin --pubs 100 --qos 1 --stall 4 {CLOSED}", rounds=1),
    Row("fan-in q2 stalled", f"fanin --pubs 100 --qos 2 --stall 4 {CLOSED} --count 1000", rounds=1, brokers=NO_QOS2),
]
CONNECTS = {"connect TCP": [], "connect mTLS": ["mtls"], "connect mTLS resumed": ["mtls", "--resume"]}
P99_US, P99_OF_BEST_PEER = 150, 1.3
IDLE_BYTES = {"idle TCP": 1000, "idle mTLS": 28_000}
# The judge's sessions all end with their connections, so a load of our own has one that does not.
DURABLE, DURABLE_TIMES = "durable q1", 3
DURABLE_PACED, PACED_RATE = "20,000/s durable q1", 20_000
LASTING_S = {"ours": 0, "ours_with_journal": 3600}


def build_judge():
    source = pathlib.Path(os.environ.get("MQTTLOAD", ROOT.parent / "shared/tools/mqttload.cpp"))
    if not source.exists():
        sys.exit(f"mqtt: the judge is missing: {source}. Next step: set MQTTLOAD to the path of mqttload.cpp")
    program = BUILD / "mqttload"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["g++", "-std=c++20", "-O2", source, "-o", program, "-lssl", "-lcrypto", "-lpthread"],
                       check=True)
    return program


def bare_relay(judge_cpu, quick):
    """20,000 messages/s to a program that does nothing but send them back: what the machine itself takes. A waiting
    relay on a virtual machine is halted, and not woken at once: no broker can do better than this."""
    runs = [json.loads(subprocess.run([BUILD / "loopback_relay", str(PACED_RATE), "100", ".5" if quick else "3", BROKER_CPU,
                                       judge_cpu], check=True, text=True, capture_output=True).stdout)["back_us"]
            for _ in range(1 if quick else 5)]
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def pingpong():
    return float(subprocess.run([BUILD / "core_pingpong", JUDGE_CPU, BROKER_CPU], check=True, text=True,
                                capture_output=True).stdout)


class Bench:
    def __init__(self, folder, quick, lock):
        self.peers = brokers.Peers(folder)
        self.quick, self.lock = quick, lock
        self.judge_program = build_judge()

    @contextlib.contextmanager
    def quiet(self):
        with open(self.lock or os.devnull) as file:
            if self.lock:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def judge(self, cpu, broker, arguments, tls):
        command = ["taskset", "-c", cpu, self.judge_program, *arguments, "--pid", broker.pid, "--port",
                   broker.ports["tls" if tls else "tcp"], "--drain", 3, *(self.peers.pki.judge() if tls else [])]
        done = subprocess.run([str(part) for part in command], text=True, capture_output=True, timeout=180)
        if done.returncode == 2 or not done.stdout:
            return None, done.stderr
        return done.returncode == 0, done.stdout

    @contextlib.contextmanager
    def running(self, names, cpu, tls):
        """The brokers of a row. Each stands still while another is measured."""
        started = []
        try:
            for name in names:
                started.append(self.peers.start(name, cpu, tls))
                started[-1].hold(True)
            yield started
        finally:
            for broker in started:
                broker.stop()

    def load(self, row, judge_cpu):
        """One row: broker to the judge's words of each round."""
        arguments = row.judge.split() + ["--json"]
        if "--count" not in arguments:
            seconds = min(row.seconds, .3) if self.quick else row.seconds
            arguments += ["--warm", ".1" if self.quick else ".25", "--dur", seconds]
        heard = {name: [] for name in row.brokers}
        with self.quiet(), self.running(row.brokers, BROKER_CPU, row.tls) as started:
            for _ in range(1 if self.quick else row.rounds):
                for broker in started:
                    broker.hold(False)
                    clean, words = self.judge(judge_cpu, broker, arguments, row.tls)
                    broker.hold(True)
                    heard[broker.name].append({"failed": words.strip()} if clean is None else json.loads(words))
        return {name: summary(runs) for name, runs in heard.items()}

    def once(self, names, arguments, tls, pattern):
        """What conn and connrate say in words: broker to the groups of pattern, as numbers."""
        found = {}
        with self.quiet(), self.running(names, BROKER_CPU, tls) as started:
            for broker in started:
                broker.hold(False)
                clean, words = self.judge(JUDGE_CPU, broker, arguments, tls)
                broker.hold(True)
                match = re.search(pattern, words)
                found[broker.name] = {key: float(value) for key, value in match.groupdict().items()} if match else {}
                found[broker.name]["clean"] = bool(clean)
        return found


def summary(runs):
    """Medians of the rounds, and what was wrong in any of them."""
    good = [run for run in runs if "failed" not in run]
    faults = {}
    for fault in ("lost", "reordered", "corrupt", "stray", "proto", "dead", "refused", "unacked", "unreleased"):
        if total := sum(run[fault] for run in good):
            faults[fault] = total
    if unflagged := sum(max(0, run["dup"] - run["dup_flagged"]) for run in good):
        faults["dup"] = unflagged
    if failed := [run["failed"] for run in runs if "failed" in run]:
        faults["failed"] = failed[0][:200]
    figures = {key: round(statistics.median(run[key] for run in good), 3)
               for key in ("cpu_s_per_M", "recv_s", "p50_us", "p99_us", "broker_rss_MB") if good}
    return {**figures, "clean": not faults and all(run["ok"] for run in good), **({"faults": faults} if faults else {})}


def show(place, name, results, figure, better=""):
    parts = []
    for broker, result in results.items():
        text = f"{broker} {result[figure]:g}" if figure in result else f"{broker} -"
        if broker != "ours" and result.get(figure) and results["ours"].get(figure):
            text += f" ({result[figure] / results['ours'][figure]:.2f}x)"
        parts.append(text + ("" if result["clean"] else f" NOT CLEAN {result.get('faults', '')}"))
    print(f"{place:8} {name:22} {figure:16} " + "   ".join(parts) + better, flush=True)


def measure_loads(bench, rows):
    figures = {}
    for place, judge_cpu in PLACES.items():
        if bench.quick and place == "two CPUs":
            break
        for row in rows:
            before = pingpong()
            results = bench.load(row, judge_cpu)
            state = [before, pingpong()]
            if row.figure == "p99_us":
                bare = bare_relay(judge_cpu, bench.quick)
                results["bare relay"] = {"p50_us": bare["p50"], "p99_us": bare["p99"], "clean": True}
            show(place, row.name, results, row.figure, f"   core to core {state[0]:.0f}, {state[1]:.0f} ns")
            figures.setdefault(place, {})[row.name] = {**results, "core_to_core_ns": state}
    return figures


def measure_idle(bench, word):
    figures = {}
    for name, tls in (("idle TCP", False), ("idle mTLS", True)):
        if word not in name:
            continue
        count = (2000 if not tls else 300) if bench.quick else 19_000
        found = bench.once(NO_QOS2 if tls else ALL, ["conn", "--conns", count, "--hold", 1, "--srcaddrs", 8, "--setup", 90], tls,
                           r"(?P<up>\d+)/\d+ up.*?(?P<bytes_each>-?\d+) B/connection.*\((?P<connect_us>\d+) us each\)")
        show(f"{count}", name, found, "bytes_each")
        figures[name] = {"connections": count, **found}
    return figures


def measure_durable(bench, word):
    """QoS 1 to one subscriber: its session in a journal, and synced, beside one that ends with its connection."""
    if word not in DURABLE:
        return {}
    heard = {name: [] for name in LASTING_S}
    with bench.quiet(), bench.running(LASTING_S, BROKER_CPU, False) as started:
        for _ in range(1 if bench.quick else 5):
            for broker in started:
                broker.hold(False)
                words = subprocess.run(["taskset", "-c", BROKER_CPU, BUILD / "mqtt_lasting_load", str(broker.ports["tcp"]),
                                        str(broker.pid), str(LASTING_S[broker.name]), ".3" if bench.quick else ".8"],
                                       check=True, text=True, capture_output=True, timeout=60).stdout
                broker.hold(True)
                heard[broker.name].append(json.loads(words))
    found = {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} | {"clean": True}
             for name, runs in heard.items()}
    show("one CPU", DURABLE, found, "cpu_s_per_M")
    return {DURABLE: found}


def sync_us(folder, count=300):
    """The disk's own time for what a group commit does: append 4 kB and sync, again and again. Sorted."""
    times = []
    with open(folder / "sync", "wb", buffering=0) as file:
        for _ in range(count):
            before = time.monotonic_ns()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append((time.monotonic_ns() - before) / 1e3)
    return sorted(times)


def measure_durable_paced(bench, word):
    """QoS 1 at a rate to a lasting session: from when a message was due to its acknowledgement, after the sync."""
    if word not in DURABLE_PACED:
        return {}
    figures = {}
    for place, judge_cpu in PLACES.items():
        heard, syncs = [], []
        with bench.quiet(), bench.running(["ours_with_journal"], BROKER_CPU, False) as (broker,):
            for _ in range(1 if bench.quick else 5):
                syncs += sync_us(bench.peers.folder, 100 if bench.quick else 300)
                broker.hold(False)
                words = subprocess.run(["taskset", "-c", judge_cpu, BUILD / "mqtt_lasting_load", str(broker.ports["tcp"]),
                                        str(broker.pid), "3600", ".3" if bench.quick else "2", str(PACED_RATE)],
                                       check=True, text=True, capture_output=True, timeout=60).stdout
                broker.hold(True)
                heard.append(json.loads(words))
        syncs.sort()
        found = {key: statistics.median(run[key] for run in heard) for key in heard[0]} | {
            "clean": True, "sync_p50_us": round(syncs[len(syncs) // 2], 1), "sync_p99_us": round(syncs[len(syncs) * 99 // 100], 1)}
        show(place, DURABLE_PACED, {"ours": found}, "p99_us",
             f"   the disk syncs in {found['sync_p50_us']:g} us, p99 {found['sync_p99_us']:g} us")
        figures[f"{DURABLE_PACED}, {place}"] = found
    return figures


def measure_connects(bench, word):
    figures = {}
    for name, how in CONNECTS.items():
        if word not in name:
            continue
        tls = "mtls" in how
        found = bench.once(ALL, ["connrate", "--conc", 32, "--warm", .3, "--dur", .5 if bench.quick else 2, *how[1:]],
                           tls, r": (?P<per_s>\d+) conn/s.*p99 (?P<p99_ms>[\d.]+).*= (?P<cpu_ms_each>[\d.]+) ms/conn")
        show("", name, found, "cpu_ms_each")
        figures[name] = found
    return figures


def bars_of(figures, rows):
    """Each bar with what was measured: CPU on one processor, latency on one and on two."""
    bars = {}
    for place, row in ((place, row) for place in PLACES if place in figures for row in rows):
        results = figures[place][row.name]
        ours, mosquitto = (results[name].get("cpu_s_per_M") for name in NO_QOS2)
        if row.bar and ours and mosquitto and place == "one CPU":
            bars[f"{row.name}: mosquitto / ours"] = (round(mosquitto / ours, 2), ">=", row.bar)
        if row.figure == "p99_us":
            ours, best = results["ours"]["p99_us"], min(results[name].get("p99_us", float("inf")) for name in ALL[1:])
            bars[f"{row.name}, {place}: p99 us"] = (ours, "<=", P99_US)
            bars[f"{row.name}, {place}: p99 of best peer's"] = (round(ours / best, 2), "<=", P99_OF_BEST_PEER)
    if DURABLE in figures:
        cost = [figures[DURABLE][name]["cpu_s_per_M"] for name in LASTING_S]
        bars[f"{DURABLE}: with a journal / without"] = (round(cost[1] / cost[0], 2), "<=", DURABLE_TIMES)
    for name in (name for name in figures if name.startswith(DURABLE_PACED)):
        bars[f"{name}: p99 us"] = (figures[name]["p99_us"], "<=", 3 * figures[name]["sync_p50_us"] + 1000)
    for name, most in IDLE_BYTES.items():
        if "bytes_each" in figures.get(name, {}).get("ours", {}):
            bars[f"{name}: bytes"] = (figures[name]["ours"]["bytes_each"], "<=", most)
    return {name: {"measured": value, "bar": f"{sign} {bar:g}", "met": value >= bar if sign == ">=" else value <= bar}
            for name, (value, sign, bar) in bars.items()}


def option(name, default):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


def main():
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("mqtt: wants two processors, one for the broker and one for the judge")
    word = option("--rows", "")
    rows = [row for row in ROWS if word in row.name]
    # On the project's disk: /tmp may be memory, which syncs for nothing.
    with tempfile.TemporaryDirectory(prefix="millwright-mqtt-", dir=BUILD) as name:
        bench = Bench(pathlib.Path(name), "--quick" in sys.argv, option("--lock", ""))
        figures = measure_loads(bench, rows) | measure_durable(bench, word) | measure_durable_paced(bench, word)
        figures |= measure_idle(bench, word) | measure_connects(bench, word)
    figures["bars"] = bars_of(figures, rows)
    for name, bar in figures["bars"].items():
        print(f"{'met' if bar['met'] else 'NOT MET':8} {name}: {bar['measured']:g}, want {bar['bar']}")
    unclean = [f"{place} {row}" for place in PLACES for row, results in figures.get(place, {}).items()
               if not results["ours"]["clean"]]
    figures["unclean_rows"] = unclean
    print(json.dumps({"bench": "mqtt", "figures": figures}))


if __name__ == "__main__":
    main()
