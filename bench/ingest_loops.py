"""Points on one loop and on two: how many a second of the busiest thread's CPU takes in, frames over mutual TLS"""
# builds: millwright millwright-edge frames_load
#
# Two loops and the gateways want more than two processors. So the figure is what would bound the hub if it had them:
# points by the CPU of its busiest thread, of all threads that it has. Two hubs take turns; figures are medians.
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import mqtt_loops

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import plant as plants  # noqa: E402

BUILD = ROOT / "build-release"
RATIO_MIN = 1.6
GATEWAYS, SESSIONS, IN_FLIGHT, LOOPS = 6, 32, 12, (1, 2)  # sessions of each gateway, as many as gateways of a fleet
PROFILE = """
kind: DeviceProfile
name: pump-gateway
spec:
  device_class: small-x86
  signals:
""" + "\n".join(f"    - {{name: load-{i + 1}, min: -1000000, max: 1000000, every: 1ms, late_after: 876000h}}" for i in range(SESSIONS))


def start(folder, loops):
    plant = plants.Plant(BUILD, folder / f"loops-{loops}")
    plant.configure_hub(f"mqtt: {{loops: {loops}}}\n")
    plant.start_hub()
    plant.names = [f"gw-{i + 1}" for i in range(GATEWAYS)]
    plant.describe_plant(plant.names)
    plant.apply(PROFILE)
    for i, name in enumerate(plant.names, 1):
        plant.enroll(name, f"pump-{i}")
    plant.sent = 0
    return plant


def load(plant, frames):
    """Points by the second of the busiest thread, CPU s per million of all threads, points by the clock."""
    pid = plant.hub.process.pid
    before = mqtt_loops.thread_cpu_s(pid)
    running = [subprocess.Popen([BUILD / "bench/frames_load", plant.folder / name, "127.0.0.1", str(plant.ports["mqtt"]),
                                 "60", "0", str(frames), str(IN_FLIGHT), str(SESSIONS)], stdout=subprocess.PIPE, text=True) for name in plant.names]
    told = [json.loads(one.communicate(timeout=180)[0]) for one in running]
    after = mqtt_loops.thread_cpu_s(pid)
    busy = [after[task] - before.get(task, 0) for task in after]
    points = sum(one["points"] for one in told)
    plant.sent += points
    return {"per_busiest_cpu_s": points / max(busy), "cpu_s_per_million": sum(busy) / points * 1e6,
            "per_s": points / max(one["seconds"] for one in told)}


def main():
    quick = "--quick" in sys.argv
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millwright-bench-"))
    hubs = {}
    try:
        for loops in LOOPS:
            hubs[loops] = start(folder, loops)
        runs = {loops: [] for loops in LOOPS}
        for i in range(1 if quick else 5):
            for loops in LOOPS:
                runs[loops].append(load(hubs[loops], 500 if quick else 2_500))
                print(f"round {i + 1}, loops {loops}: " +
                      ", ".join(f"{key} {value:.4g}" for key, value in runs[loops][-1].items()), flush=True)
        figures = {}
        for loops, plant in hubs.items():
            stored, good = plant.query("SELECT count(*), count(*) FILTER (quality = 192) FROM points WHERE signal LIKE 'load-%'")[0]
            if [stored, good] != [plant.sent, plant.sent]:
                raise plants.Failed(f"{plant.sent} good points were acknowledged, SQL finds {stored}, {good} good")
            for key in runs[loops][0]:
                figures[f"{key}_{loops}"] = float(f"{statistics.median(run[key] for run in runs[loops]):.4g}")
            plant.stop()
        ratio = figures["per_busiest_cpu_s_2"] / figures["per_busiest_cpu_s_1"]
        figures["ratio"] = round(ratio, 2)
        figures["bars"] = {"two loops / one": {"measured": round(ratio, 2), "bar": f">= {RATIO_MIN}", "met": ratio >= RATIO_MIN}}
        print(json.dumps({"bench": "ingest_loops", "figures": figures}))
    finally:
        for plant in hubs.values():
            plant.kill_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
