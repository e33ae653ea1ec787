"""Data that is trusted, through a real hub: bad points in quarantine, released and kept over a kill; a dataset with splits,
exported with its card; leaks refused; lineage both ways; people who disagree; scorecards by day."""
import hashlib
import json
import math
import time

import plant as plants
from doors import Door

MANIFEST = """
kind: DeviceProfile
name: pump
spec:
  device_class: small-x86
  signals:
    - {name: flow, unit: l/min, min: 0, max: 100, every: 1s}
    - {name: power, unit: W, min: 0, every: 1s}
    - {name: fault, min: 0, max: 1}
---
kind: Model
name: valve
---
kind: DataProduct
name: pump-house
spec:
  owner: operations
  version: 1.0.0
  status: active
  classification: internal
  select: {labels: {line: pumps}}
  sla: {completeness: 0.5}
  signals:
    - {name: flow, unit: l/min, min: 0, max: 100, every: 1s, good_ratio: 0.9}
    - {name: power, unit: W}
"""
DEVICE = "---\nkind: Device\nname: %s\nlabels: {line: pumps}\nspec: {profile: pump}\n"
TASK = ("kind: LabelTask\nname: task-%d\nspec: {device: gw-1, model: valve, use_case: valves, from: '%s', to: '%s', "
        "why: person, propensity: 1}\n")
DEVICES = ("gw-1", "gw-2", "gw-3")
ROWS, SPLIT = 900, 600
BAD = (50, 51, 52, 400, 401)


def iso(second, start):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + second))


def user_token(plant, name, roles):
    plant.apply(f"kind: User\nname: {name}\nspec: {{roles: [{', '.join(roles)}]}}\n")
    admin = Door(plant, (plant.data / "admin.token").read_text().strip())
    status, text = admin("POST", f"/v1/users/{name}/token", b"{}")
    assert status == 201, text
    return Door(plant, json.loads(text)["token"])


def send_points(plant, start):
    door = Door(plant, (plant.data / "admin.token").read_text().strip())
    for number, device in enumerate(DEVICES):
        flow = [30 + 5 * math.sin(i / 7 + number) + (i * 7919 % 13) / 10 for i in range(ROWS)]
        for i in BAD if device == "gw-1" else ():
            flow[i] = 900.0
        frame = {"t0": start * 10**9, "dt": 10**9,
                 "frame": {"flow": flow, "power": [200 + (i * 104729 % 17) for i in range(ROWS)],
                           "fault": [1 if 850 <= i < 880 else 0 for i in range(ROWS)]}}
        status, text = door("POST", f"/v1/points?device={device}", json.dumps(frame).encode(), scheme="Bearer")
        assert status == 204, text


def check_quarantine(plant, start):
    def states():
        return plant.query("SELECT reason, state, count(*) FROM quarantine WHERE device = 'gw-1' GROUP BY ALL "
                           "ORDER BY state")
    good = "SELECT count(*) FROM \"pump-house\" WHERE signal = 'flow' AND quality >= 192"
    assert states() == [["range", "quarantined", 5]], states()
    assert "range" in plant.ctl("quarantine", "list", "--device", "gw-1")
    release = ["quarantine", "release", "--device", "gw-1", "--signal", "flow", "--from", iso(0, start), "--to",
               iso(100, start), "--why", "the valve was open"]
    first = json.loads(plant.ctl(*release, "-o", "json"))
    assert json.loads(plant.ctl(*release, "-o", "json"))["number"] == first["number"]
    plant.hub.kill()  # acknowledged is durable
    plant.start_hub()
    assert states() == [["range", "quarantined", 2], ["range", "released", 3]], states()
    assert plant.query(good) == [[3 * ROWS - 2]]
    plant.ctl("quarantine", "confirm", "--device", "gw-1", "--from", iso(51, start), "--to", iso(52, start), "--why",
              "that one was not")
    assert plant.query(good) == [[3 * ROWS - 3]]
    facts = plant.ctl("audit", "list", "-o", "json")
    assert "quarantine.release" in facts and "quarantine.confirm" in facts and "the valve was open" in facts
    assert len(json.loads(plant.ctl("quarantine", "log", "-o", "json"))["items"]) == 2
    return {"released": 2}


