"""The loop closed, with real processes: a use case, a gate, rollouts, a rollback, drift that is priced, labels,
a retrained version, and the audit log that proves it. Told by ./run, checked by the scenario closed_loop."""
import datetime
import json
import subprocess

import plant as plants

INTERVAL_MS = 40           # twenty-five rows a second, as they happen: event time is the time of day
FAULT = {"from": 300, "to": 420, "every": 700}
ROWS = 15_000
SAFE, MAINS = "accelerometer1,accelerometer2,flow", "voltage"
PEOPLE = {"ann": "engineer", "omar": "ot", "ines": "it", "bea": "business", "rex": "releaser"}

MANIFEST = """
kind: Site
name: south
spec: {description: Pump house south}
---
kind: DeviceProfile
name: fast-gateway
spec:
  device_class: small-x86
  signals:
    - {name: accelerometer1, unit: g, min: 0, max: 2}
    - {name: accelerometer2, unit: g, min: 0, max: 2}
    - {name: current, unit: A, min: 0, max: 10}
    - {name: pressure, unit: bar, min: -1, max: 5}
    - {name: temperature, unit: Cel, min: 0, max: 120}
    - {name: thermocouple, unit: Cel, min: 0, max: 60}
    - {name: voltage, unit: V, min: 150, max: 300}
    - {name: flow, unit: l/min, min: 0, max: 200}
    - {name: anomaly, min: 0, max: 1}
---
kind: EnrollmentGroup
name: line-two
spec: {profile: fast-gateway, max_uses: 100}
---
kind: DataProduct
name: pump-line
spec:
  owner: operations
  description: The pumps of line two, as they run
  select: {labels: {line: two}}
---
kind: DataProduct
name: pump-log
spec:
  owner: operations
  description: Eight weeks of values from before the pilot
  select: {devices: ["@LOGGER"], signals: [logged-flow]}
---
kind: Model
name: valve
spec: {description: Says when the inlet valve starves a pump, task: anomaly detection}
---
kind: UseCase
name: starved-pumps
spec:
  business_owner: Bea
  executive_sponsor: Ivo
  hypothesis: Whoever learns of a starved pump within a minute opens the valve before the line stops.
  model: valve
  product: pump-line
  currency: EUR
  events_per_week: 300000
  cost_of_miss: 0.02
  cost_of_false_alarm: 0.00002
  cost: {initial: 40000, per_year: 12000}
  benefit: {per_year: 160000}
  assumptions:
    - {statement: Operators act on an alarm within five minutes, evidence: Shift log of October}
    - {statement: A closed valve shows in flow and vibration, evidence: Golden dataset of the gate}
  exit_criteria:
    idea:
      - {criterion: Nothing is merely assumed, check: assumptions}
    prototype:
      - {criterion: Every KPI has a baseline, check: kpi_baseline}
    pilot:
      - {criterion: A version passed its gate, check: gate_passed}
      - {criterion: It runs on the whole line, check: rollout_completed}
  kpis:
    - name: starved-hours
      sql: >
        SELECT date_trunc('day', time) AS day, avg(CASE WHEN value < 22 THEN 24.0 ELSE 0 END) AS value
        FROM "pump-log" GROUP BY 1
      unit: h/d
      direction: decrease
      baseline: {from: "@BASELINE_FROM", to: "@BASELINE_TO"}
      window: 672h
      target: {percent: -30}
      money_per_unit: 60000
      every: 10s
---
kind: AlertRule
name: starved-pump
spec: {model: valve, severity: critical, raise_after: 10, clear_after: 25}
"""

MONITOR = """
kind: Monitor
name: valve-watch
spec:
  use_case: starved-pumps
  model: valve
  window: 30s
  strata: [line]
  min_psi: 0.5
  labels: {audit: @AUDIT, unsure: 0.01, drifted: 0.02, open_max: 4000, seed: @SEED}
"""
AUDIT_USUALLY, AUDIT_WHILE_SLOW = 0.01, 0.08


