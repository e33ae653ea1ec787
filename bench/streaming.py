"""1,000 signals at 100 Hz through a gateway's local MQTT: last sample of a window to its decision, CPU, memory"""
# builds: streaming_load loopback_relay
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-release/bench"
PROGRAM = BUILD / "streaming_load"
QUICK = "--quick" in sys.argv
WINDOWS = 5 if QUICK else 300
# The aim: 200 us at p99, half a core, 14 MB with the native engine alone, 55 MB with ONNX Runtime.
ENGINES = ["native", "onnxruntime"]


def measure(engine):
    """One gateway and one plant, each a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAM, "bundle", f"{folder}/bundle.tar"], check=True)
        gateway = subprocess.Popen([PROGRAM, "gateway", engine, str(WINDOWS), folder], text=True, stdout=subprocess.PIPE)
        port = gateway.stdout.readline().strip()
        plant = subprocess.Popen([PROGRAM, "publish", port, str((WINDOWS + 10) * 100)], stderr=subprocess.PIPE)
        figures = json.loads(gateway.stdout.readline())
        plant.kill()
        plant.communicate()
        gateway.communicate(timeout=60)
        return figures


def loopback():
    """As many bytes as often to a program that only waits for them: what the machine itself adds to a delay."""
    words = subprocess.run([BUILD / "loopback_relay", "100", "20000", "5" if QUICK else "30"], check=True, text=True,
                           capture_output=True).stdout
    return json.loads(words)["there_us"]


def main():
    figures = {engine: measure(engine) for engine in ENGINES}
    bare = loopback()
    print("arrival over loopback by itself", json.dumps(bare))
    for engine, each in figures.items():
        print(engine, json.dumps(each))
        if each["fallbacks"] or each["refused"]:
            sys.exit(f"streaming: {engine}: {each['fallbacks']} windows without the model, {each['refused']} frames refused")
    print(json.dumps({"bench": "streaming", "figures": figures | {"arrival_over_loopback_us": bare}}))


if __name__ == "__main__":
    main()
