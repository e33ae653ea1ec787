"""Do the intervals of loss and KPI cover, and does no drift claim no loss: simulated plants."""
# builds: price_plants
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.exit(subprocess.run([ROOT / "build-release" / "bench" / "price_plants", *sys.argv[1:]]).returncode)
