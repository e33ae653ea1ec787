"""Five years of certificates: who is locked out, or let in, against policy. Simulated fleets, with outages and clock jumps."""
# builds: lifecycle_trials
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.exit(subprocess.run([ROOT / "build-release" / "bench" / "lifecycle_trials", *sys.argv[1:]]).returncode)
