"""The audit log: facts durable per second, offline verification, proofs, random edits found"""
import json
import pathlib
import subprocess
import sys
import tempfile

# builds: audit_load
ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-release"
FLOORS = {"facts_per_s": 50_000, "verified_per_s": 1_000_000}


def main():
    quick = "--quick" in sys.argv
    facts, edits = (100_000, 500) if quick else (1_000_000, 10_000)
    with tempfile.TemporaryDirectory(prefix="millwright-audit-") as name:
        done = subprocess.run([BUILD / "bench/audit_load", name, str(facts), str(edits)],
                              capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        figures = json.loads(done.stdout)
    if figures["edits_found"] != figures["edits"]:
        sys.exit(f"an edit was not found: {figures['first_missed']} (seed {figures['seed']})")
    for key in ("proof_bytes_max", "consistency_bytes_max"):
        if figures[key] >= 2048:
            sys.exit(f"{key}: {figures[key]}, want below 2048")
    figures["floors_met"] = all(figures[key] >= floor for key, floor in FLOORS.items())
    print(json.dumps({"bench": "audit", "figures": figures}))


if __name__ == "__main__":
    main()
