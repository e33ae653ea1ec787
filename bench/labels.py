"""250 labels: what stands out, then what is unsure, a quarter by lot; average precision over 20 seeds"""
# builds: label_trials
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("MILLWRIGHT_DATA", ROOT.parent / "shared/data"))
if not (DATA / "ai4i2020").is_dir():
    sys.exit(f"labels: needs the data set ai4i2020 in {DATA}. Next step: set MILLWRIGHT_DATA to the folder of data sets")
quick = [a for a in sys.argv[1:] if a == "--quick"]
sys.exit(subprocess.run([ROOT / "build-release/bench/label_trials", DATA, "labels", *quick]).returncode)
