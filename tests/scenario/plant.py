"""A hub and its gateways as real processes in a folder of their own, for scenarios and ./run.

Everything goes through the programs' own doors: the command line, MQTT, HTTPS.
"""
import csv
import io
import json
import os
import pathlib
import signal
import subprocess
import time

SKAB = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "skab_valve1" / "valve1"
SIGNALS = {"Accelerometer1RMS": "accelerometer1", "Accelerometer2RMS": "accelerometer2",
           "Current": "current", "Pressure": "pressure", "Temperature": "temperature",
           "Thermocouple": "thermocouple", "Voltage": "voltage", "Volume Flow RateRMS": "flow",
           "anomaly": "anomaly"}
FEATURES = "accelerometer1,accelerometer2,flow"
START = "2026-01-05T08:00:00Z"
START_NS = 1767600000 * 10**9

MANIFEST = """
kind: Site
name: north
spec: {description: Pump house north}
---
kind: DeviceProfile
name: pump-gateway
spec:
  device_class: small-x86
  signals:
    - {name: accelerometer1, unit: g, min: 0, max: 2, every: 1s, spike: 12}
    - {name: accelerometer2, unit: g, min: 0, max: 2, every: 1s, spike: 12}
    - {name: current, unit: A, min: 0, max: 10, every: 1s}
    - {name: pressure, unit: bar, min: -1, max: 5, every: 1s}
    - {name: temperature, unit: Cel, min: 0, max: 120, every: 1s, max_rate: 20}
    - {name: thermocouple, unit: Cel, min: 0, max: 60, every: 1s}
    - {name: voltage, unit: V, min: 150, max: 300, every: 1s}
    - {name: flow, unit: l/min, min: 0, max: 200, every: 1s, stuck_after: 120s}
    - {name: anomaly, min: 0, max: 1, every: 1s}
---
kind: DataProduct
name: pump-house
spec:
  owner: operations
  description: Eight sensors of every pump
  select: {labels: {line: pumps}}
---
kind: Model
name: pump
spec: {description: Says when a pump does not run as it did, task: anomaly detection}
---
kind: AlertRule
name: pump-anomaly
spec: {model: pump, severity: critical, raise_after: 5, clear_after: 10}
"""


class Failed(Exception):
    """A step did not do what it should; the text says which and shows what it printed."""


