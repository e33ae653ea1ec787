"""Champion against challenger on real agents: a shadow scores beside the champion and decides nothing, then an
A/B rollout gives the challenger to half of the devices."""
import json

import plant as plants

NAMES = ["gw-1", "gw-2", "gw-3", "gw-4"]
FINAL = ("completed", "rolled_back", "aborted", "inconclusive")
TRAINING_ROWS = 400


def get(plant, kind, name):
    return json.loads(plant.ctl("get", kind, name, "-o", "json"))


def start(plant):
    """Four gateways that run version 1; version 2 looks at fewer signals."""
    plant.start_hub()
    plant.describe_plant(NAMES)
    for i, name in enumerate(NAMES, 1):
        path = plant.folder / f"{name}.csv"
        plant.ctl("sim", "--out", path, "--rows", 6000, "--fault-from", 600, "--fault-to", 700, "--fault-every", 800,
                  "--seed", i)
        plant.enroll(name, f"pump-{i}")
        plant.set_source(name, path, hold_after=TRAINING_ROWS, speed=200.0)
        plant.start_gateway(name)

    def trained_on():
        stored = dict(plant.query("SELECT device, count(*) FROM points WHERE signal = 'flow' GROUP BY device"))
        return all(stored.get(name, 0) >= TRAINING_ROWS for name in NAMES)
    plants.wait_for(trained_on, "the first rows of every pump", 60)
    for version, signals in (("1", plants.FEATURES), ("2", "flow,accelerometer1")):
        plant.ctl("model", "train", "--algo", "knn", "--product", "pump-house", "--signals", signals,
                  "--push", f"pump:{version}")
    for name in NAMES:
        plant.ctl("model", "assign", "pump:1", "--device", name)
        plant.set_source(name, plant.folder / f"{name}.csv", speed=20.0)


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
    shadow, compared = roll_out(plant, "shade", "shadow", "--waves", "100%", "--soak", "5s")
    assert shadow["state"] == "completed", shadow
    # Beside the champion, on every device, under a name that no rule follows.
    assert versions_that_decided(plant, "pump.shadow") == {name: {"2"} for name in NAMES}
    assert versions_that_decided(plant, "pump") == {name: {"1"} for name in NAMES}
    assert "pump.shadow" not in {alarm["model"] for alarm in json.loads(plant.ctl("alerts", "-o", "json"))}
    assert compared["comparison"]["windows"] > 0, compared

    ab, verdict = roll_out(plant, "half", "ab", "--waves", "50%,100%", "--soak", "5s", "--pre-period", "2s",
                           "--guardrail", "fallback_rate<=0.5")
    half = versions_that_decided(plant, "pump")
    plant.stop()
    return {"shadow": compared, "ab": ab["state"], "ab_verdict": verdict,
            "ran": {name: sorted(half[name]) for name in NAMES}}