class ClosedLoop:
    """One step per method; each returns its figures. `say(text, detail)` and `line(text)` tell them."""

    def __init__(self, plant, names, canaries, seed=1, say=None, line=None):
        self.plant, self.names, self.canaries, self.seed = plant, names, canaries, seed
        self.say = say or (lambda text, detail="": None)
        self.line = line or (lambda text: None)
        self.figures, self.phase, self.drifted = {}, 0, None

    # ---- people
    def people(self):
        for name, role in PEOPLE.items():
            self.plant.apply(f"kind: User\nname: {name}\nspec: {{roles: [{role}, viewer]}}\n")
            token = self.plant.folder / f"{name}.token"
            token.write_text(self.plant.ctl("token", name))
            token.chmod(0o600)
            self.as_user(name, "login", "--hub", self.plant.where["api"], "--token-file", token,
                         "--ca", self.plant.data / "pki" / "root.pem")

    def as_user(self, name, *arguments, text=None, check=True):
        env = {**self.plant.env, "MILLWRIGHT_CONFIG": str(self.plant.folder / f"{name}.login.json")}
        done = subprocess.run([str(self.plant.program), *map(str, arguments)], input=text, text=True,
                              capture_output=True, env=env, timeout=300)
        if check and done.returncode != 0:
            raise plants.Failed(f"{name}: millwright {' '.join(map(str, arguments))}: exit "
                                f"{done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout if check else done

    def get(self, kind, name):
        return json.loads(self.plant.ctl("get", kind, name, "-o", "json"))

    def status(self, kind, name):
        return self.get(kind, name).get("status", {})

    # ---- the plant
    def enroll(self):
        for name in self.names:
            token = self.plant.folder / f"{name}.enrol"
            token.write_text(self.plant.ctl("enroll", "token", "line-two"))
            token.chmod(0o600)
            self.plant.edge_enroll(name, token)
            device = self.get("devices", name)
            device["labels"] = {"line": "two", "site": "south"}
            device["spec"]["config"] = {"health_every": "1s", "sketch_every": "5s"}
            self.put_device(device)
            self.plant.start_gateway(name)

    def recording(self, phase, name, **options):
        path = self.plant.folder / f"{name}.{phase}.csv"
        seed = 1000 * self.seed + 100 * phase + (self.names.index(name) if name in self.names else 99)
        values = {"rows": ROWS, "interval": INTERVAL_MS, "fault-from": FAULT["from"], "fault-to": FAULT["to"],
                  "fault-every": FAULT["every"], "seed": seed, **options}
        arguments = [part for key, value in values.items() for part in (f"--{key}", str(value))]
        subprocess.run([str(self.plant.program), "sim", "--out", str(path), *arguments], check=True)
        return path

    def live(self, **options):
        """Every pump runs as the options say from now on."""
        self.phase += 1
        source = f"live-{self.phase}"
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        for name in self.names:
            path = self.recording(self.phase, name, **options)
            device = self.get("devices", name)
            device["spec"]["sources"] = {source: {
                "type": "csv", "path": str(path), "speed": 1, "start": now, "signals": plants.SIGNALS,
                "columns": list(plants.SIGNALS), "time_column": "datetime"}}
            self.put_device(device)
        return now

    def put_device(self, device):
        self.plant.apply(json.dumps({key: device[key] for key in ("kind", "name", "domain", "labels", "spec")}))

    # ---- the use case and its KPI
    def use_case(self):
        """Eight weeks of the logger's values give the KPI a baseline; the pilot has begun to move it."""
        now = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
        weeks = {key: (now - datetime.timedelta(days=days)).strftime("%Y-%m-%dT00:00:00Z")
                 for key, days in (("@BASELINE_FROM", 56), ("@BASELINE_TO", 28))}
        text = MANIFEST.replace("@LOGGER", self.names[0])
        for key, value in weeks.items():
            text = text.replace(key, value)
        self.plant.apply(text)
        self.watch(AUDIT_USUALLY)

    def watch(self, audit):
        """The monitor asks a person about so large a share of all windows."""
        self.plant.apply(MONITOR.replace("@AUDIT", str(audit)).replace("@SEED", str(self.seed)))

    def history(self, gateway):
        """The logger's values come through a gateway like any others."""
        now = datetime.datetime.now(datetime.timezone.utc)
        device = self.get("devices", gateway)
        sources = {}
        for key, days, every in (("before", 56, 250), ("pilot", 28, 420)):
            path = self.recording(0, f"log-{key}", rows=96 * 28, interval=900_000,
                                  **{"fault-from": 30, "fault-to": 130, "fault-every": every})
            start = (now - datetime.timedelta(days=days)).strftime("%Y-%m-%dT00:00:00Z")
            sources[key] = {"type": "csv", "path": str(path), "speed": 1e6, "start": start,
                            "signals": {"Volume Flow RateRMS": "logged-flow"}, "columns": ["Volume Flow RateRMS"],
                            "time_column": "datetime"}
        device["spec"]["sources"] = sources
        self.put_device(device)

    def kpi(self):
        self.plant.ctl("usecase", "kpi", "starved-pumps", "--now")
        kpi = self.status("use-cases", "starved-pumps")["kpis"][0]
        self.figures["kpi"] = {"baseline": kpi["baseline"]["estimate"], "now": kpi["now"]["estimate"],
                               "reached": kpi["reached"]}
        return kpi

    # ---- versions
    def freeze(self, name, purpose, start, end=None, devices=()):
        end = end or datetime.datetime.now(datetime.timezone.utc).isoformat()
        devices = ["--devices", ",".join(devices)] if devices else []
        self.as_user("ann", "dataset", "freeze", name, "--product", "pump-line", "--from", start, "--to", end,
                     "--labels-signal", "anomaly", "--purpose", purpose, *devices)
        return self.status("datasets", name)

    def train(self, version, dataset, signals, *more):
        self.as_user("ann", "model", "train", "--algo", "knn", "--dataset", dataset, "--signals", signals,
                     "--push", f"valve:{version}", *more)

    def gate_spec(self):
        self.plant.apply("""
kind: GateSpec
name: valve-gate
spec:
  model: valve
  dataset: golden-1
  metrics:
    - {metric: f1, min: 0.75}
    - {metric: false_alarm_rate, max: 0.2}
    - {metric: event_recall, min: 0.8}
  device_classes:
    small-x86: {latency_us_p99_max: 20000, memory_mb_max: 400}
  card: [Training, Limits]
""")

    def gate(self, version):
        """The verdict and the rows that failed."""
        done = self.as_user("ann", "gate", "run", "valve-gate", f"valve:{version}", "--wait", "-o", "json",
                            check=False)
        assert done.stdout.startswith("{"), done.stdout + done.stderr
        report = json.loads(done.stdout)["spec"]
        assert (done.returncode == 0) == (report["verdict"] == "passed"), done.stdout + done.stderr
        rows = {row["row"]: row["measured"] for row in report["rows"]}
        failed = [f"{row['row']} {row['measured']} (limit {row['limit']})" for row in report["rows"]
                  if not row["passed"]]
        self.figures.setdefault("gate", {})[f"v{version}"] = {"verdict": report["verdict"], "rows": rows}
        return report["verdict"], failed

    def start_rollout(self, name, version, *more, check=True):
        return self.as_user("ann", "rollout", "start", name, "--artifact", f"valve:{version}", "--use-case",
                            "starved-pumps", "--selector", "line=two", "--waves", f"{self.canaries},100%", *more,
                            check=check)

    def step(self, stage, to):
        """The use case leaves a stage: OT, IT and business sign, the owner moves it."""
        for role, who in (("ot", "omar"), ("it", "ines"), ("business", "bea")):
            self.approve(who, "use-case", "starved-pumps", f"stage:{stage}", role, "agreed in the weekly round")
        self.as_user("bea", "usecase", "stage", "starved-pumps", to)

    def approve(self, who, kind, name, what, role, reason):
        self.as_user(who, "approve", kind, name, "--what", what, "--role", role, "--reason", reason)

    def follow_rollout(self, name, limit=240):
        """Until it has ended; every new step is told."""
        told, final = 0, ("completed", "rolled_back", "aborted", "inconclusive")

        def ended():
            nonlocal told
            status = self.status("rollouts", name)
            history = status.get("history", [])
            for step in history[told:]:
                self.line(f"{name}: {step['state']}: {step['says']}")
            told = len(history)
            return status if status.get("state") in final else None
        return plants.wait_for(ended, lambda: f"rollout {name} ends: "
                               f"{json.dumps(self.status('rollouts', name))[:2000]}", limit, 0.5)

    def running(self):
        """Which version of the model each gateway says it runs."""
        versions = {}
        for name in self.names:
            models = self.status("devices", name).get("reported", {}).get("models", {})
            versions[name] = models.get("valve", {}).get("version") if \
                models.get("valve", {}).get("state") == "applied" else None
        return versions

    def ever_ran(self, version):
        return {row[0] for row in self.plant.query(
            f"SELECT DISTINCT device FROM decisions WHERE model = 'valve' AND version = '{version}'")}

    # ---- drift, labels
    def settled(self, limit=120):
        """The faults of the first hour looked like drift; they are over."""
        plants.wait_for(lambda: self.status("monitors", "valve-watch").get("state") == "watching",
                        lambda: "the monitor settles: " + json.dumps(self.status("monitors", "valve-watch"))[:1000],
                        limit, 0.5)

    def alert(self, since, limit=120):
        def there():
            alert = self.status("monitors", "valve-watch").get("alert")
            raised = alert and datetime.datetime.fromisoformat(alert["raised_at"].replace("Z", "+00:00"))
            return alert if raised and raised > datetime.datetime.fromisoformat(since) else None
        return plants.wait_for(there, lambda: "the monitor's alert: " +
                               json.dumps(self.status("monitors", "valve-watch"))[:2000], limit, 0.5)

    def alert_with_price(self, limit=60):
        def there():
            alert = self.status("monitors", "valve-watch").get("alert")
            return alert if alert and alert["priced"] else None
        return plants.wait_for(there, lambda: "a price: " +
                               json.dumps(self.status("monitors", "valve-watch"))[:3000], limit, 0.5)

    def shift_log(self, start, end):
        """What the line's crew wrote down: the truth is the row that no model sees."""
        log, began, before = ["device,from,to"], {}, {}
        for device, time, value in self.plant.query(
                f"SELECT device, time, value FROM points WHERE signal = 'anomaly' AND time >= '{start}'::TIMESTAMPTZ "
                f"AND time < '{end}'::TIMESTAMPTZ ORDER BY device, time"):
            if value > 0.5:
                began.setdefault(device, time)
            elif device in began:
                log.append(f"{device},{began.pop(device)},{before[device]}")
            before[device] = time
        log += [f"{device},{since}," for device, since in began.items()]
        path = self.plant.folder / "shift.csv"
        path.write_text("\n".join(log) + "\n")
        return path, len(log) - 1

    def answer(self, start):
        end = datetime.datetime.now(datetime.timezone.utc).isoformat()
        path, incidents = self.shift_log(start, end)
        told = json.loads(self.as_user("omar", "label", "import", path, "--from", start, "--to", end, "-o", "json"))
        return {"incidents": incidents, **told}

    # ---- evidence
    def audit(self):
        file = self.plant.folder / "audit.log"
        self.plant.ctl("audit", "export", file)
        verdict = self.plant.ctl("audit", "verify", file, "--root", self.plant.data / "pki" / "root.pem")
        return verdict.strip()


def rows_since(loop, name, start):
    return loop.plant.query(f"SELECT count(*) FROM points WHERE device = '{name}' AND signal = 'flow' "
                            f"AND time >= '{start}'::TIMESTAMPTZ")[0][0]


def wait_rows(loop, start, rows, limit=180):
    """The pumps were started one after the other: when the last has so many rows, all have."""
    plants.wait_for(lambda: rows_since(loop, loop.names[-1], start) >= rows,
                    f"{rows} rows of every pump", limit, 0.5)


def play(loop):
    """The whole story; returns its verdicts with their figures."""
    tell, figures = loop.say, loop.figures
    prepare(loop, tell)
    first_version(loop, tell, figures)
    refused_version(loop, tell, figures)
    rolled_back_version(loop, tell, figures)
    drift_and_price(loop, tell, figures)
    retrained_version(loop, tell, figures)
    prove(loop, tell, figures)
    return figures


def prepare(loop, tell):
    loop.people()
    loop.use_case()
    loop.enroll()
    loop.history(loop.names[0])
    plants.wait_for(lambda: loop.plant.query('SELECT count(*) FROM "pump-log"')[0][0] >= 2 * 96 * 28,
                    "eight weeks of values", 60, 0.3)
    kpi = loop.kpi()
    loop.step("idea", "prototype")
    loop.step("prototype", "pilot")
    tell("a use case with a sponsor, a KPI, a baseline and a target", "millwright usecase kpi starved-pumps")
    loop.line(f"starved hours a day: {kpi['baseline']['estimate']:.2f} before the pilot, "
              f"{kpi['now']['estimate']:.2f} now, target {kpi['target']:.2f}: {kpi['says']}")


def first_version(loop, tell, figures):
    start = loop.live()
    tell(f"{len(loop.names)} pumps of line two run, twenty-five rows a second each")
    wait_rows(loop, start, FAULT["from"] - 30)
    quiet = datetime.datetime.now(datetime.timezone.utc).isoformat()
    wait_rows(loop, start, FAULT["to"] + 200)
    normal = loop.freeze("normal-1", "training", start, quiet)
    golden = loop.freeze("golden-1", "golden", start)
    tell("datasets are frozen under the hash of their content", "millwright dataset freeze golden-1 ...")
    loop.line(f"normal-1 {normal['rows']} rows {normal['sha256'][:12]}, golden-1 {golden['rows']} rows, "
              f"{golden['anomalous_rows']} of them starved, {golden['sha256'][:12]}")
    loop.gate_spec()
    loop.train("1", "normal-1", SAFE)
    verdict, failed = loop.gate("1")
    assert verdict == "passed", f"v1 must pass its gate: {failed}"
    rows = figures["gate"]["v1"]["rows"]
    tell("version 1 passes its gate, latency and memory measured by an agent on itself",
         "millwright gate run valve-gate valve:1 --wait")
    loop.line(", ".join(f"{row} {value}" for row, value in rows.items()))
    loop.start_rollout("first", "1", "--soak", "3s", "--on-inconclusive", "proceed")
    loop.approve("rex", "rollout", "first", "rollout", "releaser", "passed its gate, small first wave")
    tell("rex, who did not make it, approves; it goes out, canaries first", "millwright rollout status first --watch")
    status = loop.follow_rollout("first")
    assert status["state"] == "completed", status
    assert set(loop.running().values()) == {"1"}, loop.running()
    figures["rollout_v1"] = status["state"]


def refused_version(loop, tell, figures):
    loop.train("2", "normal-1", "voltage")
    verdict, failed = loop.gate("2")
    assert verdict == "refused", "v2 looks at the wrong signals and must be refused"
    tell("version 2 is worse: the gate refuses it", f"failing row: {failed[0]}")
    done = loop.start_rollout("second", "2", check=False)
    assert done.returncode != 0, "a refused version must not be rolled out"
    loop.line((done.stderr or done.stdout).strip().splitlines()[-1])
    figures["refused_v2"] = failed


def rolled_back_version(loop, tell, figures):
    loop.train("3", "normal-1", SAFE + "," + MAINS)
    verdict, failed = loop.gate("3")
    assert verdict == "passed", f"v3 must pass its gate: {failed}"
    lower = loop.live(mains=-60, **{"fault-from": 2000, "fault-to": 2120, "fault-every": 9000})
    wait_rows(loop, lower, 300)
    loop.start_rollout("third", "3", "--soak", "12s", "--pre-period", "6s", "--guardrail", "decision_rate+0.1",
                       "--on-inconclusive", "wait")
    loop.approve("rex", "rollout", "third", "rollout", "releaser", "passed its gate")
    tell("version 3 passes its gate, goes to its canaries, and the line runs on its generator, at 170 V")
    status = loop.follow_rollout("third")
    assert status["state"] == "rolled_back", status
    ran = loop.ever_ran("3")
    assert len(ran) == loop.canaries, f"only the canaries may have run v3: {ran}"
    plants.wait_for(lambda: set(loop.running().values()) == {"1"}, lambda: f"all run v1 again: {loop.running()}", 60)
    tell("it came back by itself; the others never saw it", f"canaries: {', '.join(sorted(ran))}")
    figures["rolled_back_v3"] = {"state": status["state"], "reason": status["reason"], "ran_on": len(ran)}


def drift_and_price(loop, tell, figures):
    loop.settled()
    loop.watch(AUDIT_WHILE_SLOW)
    drifted = loop.live(mains=-60, shift=-0.08)
    tell("the line is slowed by 8 %: what is normal has changed")
    alert = loop.alert(drifted)
    tell("the monitor says which KPI is at risk", "millwright monitor show valve-watch")
    loop.line(alert.get("says") or json.dumps(alert, ensure_ascii=False)[:600])
    wait_rows(loop, drifted, FAULT["to"] + 80)
    told = loop.answer(drifted)
    tell(f"omar's shift log answers {told['yes'] + told['no']} label tasks", "millwright label import shift.csv ...")
    figures["labels"] = told
    alert = loop.alert_with_price()
    tell("what the drift costs is known", "millwright monitor show valve-watch")
    loop.line(alert["says"])
    figures["drift"] = {key: alert.get(key) for key in ("use_case", "kpi", "loss_per_week", "priced", "says")}
    loop.drifted = drifted


def retrained_version(loop, tell, figures):
    drifted = loop.drifted
    quiet = datetime.datetime.fromisoformat(drifted) + datetime.timedelta(milliseconds=INTERVAL_MS * (FAULT["from"] - 30))
    loop.freeze("normal-2", "training", drifted, quiet.isoformat())
    loop.freeze("golden-2", "golden", drifted)
    loop.plant.ctl("apply", "-f", "-", text=json.dumps(
        {**{key: loop.get("gate-specs", "valve-gate")[key] for key in ("kind", "name", "domain", "labels")},
         "spec": {**loop.get("gate-specs", "valve-gate")["spec"], "dataset": "golden-2"}}))
    loop.train("4", "normal-2", SAFE)
    verdict, failed = loop.gate("4")
    assert verdict == "passed", f"v4 must pass its gate: {failed}"
    loop.start_rollout("fourth", "4", "--soak", "5s", "--on-inconclusive", "proceed")
    loop.approve("rex", "rollout", "fourth", "rollout", "releaser", "trained on the new normal")
    tell("version 4, fitted on the new normal, passes the same gate and goes out")
    status = loop.follow_rollout("fourth")
    assert status["state"] == "completed", status
    assert set(loop.running().values()) == {"4"}, loop.running()
    figures["promoted_v4"] = status["state"]


def prove(loop, tell, figures):
    loop.step("pilot", "scale")
    tell("OT, IT and business sign: the use case leaves its pilot", "millwright usecase stage starved-pumps scale")
    figures["stage"] = loop.get("use-cases", "starved-pumps")["spec"]["stage"]
    verdict = loop.audit()
    tell("every step was a fact; the log verifies offline", "millwright audit verify audit.log")
    loop.line(verdict.splitlines()[0])
    figures["audit"] = verdict.splitlines()[0]


def scenario_closed_loop(context):
    """From a use case to a promoted version and the proof of it, with twelve gateways and three canaries."""
    plant = context.plant()
    plant.start_hub()
    loop = ClosedLoop(plant, [f"pump-{i:02d}" for i in range(1, 13)], 3, line=lambda text: print("     ", text, flush=True))
    figures = play(loop)
    plant.stop()
    return figures
