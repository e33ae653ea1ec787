"""Gates and labels with real processes: a golden dataset is frozen, a version is measured by the hub
and by a real agent of its device class, a limit one percent too high refuses it, windows become label
tasks, answers are in SQL and in the next dataset."""
import json
import subprocess

import main_job
import plant as plants

ROWS = 900
GATE = """
kind: GateSpec
name: pump-gate
spec:
  model: pump
  dataset: golden
  metrics:
    - {metric: f1, min: %s}
    - {metric: false_alarm_rate, max: 0.9}
    - {metric: f1, not_worse_than_champion_by: 0.02}
  device_classes:
    small-x86: {latency_us_p99_max: %s, memory_mb_max: %s}
  card: [Limits, Training]
  measure_within: 60s
"""
MONITOR = """
kind: UseCase
name: starving
spec: {business_owner: Bea, executive_sponsor: Ivo, hypothesis: Whoever knows opens the valve.}
---
kind: Monitor
name: pump-watch
spec: {use_case: starving, model: pump, labels: {audit: 1, unsure: 0, drifted: 0, open_max: 20}}
"""


def until(second):
    total = 8 * 3600 + second
    return f"2026-01-05T{total // 3600:02d}:{total // 60 % 60:02d}:{total % 60:02d}Z"


def rows_of(report):
    return {row["row"]: row for row in report["spec"]["rows"]}


def gate(plant, version, limit, latency=100_000, memory=2_000):
    """Exit code, report and version after a run."""
    plant.apply(GATE % (limit, latency, memory))
    done = plant.ctl("gate", "run", "pump-gate", f"pump:{version}", "--wait", "-o", "json", check=False)
    after = json.loads(plant.ctl("get", "model-versions", f"pump--{version}", "-o", "json"))
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout), after


