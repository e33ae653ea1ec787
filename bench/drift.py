"""Delay and false alarms of drift detectors on dependent streams; limits of PSI; bytes of a sketch."""
# builds: drift_trials
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.exit(subprocess.run([ROOT / "build-release" / "bench" / "drift_trials", *sys.argv[1:]]).returncode)
