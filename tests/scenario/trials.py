"""Champion against challenger on real agents: a shadow scores beside the champion and decides nothing, then an
A/B rollout gives the challenger to half of the devices."""
import datetime
import json

import plant as plants

NAMES = ["gw-1", "gw-2", "gw-3", "gw-4"]
FINAL = ("completed", "rolled_back", "aborted", "inconclusive")
TRAINING_ROWS = 400


def get(plant, kind, name):
    return json.loads(plant.ctl("get", kind, name, "-o", "json"))


def recording(plant, name, seed, interval=1000):
    path = plant.folder / f"{name}.{seed}.csv"
    plant.ctl("sim", "--out", path, "--rows", 6000, "--interval", interval, "--fault-from", 600, "--fault-to", 700,
              "--fault-every", 800, "--seed", seed)
    return path


def start(plant):
    """Four gateways that run version 1; version 2 looks at fewer signals."""
    plant.start_hub()
    plant.describe_plant(NAMES)
    for i, name in enumerate(NAMES, 1):
        plant.enroll(name, f"pump-{i}")
        plant.set_source(name, recording(plant, name, i), hold_after=TRAINING_ROWS, speed=200.0)
        plant.start_gateway(name)

    def trained_on():
        stored = dict(plant.query("SELECT device, count(*) FROM points WHERE signal = 'flow' GROUP BY device"))
        return all(stored.get(name, 0) >= TRAINING_ROWS for name in NAMES)
    plants.wait_for(trained_on, "the first rows of every pump", 60)
    for version, signals in (("1", plants.FEATURES), ("2", "flow,accelerometer1")):
        plant.ctl("model", "train", "--algo", "knn", "--product", "pump-house", "--signals", signals,
                  "--push", f"pump:{version}")
    # Rollouts and trials ask about the time of day: twenty rows a second, as they happen.
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    for i, name in enumerate(NAMES, 1):
        plant.ctl("model", "assign", "pump:1", "--device", name)
        device = get(plant, "devices", name)
        device["spec"]["sources"] = {"live": {
            "type": "csv", "path": str(recording(plant, name, 10 + i, interval=50)), "speed": 1, "start": now,
            "signals": plants.SIGNALS, "columns": list(plants.SIGNALS), "time_column": "datetime"}}
        plant.apply(json.dumps({key: device[key] for key in ("kind", "name", "domain", "labels", "spec")}))


def roll_out(plant, name, mode, *more):
    plant.ctl("rollout", "start", name, "--artifact", "pump:2", "-l", "line=pumps", "--mode", mode, "--no-approval",
              "--on-inconclusive", "proceed", *more)
    plants.wait_for(lambda: get(plant, "rollouts", name).get("status", {}).get("state") in FINAL,
                    lambda: f"{mode} ends: {json.dumps(get(plant, 'rollouts', name).get('status'))[:1500]}", 180, 0.3)
    plants.wait_for(lambda: get(plant, "trials", name).get("status", {}).get("state") not in (None, "", "running"),
                    lambda: f"the trial ends: {json.dumps(get(plant, 'trials', name))[:1500]}", 60, 0.3)
    return get(plant, "rollouts", name)["status"], get(plant, "trials", name)["status"]


def versions_that_decided(plant, model):
    """By device; a shadow writes under a name of its own."""
    found = {}
    for device, version in plant.query(f"SELECT DISTINCT device, version FROM decisions WHERE model = '{model}'"):
        found.setdefault(device, set()).add(version)
    return found


def scenario_trials(context):
    """Shadow, then A/B, with four gateways."""
    plant = context.plant()
    start(plant)
    plants.wait_for(lambda: len(versions_that_decided(plant, "pump")) == len(NAMES), "every champion decides", 60)
    shadow, compared = roll_out(plant, "shade", "shadow", "--waves", "100%", "--soak", "8s")
    assert shadow["state"] == "completed", shadow
    # Beside the champion, under a name that no rule follows.
    scored = versions_that_decided(plant, "pump.shadow")
    assert scored and set(scored) <= set(NAMES) and all(ran == {"2"} for ran in scored.values()), scored
    assert versions_that_decided(plant, "pump") == {name: {"1"} for name in NAMES}
    assert "pump.shadow" not in {alarm["model"] for alarm in json.loads(plant.ctl("alerts", "-o", "json"))}
    assert compared["comparison"]["windows"] > 0, compared

    ab, verdict = roll_out(plant, "half", "ab", "--waves", "50%,100%", "--soak", "5s", "--pre-period", "2s",
                           "--guardrail", "fallback_rate+0.2")
    # Two against two are too few to tell: it says so, and goes on as it was asked to.
    assert ab["state"] == "completed", ab
    assert verdict["state"] in ("inconclusive", "no_difference"), verdict
    half = versions_that_decided(plant, "pump")
    assert any("2" in ran for ran in half.values()), half
    plant.stop()
    return {"shadow": compared["comparison"]["windows"], "ab": verdict["state"],
            "ran": {name: sorted(half[name]) for name in NAMES}}
