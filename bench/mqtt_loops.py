"""MQTT on one loop and on two: how many messages a second of the busiest loop's CPU carries, by an independent judge"""
# builds: mqtt_loopback
#
# Two loops and the judge want three processors. So the figure is what would bound the broker if it had them: messages
# by the CPU of its busiest thread. Runs of the two take turns; figures are medians. Sessions are spread over the loops
# by their names, so about half of the messages cross.
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import mqtt  # noqa: E402  (the judge)
from parts import brokers

RATIO_MIN = 1.6
LOOPS = (1, 2)
ROWS = {
    "pair q0": "pair --pubs 100 --qos 0 --credit 20 --batch 16",
    "pair q1": "pair --pubs 100 --qos 1 --credit 20 --batch 16",
    "pair q1 one by one": "pair --pubs 100 --qos 1 --credit 1 --batch 1",
    "share q1": "fanin --pubs 100 --subs 16 --share --qos 1 --credit 20 --batch 16",
    "fan-out q0": "fanout --subs 100 --qos 0 --credit 50 --batch 16",
}
CHECKS = {
    "fan-in q1 stalled": "fanin --pubs 100 --qos 1 --stall 4 --credit 20 --batch 16",
    "fan-in q2": "fanin --pubs 100 --qos 2 --credit 20 --batch 16 --count 700",
    "pair q2": "pair --pubs 100 --qos 2 --credit 20 --batch 16 --count 700",
}


def thread_cpu_s(pid):
    """CPU seconds of each thread so far (proc(5), schedstat)."""
    tasks = pathlib.Path(f"/proc/{pid}/task")
    return {task.name: int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks.iterdir()}


def run(judge, broker, arguments):
    before = thread_cpu_s(broker.pid)
    command = [judge, *arguments.split(), "--pid", broker.pid, "--port", broker.ports["tcp"], "--drain", 3, "--json"]
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, timeout=180)
    if not done.stdout:
        sys.exit(f"mqtt_loops: the judge says: {done.stderr}")
    words = json.loads(done.stdout)
    after = thread_cpu_s(broker.pid)
    busy = sorted((after[task] - before.get(task, 0) for task in after), reverse=True)
    return {"per_busiest_cpu_s": words["unique"] / busy[0], "cpu_s_per_M": sum(busy) / words["unique"] * 1e6,
            "clean": done.returncode == 0}


def measure(judge, folder, arguments, rounds):
    runs = {loops: [] for loops in LOOPS}
    for _ in range(rounds):
        for loops in LOOPS:
            command = ["stdbuf", "-oL", brokers.LOOPBACK, "--loops", str(loops), "0"]
            broker = brokers.Broker("ours", command, None, folder / "log")
            try:
                runs[loops].append(run(judge, broker, arguments))
            finally:
                broker.stop()
    result = {}
    for loops, all_of_it in runs.items():
        for key in ("per_busiest_cpu_s", "cpu_s_per_M"):
            result[f"{key}_{loops}"] = round(statistics.median(one[key] for one in all_of_it), 3)
    result["ratio"] = round(result["per_busiest_cpu_s_2"] / result["per_busiest_cpu_s_1"], 2)
    result["clean"] = all(one["clean"] for all_of_it in runs.values() for one in all_of_it)
    return result


def main():
    quick = "--quick" in sys.argv
    judge = mqtt.build_judge()
    figures = {}
    with tempfile.TemporaryDirectory(prefix="millwright-loops-") as name:
        for row, arguments in {**ROWS, **CHECKS}.items():
            counted = "--count" in arguments
            seconds = "" if counted else f" --warm .1 --dur {.4 if quick else 1.5}"
            rounds = 1 if quick or row in CHECKS else 5
            figures[row] = measure(judge, pathlib.Path(name), arguments + seconds, rounds)
            print(f"{row:20} two loops carry {figures[row]['ratio']:.2f} times as much   CPU s/M "
                  f"{figures[row]['cpu_s_per_M_1']:g} on one, {figures[row]['cpu_s_per_M_2']:g} on two"
                  + ("" if figures[row]["clean"] else "   NOT CLEAN"), flush=True)
    bar = figures["pair q1"]["ratio"]
    figures["bars"] = {"pair q1, two loops / one": {"measured": bar, "bar": f">= {RATIO_MIN}", "met": bar >= RATIO_MIN}}
    figures["unclean_rows"] = [row for row in {**ROWS, **CHECKS} if not figures[row]["clean"]]
    print(json.dumps({"bench": "mqtt_loops", "figures": figures}))


if __name__ == "__main__":
    main()
