"""3 days without a hub into 200 MB at 1,000 points/s (30 days into 2 GB with MW_LONG=1): bytes a point, what was dropped, memory"""
# builds: offline_trials
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
size = ["0.1", "6.7"] if "--quick" in sys.argv else ["30", "2000"] if os.environ.get("MW_LONG") else ["3", "200"]
sys.exit(subprocess.run([ROOT / "build-release/bench/offline_trials", *size]).returncode)
