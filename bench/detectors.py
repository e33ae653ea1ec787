"""Detectors on recorded plants, causal, defaults fixed before: F1 beside false alarms, Tennessee Eastman, AI4I, NAB"""
# builds: detector_trials label_trials
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("MILLWRIGHT_DATA", ROOT.parent / "shared/data"))
BUILT = ROOT / "build-release/bench"


def run(program, *arguments):
    """What it prints, shown as it comes; its last line's figures."""
    quick = [a for a in sys.argv[1:] if a == "--quick"]
    process = subprocess.Popen([BUILT / program, DATA, *arguments, *quick], text=True, stdout=subprocess.PIPE)
    last = ""
    for line in process.stdout:
        if last:
            print(last, end="", flush=True)
        last = line
    if process.wait() != 0:
        sys.exit(f"detectors: {program} failed")
    return json.loads(last)["figures"]


def main():
    for folder in ("skab_valve1", "tep_normal_and_9faults", "nab_subset", "ai4i2020"):
        if not (DATA / folder).is_dir():
            sys.exit(f"detectors: needs the data set {folder} in {DATA}. "
                     "Next step: set MILLWRIGHT_DATA to the folder of data sets")
    figures = run("detector_trials") | run("label_trials", "boosted")
    print(json.dumps({"bench": "detectors", "figures": figures}))


if __name__ == "__main__":
    main()
