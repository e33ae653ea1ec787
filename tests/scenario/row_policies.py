"""People who may read a part of history: by SQL, by PromQL, in a dataset, with values bound, until they end it."""
import json
import subprocess
import threading
import time
import urllib.parse

import plant as plants
from doors import Door, user_token

MANIFEST = """
kind: Policy
name: company
spec: {domains: ["*"], masking: [{classification: restricted, method: hide, except_roles: [ot]}]}
---
kind: DeviceProfile
name: box
spec: {device_class: small-x86}
---
kind: Device
name: a-1
domain: plant-a
labels: {line: pumps}
spec: {profile: box}
---
kind: Device
name: b-1
domain: plant-b
spec: {profile: box}
---
kind: DataProduct
name: pump-house
domain: plant-a
spec:
  select: {devices: [a-1]}
  signals: [{name: flow}, {name: badge, classification: restricted}]
---
kind: DataProduct
name: recipes
domain: plant-b
spec: {classification: confidential, owner: bea, select: {devices: [b-1], signals: [dose]}}
---
kind: Role
name: reads-a
spec:
  rules:
    - {verbs: [query], kinds: [History], domains: [plant-a]}
    - {verbs: [get, list, create, replace], kinds: [Dataset], domains: ["*"]}
---
kind: Role
name: reads-pumps
spec: {rules: [{verbs: [query], kinds: [History], domains: ["*"], rows: {products: [pump-house]}}]}
"""


def sql(door, text, **more):
    status, answer = door("POST", "/v1/query", json.dumps({"sql": text, **more}).encode(), scheme="Bearer")
    return status, json.loads(answer)


def rows(door, text, **more):
    status, answer = sql(door, text, **more)
    assert status == 200, answer
    return answer["rows"]


def dataset_of(plant, name):
    def settled():
        stored = json.loads(plant.ctl("get", "datasets", name, "-o", "json"))
        return stored if stored.get("status", {}).get("state") in ("frozen", "failed") else None
    return plants.wait_for(settled, f"dataset {name} is settled")["status"]


def scenario_row_policies(context):
    """Roles, a confidential product and a mask hold in SQL, PromQL and datasets; statements end on request."""
    plant = context.plant()
    plant.start_hub()
    plant.apply(MANIFEST)
    writer = Door(plant, user_token(plant, "telegraf", "writer"))
    now = time.time_ns() // 10**9 * 10**9
    for device, values in (("a-1", {"flow": 1.5, "badge": 4711}), ("b-1", {"flow": 7.5, "dose": 0.25})):
        status, text = writer("POST", f"/v1/points?device={device}", json.dumps({"t": now, "values": values}).encode())
        assert status == 204, text

    boss = Door(plant, (plant.data / "admin.token").read_text().strip())
    people = {name: Door(plant, user_token(plant, name, role)) for name, role in
              (("ann", "reads-a"), ("pat", "reads-pumps"), ("vic", "viewer"), ("bea", "viewer"), ("olaf", "ot"))}
    seen = "SELECT device, signal, value FROM points ORDER BY ALL"
    a_hidden, b_flow, b_dose = [["a-1", "badge", None], ["a-1", "flow", 1.5]], ["b-1", "flow", 7.5], ["b-1", "dose", .25]
    assert rows(boss, seen) == [["a-1", "badge", 4711.0], ["a-1", "flow", 1.5], b_dose, b_flow]
    assert rows(people["ann"], seen) == a_hidden
    assert rows(people["pat"], seen) == a_hidden
    assert rows(people["vic"], seen) == a_hidden + [b_flow]
    assert rows(people["bea"], seen) == a_hidden + [b_dose, b_flow]
    assert rows(people["olaf"], seen) == [["a-1", "badge", 4711.0], ["a-1", "flow", 1.5], b_flow]
    assert rows(people["ann"], "SELECT DISTINCT device FROM series") == [["a-1"]]
    assert rows(people["bea"], "SELECT value FROM recipes") == [[.25]]
    status, answer = sql(people["vic"], "SELECT value FROM recipes")
    assert status == 403 and "ask bea" in answer["error"]["message"], answer
    status, answer = sql(people["ann"], "SELECT value FROM recipes")
    assert status == 400 and "no table 'recipes'" in answer["error"]["message"], answer
    status, answer = sql(writer, "SELECT 1")
    assert status == 403, answer
    assert rows(people["vic"], "SELECT value FROM points WHERE device = $1 AND value > $2",
                parameters=["b-1", 2]) == [[7.5]]
    assert json.loads(plant.ctl("query", "SELECT count(*) FROM points WHERE device = $1 AND value > $2", "--param", "b-1",
                                "--param", "2", "-o", "json"))["rows"] == [[1]]

    # As Grafana asks.
    def metrics(door, query):
        form = urllib.parse.urlencode({"query": query, "time": now // 10**9}).encode()
        status, text = door("POST", "/api/v1/query", form, ["Content-Type: application/x-www-form-urlencoded"])
        assert status == 200, text
        return sorted((one["metric"]["device"], one["value"][1]) for one in json.loads(text)["data"]["result"])
    assert metrics(boss, "flow") == [("a-1", "1.5"), ("b-1", "7.5")]
    assert metrics(people["ann"], "flow") == [("a-1", "1.5")]
    assert metrics(people["vic"], "badge") == [] and metrics(boss, "badge") == [("a-1", "4711")]

    # A dataset holds what its author may read.
    spec = {"product": "pump-house", "purpose": "training", "from": "2026-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
    status, text = people["ann"]("POST", "/v1/datasets", json.dumps({"name": "mine", "spec": spec}).encode())
    assert status == 201, text
    frozen = dataset_of(plant, "mine")
    assert frozen["state"] == "frozen" and frozen["author"] == "user:ann", frozen
    status, text = people["ann"]("POST", "/v1/datasets", json.dumps(
        {"name": "theirs", "spec": {**spec, "product": "recipes"}}).encode())
    assert status == 201, text
    assert "recipes" in dataset_of(plant, "theirs")["reason"]
    plant.apply("kind: Dataset\nname: bosses\nspec: " + json.dumps({**spec, "product": "recipes"}) + "\n")
    status, text = people["ann"]("PUT", "/v1/datasets/bosses", json.dumps({"name": "bosses", "spec": spec}).encode())
    assert status == 403 and "what user:admin may read" in text, (status, text)

    # A heavy statement: ended by its asker, and by its asker's leaving.
    heavy = "SELECT sum(a.g * b.g) FROM range(10000000) a(g), range(10000000) b(g)"
    answers = []
    asking = threading.Thread(target=lambda: answers.append(sql(boss, heavy, id="heavy")))
    asking.start()
    plants.wait_for(lambda: boss("DELETE", "/v1/query/heavy", scheme="Bearer")[0] == 200, "the statement is ended")
    asking.join(30)
    assert answers and answers[0][0] == 409, answers
    url = f"https://localhost:{plant.ports['api']}/v1/query"
    left = subprocess.run(["curl", "-sS", "--max-time", "1", "--cacert", str(plant.data / "pki" / "root.pem"), "-H",
                           "Authorization: Bearer " + boss.token, "-d", json.dumps({"sql": heavy, "id": "left"}), url],
                          capture_output=True, timeout=30)
    assert left.returncode == 28, left
    plants.wait_for(lambda: boss("DELETE", "/v1/query/left", scheme="Bearer")[0] == 404, "nothing of it runs any more")
    plant.stop()
