#!/usr/bin/env python3
"""The main job and the closed loop, told on the terminal: certificates, points, a model at the edge, the alarm;
then a use case, a gate, rollouts, a rollback, drift with its price, labels, a new version, the proof.

    tools/story.py --build build-release [--once] [--seed N]
"""
import argparse
import json
import pathlib
import shutil
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import closed_loop  # noqa: E402
import main_job  # noqa: E402
import plant as plants  # noqa: E402

NAMES = ["gw-1", "gw-2", "gw-3"]
LINE_TWO = [f"pump-{i:02d}" for i in range(1, 13)]
CANARIES = 3
SPEED = 50.0
BOLD, DIM, RED, GREEN, BLUE, END = (
    ("\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[36m", "\033[0m")
    if sys.stdout.isatty() else ("",) * 6)


class Story:
    def __init__(self, plant, started, seed):
        self.plant, self.began, self.started, self.seed = plant, time.monotonic(), started, seed
        self.figures = {}

    def say(self, text, detail=""):
        at = time.monotonic() - self.began
        print(f"{DIM}{at:6.1f} s{END}  {BOLD}{text}{END}{'  ' + detail if detail else ''}", flush=True)

    def line(self, text):
        print(f"          {text}", flush=True)

    # ---- chapters
    def hub(self):
        began = time.monotonic()
        self.plant.start_hub()
        took = (time.monotonic() - began) * 1000
        self.figures["hub_ready_ms"] = round(took)
        self.figures["hub_rss_start_mb"] = round(self.plant.hub.rss_mb(), 1)
        self.say("a hub starts", f"ready in {took:.0f} ms, {self.figures['hub_rss_start_mb']} MB")
        self.line(f"live page {BLUE}{self.plant.where['api']}{END}  token in {self.plant.data}/admin.token")

    def enroll(self, recordings):
        self.plant.describe_plant(NAMES)
        self.say("site, pumps, signal rules, data product and alert rule are declared",
                 "millwright apply -f plant.yaml")
        for i, name in enumerate(NAMES, 1):
            told = self.plant.enroll(name, f"pump-{i}")
            self.plant.set_source(name, recordings[i - 1], main_job.TRAINING_ROWS, SPEED, start=None)
            self.plant.start_gateway(name)
            self.say(f"gateway {name} makes its key and enrols", told.splitlines()[0].split(", ")[-1])

    def stream(self, rows, title):
        """Tells points per second until each gateway has stored this many rows."""
        self.say(title)
        last_points, last_time = self.count_points(), time.monotonic()
        while True:
            time.sleep(2)
            stored = dict(self.plant.query("SELECT device, count(*) FROM points "
                                           "WHERE signal = 'pressure' GROUP BY device"))
            points, now = self.count_points(), time.monotonic()
            self.line(f"{points:7d} points stored, {(points - last_points) / (now - last_time):5.0f}/s"
                      f"   rows {'  '.join(f'{n} {stored.get(n, 0)}' for n in NAMES)}{self.news()}")
            last_points, last_time = points, now
            if all(stored.get(n, 0) >= r for n, r in zip(NAMES, rows)):
                return

    def count_points(self):
        return self.plant.query("SELECT count(*) FROM points")[0][0]

    def news(self):
        """Alarms since the last look."""
        text = ""
        for alarm in reversed(json.loads(self.plant.ctl("alerts", "-o", "json"))):
            key = (alarm["id"], alarm["state"] == "cleared")
            if key in self.figures.setdefault("_told", set()):
                continue
            self.figures["_told"].add(key)
            colour = GREEN if alarm["state"] == "cleared" else RED
            text += (f"\n          {colour}{BOLD}ALARM {alarm['state']}{END} {alarm['severity']} on "
                     f"{alarm['asset']} by {alarm['model']} {alarm['version']}, "
                     f"{(alarm['cleared_at'] or alarm['raised_at'])[:19]}, score {alarm['peak_score']:.2f}")
            if "first_alarm_s" not in self.figures:
                self.figures["first_alarm_s"] = round(time.monotonic() - self.began, 1)
        return text

    def quality(self):
        findings = self.plant.query(
            "SELECT device, signal, points, bad + uncertain, missing, round(completeness, 4) FROM scorecard "
            "WHERE missing > 0 OR bad + uncertain > 0 ORDER BY missing + bad + uncertain DESC LIMIT 4")
        self.say("every point was judged when it came", "SELECT * FROM scorecard")
        for device, sig, points, doubtful, missing, completeness in findings:
            self.line(f"{device} {sig}: {points} points, {doubtful} doubtful, {missing} missing, "
                      f"complete to {completeness:.1%}")

    def train(self, recordings):
        for i, name in enumerate(NAMES, 1):
            self.plant.train_and_assign(name, str(i))
            self.plant.set_source(name, recordings[i - 1], speed=SPEED, start=None)
        self.say("a detector is fitted on each pump's stored normal data and pushed",
                 "millwright model train --algo knn --product pump-house --push pump:1")
        self.line("the gateways check its hash, test it, and judge every window from now on")

    def decisions(self):
        scored, low, high = self.plant.query(
            "SELECT count(*), quantile_cont(latency_us, .5), quantile_cont(latency_us, .99) FROM decisions")[0]
        self.figures.update(decisions=scored, decision_latency_us_p50=round(low, 1),
                            decision_latency_us_p99=round(high, 1))
        self.say(f"{scored} windows were scored at the edge",
                 f"last sample to decision p50 {low:.0f} µs, p99 {high:.0f} µs")
        for key, value in main_job.verdicts(self.plant).items():
            self.figures[key] = round(value, 4)
        self.line(f"against the labels, which no model saw: F1 {self.figures['f1']:.2f}, false alarms "
                  f"{self.figures['false_alarm_rate']:.1%}, missed {self.figures['missed_alarm_rate']:.1%}")
        print(self.plant.ctl("query", "SELECT score FROM decisions WHERE device = 'gw-1' ORDER BY time",
                             "--plot", "score"), flush=True)

    def why(self):
        alarms = json.loads(self.plant.ctl("alerts", "-o", "json"))
        self.figures["alarms"] = len(alarms)
        if alarms:
            self.say("why was that?", f"millwright why {alarms[-1]['id']}")
            self.line(json.loads(self.plant.ctl("why", alarms[-1]["id"], "-o", "json"))["summary"])

    def close_the_loop(self):
        """The first three gateways have told their part."""
        for name in NAMES:
            self.plant.gateways.pop(name).stop()
        began = time.monotonic()
        loop = closed_loop.ClosedLoop(self.plant, LINE_TWO, CANARIES, self.seed, self.say, self.line)
        self.figures["loop"] = closed_loop.play(loop)
        self.figures["loop_s"] = round(time.monotonic() - began, 1)

    def finish(self):
        self.figures["points"] = self.count_points()
        self.figures["hub_rss_end_mb"] = round(self.plant.hub.rss_mb(), 1)
        self.figures["gateway_rss_mb"] = round(max(g.rss_mb() for g in self.plant.gateways.values()), 1)
        self.figures["story_s"] = round(time.monotonic() - self.began, 1)
        self.figures.pop("_told", None)
        self.say("memory", f"hub {self.figures['hub_rss_end_mb']} MB, gateway with its ONNX model "
                 f"{self.figures['gateway_rss_mb']} MB")

    def next_steps(self):
        program = f"{self.plant.program} --data {self.plant.data}"
        print(f"\n{BOLD}Try next{END} (another terminal):")
        for command in ("get devices -o wide", "alerts", "usecase rank", "describe rollouts third",
                        "get gate-reports", "monitor show valve-watch", "audit list",
                        "query \"SELECT signal, count(*), avg(value) FROM points GROUP BY signal\"",
                        "query --plot value \"SELECT value FROM points WHERE device = 'gw-1' AND "
                        "signal = 'flow' ORDER BY time\""):
            print(f"  {program} {command}")
        print(f"  live page: {self.plant.where['api']}, token: cat {self.plant.data}/admin.token\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--once", action="store_true", help="end after the story")
    parser.add_argument("--seed", type=int, default=1, help="of the pumps' recordings and of what is asked")
    parser.add_argument("--started", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    folder = ROOT / arguments.build / "plant"
    shutil.rmtree(folder, ignore_errors=True)
    plant = plants.Plant(ROOT / arguments.build, folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        recordings = plants.recordings(plant.build, folder)
        story = Story(plant, arguments.started, arguments.seed)
        wanted = [len(plants.read_recording(path)) for path in recordings]
        story.hub()
        story.enroll(recordings)
        story.stream([main_job.TRAINING_ROWS] * 3, f"three pumps stream eight sensors at {SPEED:.0f}x speed")
        story.quality()
        story.train(recordings)
        plants.wait_for(lambda: plant.query("SELECT count(*) FROM decisions")[0][0],
                        "a first decision", 120)
        story.figures["clone_to_first_decision_s"] = round(time.time() - story.started, 1)
        story.say("the first decision has arrived",
                  f"{story.figures['clone_to_first_decision_s']:.0f} s after ./run was typed")
        story.stream(wanted, "the rest of the day, judged window by window")
        story.decisions()
        story.why()
        story.close_the_loop()
        story.finish()
        story.next_steps()
        if not arguments.once:
            print("Running until Ctrl-C.", flush=True)
            signal.pause()
        plant.stop()
        print(json.dumps(story.figures))
    except KeyboardInterrupt:
        print("\nstopping")
        plant.stop()
    finally:
        plant.kill_all()


if __name__ == "__main__":
    main()
