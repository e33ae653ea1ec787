"""Native engine against ONNX Runtime, XNNPACK and generated C: CPU time of a call, models of three exporters"""
# builds: inference_load
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build-release/bench/inference_load"
PYTHON = ROOT / ".deps/python"  # Debian's torch, scikit-learn and XGBoost, unpacked by tools/deps --bench


def environment():
    libraries = sorted({str(file.parent) for file in PYTHON.rglob("*.so*")})
    return {**os.environ, "PYTHONPATH": str(PYTHON / "usr/lib/python3/dist-packages"),
            "LD_LIBRARY_PATH": ":".join(libraries), "PYTHONWARNINGS": "ignore"}


def main():
    if not PYTHON.is_dir():
        sys.exit("inference: needs PyTorch, scikit-learn and XGBoost. Next step: tools/deps --bench")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["/usr/bin/python3", ROOT / "bench/parts/inference_models.py", folder],
                       env=environment(), check=True)
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", f"{folder}/forest.so", f"{folder}/forest.c"],
                       check=True)
        done = subprocess.run([PROGRAM, folder, *[a for a in sys.argv[1:] if a == "--quick"]], text=True,
                              stdout=subprocess.PIPE, check=True)
    figures = json.loads(done.stdout)
    for name, engines in figures.items():
        print(name, json.dumps(engines))
    print(json.dumps({"bench": "inference", "figures": figures}))


if __name__ == "__main__":
    main()
