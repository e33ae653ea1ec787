"""MQTT sessions in the journal: CPU of a message to a lasting subscriber, and the restart with many queued ones"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

# builds: mqtt_sessions_load
ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-release"
RESTART_S_MAX = 2.0


def main():
    messages = 100_000 if "--quick" in sys.argv else 1_000_000
    # On the project's disk: /tmp may be memory, which syncs for nothing.
    with tempfile.TemporaryDirectory(prefix="mqtt-sessions-", dir=BUILD) as name:
        done = subprocess.run([BUILD / "bench/mqtt_sessions_load", name, str(messages)],
                              capture_output=True, text=True, env=os.environ)
        if done.returncode:
            sys.exit(done.stderr or done.stdout)
        figures = json.loads(done.stdout)
    figures["restart_in_time"] = figures["restart_s"] <= RESTART_S_MAX
    print(json.dumps({"bench": "mqtt_sessions", "figures": figures}))


if __name__ == "__main__":
    main()