def as_releaser(plant, *arguments):
    """Rex, who made nothing of this."""
    env = {**plant.env, "MILLWRIGHT_CONFIG": str(plant.folder / "rex.login.json")}
    token = plant.folder / "rex.token"
    if not token.exists():
        plant.apply("kind: User\nname: rex\nspec: {roles: [releaser, viewer]}\n")
        token.write_text(plant.ctl("token", "rex"))
        token.chmod(0o600)
        as_releaser(plant, "login", "--hub", plant.where["api"], "--token-file", token, "--ca",
                    plant.data / "pki" / "root.pem")
    done = subprocess.run([str(plant.program), *map(str, arguments)], text=True, capture_output=True, env=env,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def check_override(plant):
    """The refused version passes by the word of somebody else, and the audit log says so."""
    as_releaser(plant, "approve", "model-version", "pump--1", "--what", "override", "--role", "releaser",
                "--reason", "needed now")

    def state():
        return json.loads(plant.ctl("get", "model-versions", "pump--1", "-o", "json"))["status"]["state"]
    plants.wait_for(lambda: state() == "validated", lambda: "the override moves it: " + state(), 30)
    facts = plant.ctl("audit", "list", "--kind", "ModelVersion", "--name", "pump--1", "-o", "json")
    assert "gate.override" in facts and "rex" in facts, facts[-2000:]


def check_forgery(plant):
    """Neither reports nor chances are a person's to write."""
    for manifest, word in (
            ("kind: GateReport\nname: mine\nspec: {gate: pump-gate, version: pump--1, bundle: '" + "a" * 64 +
             "', verdict: passed, rows: []}\n", "hub alone"),
            ("kind: LabelTask\nname: mine\nspec: {device: gw-1, model: pump, from: 2026-01-05T08:00:00Z, "
             "to: 2026-01-05T08:00:05Z, why: audit, propensity: 0.001}\n", "why: person")):
        try:
            plant.apply(manifest)
        except plants.Failed as refused:
            assert word in str(refused), refused
        else:
            raise AssertionError(f"not refused: {manifest}")


def check_gate(plant, name):
    plant.ctl("dataset", "freeze", "golden", "--product", "pump-house", "--purpose", "golden", "--devices", name,
              "--from", plants.START, "--to", until(ROWS), "--labels-signal", "anomaly",
              "--signals", plants.FEATURES)
    code, report, version = gate(plant, 1, 0.1)
    assert code == 0 and version["status"]["state"] == "validated", version["status"]
    rows = rows_of(report)
    latency, memory = rows["latency_us_p99 small-x86"], rows["memory_mb small-x86"]
    for row in (latency, memory):
        assert row["passed"] and f"'{name}'" in row["detail"], row
    assert 0 < latency["measured"] < 100_000 and 10 < memory["measured"] < 2_000, rows
    f1 = version["status"]["gate"]["f1"]
    code, report, version = gate(plant, 1, f1 * 1.01)
    assert code == 1 and version["status"]["state"] == "refused", version["status"]
    assert not rows_of(report)["f1"]["passed"] and "f1 is" in version["status"]["reason"]
    # What was refused is not given to a device by hand either.
    assigned = plant.ctl("model", "assign", "pump:1", "--device", name, check=False)
    assert assigned.returncode == 5 and "f1 is" in assigned.stderr, assigned.stdout + assigned.stderr
    check_override(plant)
    check_forgery(plant)
    code, report, _ = gate(plant, 1, 0.1, memory=memory["measured"] / 10)
    assert code == 1 and not rows_of(report)["memory_mb small-x86"]["passed"], report
    code, _, version = gate(plant, 1, 0.1)
    assert code == 0 and version["status"]["state"] == "validated", version["status"]
    return {"f1": f1, "latency_us_p99": latency["measured"], "memory_mb": memory["measured"]}


def check_labels(plant):
    def tasks():
        return int(json.loads(plant.ctl("label", "count", "-o", "json"))["open"]) > 5
    plants.wait_for(tasks, "label tasks were made", 60, 0.3)
    task = json.loads(plant.ctl("label", "next", "-o", "json"))
    text = plant.ctl("label", "next", "--plot")
    assert task["name"] in text and "flow" in text, text
    plant.ctl("label", "set", task["name"], "yes")
    plant.ctl("label", "skip", json.loads(plant.ctl("label", "next", "-o", "json"))["name"])
    rows = plant.query("SELECT task, label, why, propensity, author FROM labels")
    assert rows == [[task["name"], True, "audit", 1, rows[0][4]]], rows
    plant.ctl("dataset", "freeze", "answered", "--product", "pump-house", "--from", plants.START, "--to",
              "2030-01-01T00:00:00Z")
    frozen = json.loads(plant.ctl("get", "datasets", "answered", "-o", "json"))["status"]
    assert frozen["anomalous_rows"] > 0 and frozen["state"] == "frozen", frozen
    plant.ctl("model", "train", "--dataset", "answered", "--signals", plants.FEATURES, "--push", "pump:2")
    return {"labelled_rows": frozen["labelled_rows"]}


def scenario_gates(context):
    """Golden dataset, gate on hub and agent, refusal by one percent, label tasks, answers in SQL."""
    plant = context.plant()
    name = "gw-1"
    path = plants.recordings(context.build, context.folder, 1)[0]
    plant.start_hub()
    plant.describe_plant([name])
    plant.enroll(name, "pump-1")
    plant.set_source(name, path, hold_after=ROWS, speed=200.0)
    plant.start_gateway(name)
    main_job.wait_rows(plant, [name], [ROWS], 240, lambda stored: None)
    plant.ctl("model", "train", "--algo", "knn", "--product", "pump-house", "--device", name, "--to", until(400),
              "--signals", plants.FEATURES, "--push", "pump:1")
    figures = check_gate(plant, name)
    plant.apply(MONITOR)
    plant.ctl("model", "assign", "pump:1", "--device", name)
    plant.set_source(name, path, speed=200.0)
    figures.update(check_labels(plant))
    plant.stop()
    return figures
