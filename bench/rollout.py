"""A rollout over 100,000 devices in virtual time: each wave planned, memory per device, a restart in the middle"""
# builds: mw_rollouts_bench
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build-release" / "src" / "fleet" / "rollouts" / "mw_rollouts_bench"


def main():
    quick = "--quick" in sys.argv
    done = subprocess.run([PROGRAM, "2000" if quick else "100000"], stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    for name, limit in (("wave_planned_s_most", 1), ("bytes_per_device_counted", 1000)):
        if figures[name] >= limit:
            sys.exit(f"{name} is {figures[name]}, more than {limit}")
    print(json.dumps({"bench": "rollout", "figures": {k: round(v, 4) for k, v in figures.items()}}))


if __name__ == "__main__":
    main()
