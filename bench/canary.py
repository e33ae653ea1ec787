"""How often the canary verdict is wrong, and how often it sees a worse version: simulated fleets."""
# builds: canary_trials
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.exit(subprocess.run([ROOT / "build-release" / "bench" / "canary_trials", *sys.argv[1:]]).returncode)
