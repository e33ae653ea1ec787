"""Detectors on recorded pumps: F1, false and missed alarms, row to decision"""
# builds: mw_detectors_bench
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build-release/src/insight/detectors/mw_detectors_bench"
RECORDINGS = ROOT.parent / "shared/data/skab_valve1"


def main():
    if not RECORDINGS.is_dir():
        sys.exit(f"detectors: needs the SKAB recordings (github.com/waico/SKAB) in {RECORDINGS}")
    figures = {}
    for algorithm in ["knn"] if "--quick" in sys.argv else ["knn", "t2q"]:
        done = subprocess.run([PROGRAM, RECORDINGS, algorithm], text=True, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"detectors: {done.stderr}")
        for line in map(json.loads, done.stdout.splitlines()):
            figures[f"{algorithm}: {line.pop('what')}"] = line
    print(json.dumps({"bench": "detectors", "figures": figures}))


if __name__ == "__main__":
    main()