class Process:
    """One program with its output in a file; ended by its process id."""

    def __init__(self, arguments, log, env=None):
        self.log = pathlib.Path(log)
        self.arguments = [str(a) for a in arguments]
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(self.arguments, stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL, env=env)

    def alive(self):
        return self.process.poll() is None

    def stop(self, limit=30):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.arguments[0]} did not stop within {limit} s\n{self.tail()}")
        return code

    def kill(self, how=signal.SIGKILL):
        if self.alive():
            self.process.send_signal(how)
        return self.process.wait(60)

    def tail(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def rss_mb(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


def wait_for(condition, what, limit=60, every=0.05):
    """Polls until the condition gives something true; Failed with `what` after the limit."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {limit} s: {what() if callable(what) else what}")
        time.sleep(every)


class Plant:
    def __init__(self, build, folder, hub_program="src/apps/ctl/millwright",
                 edge_program="src/apps/edge/millwright-edge"):
        self.build = pathlib.Path(build).resolve()
        self.folder = pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "hub"
        self.program = self.build / "src/apps/ctl/millwright"
        self.hub_program = self.build / hub_program
        self.edge_program = self.build / edge_program
        self.edge_cli = self.build / "src/apps/edge/millwright-edge"
        self.env = {**os.environ, "MILLWRIGHT_CONFIG": str(self.folder / "login.json")}
        self.hub = None
        self.ports = None
        self.gateways = {}

    # ---- the hub
    def configure_hub(self, text):
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "hub.yaml").write_text(text)

    def start_hub(self, *more, wrapper=()):
        fixed = [f"--{name}-port={self.ports[name]}" for name in self.ports] if self.ports else \
            ["--mqtt-port=0", "--websocket-port=0", "--api-port=0", "--devices-port=0"]
        arguments = [self.hub_program] + (["hub"] if self.hub_program == self.program else [])
        self.hub_file = self.data / "hub.json"
        before = self.hub_file.stat().st_mtime_ns if self.hub_file.exists() else 0
        self.hub = Process([*wrapper, *arguments, "--data", self.data, *fixed, *more],
                           self.folder / "hub.log", self.env)

        def ready():
            if not self.hub.alive():
                raise Failed("the hub ended at start\n" + self.hub.tail())
            return self.hub_file.exists() and self.hub_file.stat().st_mtime_ns != before
        wait_for(ready, lambda: "the hub listens\n" + self.hub.tail(), 60)
        self.where = json.loads(self.hub_file.read_text())
        if not self.ports:
            self.ports = {"mqtt": self.where["mqtt_port"], "websocket": self.where["websocket_port"],
                          "api": int(self.where["api"].rsplit(":", 1)[1]),
                          "devices": int(self.where["devices"].rsplit(":", 1)[1])}

    def ctl(self, *arguments, text=None, check=True):
        done = subprocess.run([str(self.program), "--data", str(self.data), *map(str, arguments)],
                              input=text, text=True, capture_output=True, env=self.env, timeout=300)
        if check and done.returncode != 0:
            raise Failed(f"millwright {' '.join(map(str, arguments))}: exit {done.returncode}\n"
                         f"{done.stdout}{done.stderr}")
        return done.stdout if check else done

    def query(self, sql):
        return json.loads(self.ctl("query", sql, "-o", "json"))["rows"]

    def query_csv(self, sql):
        return list(csv.reader(io.StringIO(self.ctl("query", sql, "-o", "csv"))))[1:]

    def apply(self, manifest):
        return self.ctl("apply", "-f", "-", text=manifest)

    def describe_plant(self, gateways):
        """Site, assets, profile, product, rule and one enrolment group per pump."""
        self.apply(MANIFEST)
        for i, name in enumerate(gateways, 1):
            self.apply(f"kind: Asset\nname: pump-{i}\nspec: {{site: north, class: pump}}\n---\n"
                       f"kind: EnrollmentGroup\nname: pump-{i}\n"
                       f"spec: {{profile: pump-gateway, asset: pump-{i}, max_uses: 5}}\n")

    # ---- gateways
    def enroll(self, name, group):
        token = self.ctl("enroll", "token", group).strip()
        token_file = self.folder / f"{name}.token"
        token_file.write_text(token + "\n")
        token_file.chmod(0o600)
        told = self.edge_enroll(name, token_file)
        self.ctl("apply", "-f", "-", text=json.dumps(self.labelled(name)))
        return told

    def edge_enroll(self, name, token_file):
        done = subprocess.run(
            [self.edge_cli, "enroll", "--hub", self.where["devices"], "--token-file", token_file,
             "--pin", self.where["root_pin"], "--name", name, "--data", self.folder / name],
            text=True, capture_output=True, env=self.env, timeout=60)
        if done.returncode != 0:
            raise Failed(f"enrolling {name}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def labelled(self, name):
        device = json.loads(self.ctl("get", "devices", name, "-o", "json"))
        return {"kind": "Device", "name": name, "domain": device["domain"],
                "labels": {"line": "pumps"}, "spec": device["spec"]}

    def start_gateway(self, name):
        arguments = [self.edge_program] + (["run"] if self.edge_program == self.edge_cli else [])
        self.gateways[name] = Process([*arguments, "--data", self.folder / name],
                                      self.folder / f"{name}.log", self.env)

    def set_source(self, name, path, hold_after=0, speed=50.0, start=START):
        device = json.loads(self.ctl("get", "devices", name, "-o", "json"))
        source = {"type": "csv", "path": str(path), "speed": speed, "signals": SIGNALS,
                  "columns": list(SIGNALS), "time_column": "datetime"}
        if start:
            source["start"] = start
        if hold_after:
            source["hold_after"] = hold_after
        device["spec"].setdefault("sources", {})["pump"] = source
        self.ctl("apply", "-f", "-", text=json.dumps(
            {"kind": "Device", "name": name, "domain": device["domain"],
             "labels": device["labels"], "spec": device["spec"]}))

    def source_state(self, name):
        device = json.loads(self.ctl("get", "devices", name, "-o", "json"))
        reported = device["status"].get("reported", {})
        return reported.get("sources", {}).get("pump", {}).get("running")

    def train_and_assign(self, name, version="1"):
        """A detector of this pump's first 400 rows, from the hub's history."""
        self.ctl("model", "train", "--algo", "knn", "--product", "pump-house", "--device", name,
                 "--signals", FEATURES, "--push", f"pump:{version}")
        self.ctl("model", "assign", f"pump:{version}", "--device", name)

    def stop(self):
        for process in self.gateways.values():
            if process.alive():
                process.stop()
        if self.hub and self.hub.alive():
            self.hub.stop()

    def kill_all(self):
        for process in [*self.gateways.values(), self.hub]:
            if process and process.alive():
                process.kill()


def read_recording(path):
    """[(seconds after the first row, {signal: value})] of a recording, as the source sends them."""
    import datetime
    rows = []
    with open(path, newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            when = datetime.datetime.fromisoformat(row["datetime"])
            rows.append((when, {signal: float(row[column]) for column, signal in SIGNALS.items()}))
    first = rows[0][0]
    return [(int((when - first).total_seconds()), values) for when, values in rows]


def recordings(build, folder, count=3):
    """Recorded pumps where they lie beside the tree, else simulated ones."""
    if SKAB.is_dir():
        return [SKAB / f"{name}.csv" for name in ("0", "1", "4")][:count]
    paths = []
    for i in range(count):
        path = pathlib.Path(folder) / f"pump-{i + 1}.csv"
        subprocess.run([str(pathlib.Path(build) / "src/apps/ctl/millwright"), "sim", "--out", str(path),
                        "--rows", "1150", "--fault-from", "600", "--fault-to", "1000",
                        "--seed", str(i + 1)], check=True)
        paths.append(path)
    return paths
