"""Savings against the truth of simulated buildings: within half a point, the placebo too, the interval covers"""
# builds: energy_trials
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("MILLWRIGHT_DATA", ROOT.parent / "shared/data")) / "energy_rmv2_pre_post1_post2"
if not DATA.is_dir():
    sys.exit(f"energy: needs LBNL's RMV2.0 buildings in {DATA}. Next step: set MILLWRIGHT_DATA to the folder of data sets")
sys.exit(subprocess.run([ROOT / "build-release/bench/energy_trials", DATA]).returncode)