def check_dataset(plant, start):
    freeze = ["dataset", "freeze", "valves", "--product", "pump-house", "--from", iso(0, start), "--to",
              iso(ROWS, start), "--labels-signal", "fault", "--signals", "flow,power", "--split-at", iso(SPLIT, start),
              "--window", "10s"]
    leaky = plant.ctl(*freeze, check=False)
    assert leaky.returncode != 0 and "windows_overlap" in leaky.stderr, leaky.stdout + leaky.stderr
    plant.ctl("delete", "dataset", "valves")
    text = plant.ctl(*freeze, "--gap", "10s")
    assert "train" in text and "test" in text, text
    status = json.loads(plant.ctl("get", "datasets", "valves", "-o", "json"))["status"]
    assert status["contract"]["version"] == "1.0.0" and status["quarantined_points"] == 3, status
    assert [s["rows"] for s in status["splits"]] == [3 * SPLIT, 3 * (ROWS - SPLIT - 10)], status["splits"]
    out = plant.folder / "export"
    plant.ctl("dataset", "export", "valves", "-o", out)
    assert (out / "dataset.parquet").read_bytes()[:4] == b"PAR1"
    assert hashlib.sha256((out / "dataset.csv").read_bytes()).hexdigest() == status["sha256"]
    assert json.loads((out / "card.json").read_text())["contract"]["classification"] == "internal"
    assert status["sha256"] in (out / "card.md").read_text()
    return status["sha256"]


def check_lineage(plant, sha256):
    plant.ctl("model", "train", "--dataset", "valves", "--split", "train", "--signals", "flow,power", "--push",
              "valve:1")
    spec = json.loads(plant.ctl("get", "model-versions", "valve--1", "-o", "json"))["spec"]
    assert spec["trained_on"]["dataset"] == "valves" and spec["trained_on"]["dataset_sha256"] == sha256, spec
    plant.ctl("model", "assign", "valve:1", "--device", "gw-2")
    down = plant.ctl("lineage", "series/gw-1:flow", "--down")
    for line in ("series/gw-1:flow", "product/pump-house  contract 1.0.0", "dataset/valves  contract 1.0.0",
                 f"version/valve--1  dataset {sha256[:12]}, split train", "device/gw-2  bundle"):
        assert line in down, (line, down)
    up = plant.ctl("lineage", "device/gw-2", "--up", "-o", "json")
    assert '"gw-1:flow"' in up and spec["bundle"] in up and '"fault"' not in up, up
    assert all(len(line) <= 100 for line in down.splitlines()), down
    assert plant.ctl("lineage", "dataset/none", check=False).returncode == 3


def check_labels(plant, start):
    ann, bob = user_token(plant, "ann", ["ot"]), user_token(plant, "bob", ["ot", "viewer"])
    plant.apply("---\n".join(TASK % (i, iso(10 * i, start), iso(10 * i + 5, start)) for i in range(4)))
    for i in range(4):
        for who, event in ((ann, i < 2), (bob, i < 1)):
            body = json.dumps({"label": event, "confidence": 0.75}).encode()
            status, text = who("POST", f"/v1/label-tasks/task-{i}/answer", body, scheme="Bearer")
            assert status == 200, text
    pair = json.loads(plant.ctl("label", "agreement", "--use-case", "valves", "-o", "json"))["items"][0]
    assert pair["windows"] == 4 and abs(pair["kappa"]["estimate"] - 0.5) < 1e-9, pair
    ruling = json.dumps({"label": True, "why": "mine"}).encode()
    assert bob("POST", "/v1/label-tasks/task-1/adjudicate", ruling, scheme="Bearer")[0] == 403
    plant.ctl("label", "adjudicate", "task-1", "yes", "--why", "the log book names the valve")
    assert plant.ctl("label", "adjudicate", "task-0", "yes", "--why", "nobody asked", check=False).returncode == 5
    status, text = bob("POST", "/v1/label-tasks/task-1/answer", b'{"label": false}', scheme="Bearer")
    assert status == 409, text
    rows = plant.query("SELECT label, author, confidence, source FROM labels WHERE task = 'task-1'")
    assert rows == [[True, "user:admin", None, "api"]], rows
    return {"kappa": pair["kappa"]["estimate"]}


def scenario_trust(context):
    """Quarantine over a kill, splits, a leak refused, export, lineage, agreement and adjudication, scorecard."""
    plant = context.plant()
    plant.start_hub()
    plant.apply(MANIFEST + "".join(DEVICE % name for name in DEVICES))
    start = int(time.time()) - 2 * ROWS
    send_points(plant, start)
    figures = check_quarantine(plant, start)
    sha256 = check_dataset(plant, start)
    check_lineage(plant, sha256)
    figures.update(check_labels(plant, start))
    card = json.loads(plant.ctl("product", "scorecard", "pump-house", "--days", "3", "-o", "json"))
    days = {day["day"]: day for day in card["days"]}
    points = sum(day["points"] for day in days.values())
    assert points == 9 * ROWS and card["owner"] == "operations", card
    assert "COMPLETE" in plant.ctl("product", "scorecard", "pump-house")
    plant.stop()
    return figures
