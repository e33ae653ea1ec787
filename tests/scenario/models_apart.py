"""Models of a gateway that depend on each other and on nobody: one in a process of its own that is killed, one that
takes its scores, one that a command outside of Millwright has trained; and inputs that merely stop."""
import json
import os
import signal

import main_job
import plant as plants

TRAINED, HALF, ALL = 400, 600, 1000
# ONNX: y[1] = x[1] + x[1].
DOUBLING = bytes([0x08, 7, 0x3a, 42, 0x0a, 14, 0x0a, 1, 120, 0x0a, 1, 120, 0x12, 1, 121, 0x22, 3, 65, 100, 100, 0x12, 2, 103,
                  48, 0x5a, 9, 0x0a, 1, 120, 0x12, 4, 0x0a, 2, 0x08, 1, 0x62, 9, 0x0a, 1, 121, 0x12, 4, 0x0a, 2, 0x08, 1,
                  0x42, 4, 0x0a, 0, 0x10, 13])
TWICE = """version: 1
inputs: [{name: residual, model: pump}]
window: {rows: 1}
features: [{name: residual, input: residual, statistic: last}]
threshold: {raise: 1000}
fallback: {stale_after: 20s}
"""


def children(pid):
    """Process ids below this one that serve a model."""
    found = []
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{other}/stat").read()
            line = open(f"/proc/{other}/cmdline").read().split("\0")
        except OSError:
            continue
        if int(stat.rsplit(")", 1)[1].split()[1]) == pid and "serve-model" in line:
            found.append(int(other))
    return found


def assign(plant, name, models):
    device = json.loads(plant.ctl("get", "devices", name, "-o", "json"))
    device["spec"]["models"] = models
    plant.apply(json.dumps({"kind": "Device", "name": name, "domain": device["domain"], "labels": device["labels"],
                            "spec": device["spec"]}))


def reported(plant, name, model):
    device = json.loads(plant.ctl("get", "devices", name, "-o", "json"))
    return device["status"].get("reported", {}).get("models", {}).get(model, {})


def decisions(plant, model, where="true"):
    return int(plant.query(f"SELECT count(*) FROM decisions WHERE model = '{model}' AND {where}")[0][0])


def check_chain(plant):
    """Every score of the second model is twice the first one's, at the same time."""
    rows = plant.query("SELECT a.score, b.score FROM decisions a JOIN decisions b ON a.window_to = b.window_to "
                       "WHERE a.model = 'pump' AND b.model = 'twice' AND a.fallback IS NULL AND b.fallback IS NULL")
    assert len(rows) > 50 and all(abs(2 * a - b) <= 1e-5 * abs(b) for a, b in rows), rows[:5]
    return len(rows)


def check_crash(plant, gateway):
    """The model's process is killed: the gateway goes on, the fallback decides, and the model comes back."""
    (child,) = plants.wait_for(lambda: children(gateway.process.pid), "the model has its process", 60)
    good = decisions(plant, "pump", "fallback IS NULL")
    os.kill(child, signal.SIGKILL)
    plants.wait_for(lambda: decisions(plant, "pump", "fallback LIKE 'model_failed: its process was ended by signal 9%'"),
                    "decisions say that the model's process was ended", 60, 0.2)
    plants.wait_for(lambda: decisions(plant, "twice", "fallback LIKE 'inputs_bad%'"), "and those that it feeds", 60, 0.2)
    plants.wait_for(lambda: decisions(plant, "pump", "fallback IS NULL") > good + 20, "it decides again", 60, 0.2)
    assert gateway.alive() and children(gateway.process.pid) != [child]
    assert reported(plant, "gw-1", "pump").get("state") == "applied"


def check_stale(plant, name):
    """Its inputs merely stop: the fallback decides, says what is missing, and the gateway tells of it."""
    plants.wait_for(lambda: plant.source_state(name) in ("held", "finished"), "the recording has ended", 120, 0.5)
    plants.wait_for(lambda: decisions(plant, "twice", "fallback LIKE 'inputs_stale: residual%' AND samples = 0"),
                    "the fallback decides without a window", 120, 0.5)
    fallback, quality = plant.query("SELECT fallback, inputs_quality FROM decisions WHERE model = 'twice' AND samples = 0 "
                                    "ORDER BY window_to DESC LIMIT 1")[0]
    assert quality == 14 and "source pump: " in fallback, (fallback, quality)  # bad, stale


def check_outside(plant, name):
    """A command leaves model.onnx; its bundle is checked, described and pushed like any other."""
    plant.ctl("dataset", "freeze", "rows", "--product", "pump-house", "--devices", name, "--from", plants.START,
              "--to", "2030-01-01T00:00:00Z", "--signals", "flow")
    (plant.folder / "own.yaml").write_text("version: 1\ninputs: [{name: flow}]\nwindow: {rows: 5}\n"
                                           "features: [{name: flow_mean, input: flow, center: 32}]\nthreshold: {raise: 9}\n")
    ask = ["model", "train", "--dataset", "rows", "--pipeline", plant.folder / "own.yaml", "--version-command", "echo cp 9.1",
           "--push", "own:1", "--command"]
    refused = plant.ctl(*ask, "echo no memory; exit 7", check=False)
    assert refused.returncode == 2 and "ended with code 7: no memory" in refused.stderr, refused.stderr
    told = json.loads(plant.ctl(*ask, f"wc -l features.csv; test -s dataset.parquet; cp {plant.folder}/twice.onnx model.onnx",
                                "--out", plant.folder / "own.bundle").rsplit("\nmodel-versions/", 1)[0])
    assert told["version"] == "cp 9.1" and told["windows"] > 300, told
    version = json.loads(plant.ctl("get", "model-versions", "own--1", "-o", "json"))["spec"]
    assert version["algorithm"] == "command" and version["trained_on"]["dataset"] == "rows", version
    words = plant.ctl("pipeline", "explain", plant.folder / "own.bundle")
    assert "mean of flow" in words, words
    return told["windows"]


def scenario_models_apart(context):
    """A model's process is killed and comes back, its scores feed another, a third was trained by a command."""
    plant = context.plant()
    name = "gw-1"
    path = plants.recordings(context.build, context.folder, 1)[0]
    plant.start_hub()
    plant.describe_plant([name])
    plant.enroll(name, "pump-1")
    plant.set_source(name, path, hold_after=TRAINED, speed=200.0)
    plant.start_gateway(name)
    gateway = plant.gateways[name]
    main_job.wait_rows(plant, [name], [TRAINED], 240, lambda stored: None)
    plant.ctl("model", "train", "--algo", "knn", "--product", "pump-house", "--device", name, "--signals", plants.FEATURES,
              "--push", "pump:1")
    (plant.folder / "twice.onnx").write_bytes(DOUBLING)
    (plant.folder / "twice.yaml").write_text(TWICE)
    plant.ctl("model", "push", "twice:1", "--onnx", plant.folder / "twice.onnx", "--pipeline", plant.folder / "twice.yaml")
    try:
        assign(plant, name, {"pump": {"version": "1", "limits": {"memory_bytes": 1 << 28}}})
        raise AssertionError("memory without a process was not refused")
    except plants.Failed as refused:
        assert "want isolation: process" in str(refused), refused
    # Time enough for a build with sanitizers.
    apart = {"isolation": "process", "deadline_us": 20_000_000, "memory_bytes": 1 << 30}
    assign(plant, name, {"pump": {"version": "1", "limits": apart}, "twice": {"version": "1"}})
    plants.wait_for(lambda: all(reported(plant, name, model).get("running") == "1" for model in ("pump", "twice")),
                    lambda: f"both run: {reported(plant, name, 'pump')} {reported(plant, name, 'twice')}", 60, 0.2)
    plant.set_source(name, path, hold_after=HALF, speed=200.0)
    main_job.wait_rows(plant, [name], [HALF], 240, lambda stored: None)
    plants.wait_for(lambda: decisions(plant, "twice") > 100, "the second model decides", 60, 0.2)
    plant.set_source(name, path, hold_after=ALL, speed=20.0)
    check_crash(plant, gateway)
    figures = {"fed": check_chain(plant), "windows": check_outside(plant, name)}
    # Back in the gateway's own process: other limits are another installation of the same version.
    assign(plant, name, {"pump": {"version": "1"}, "twice": {"version": "1"}})
    plants.wait_for(lambda: not children(gateway.process.pid), "the process has ended with its model", 60, 0.2)
    check_stale(plant, name)
    plant.stop()
    return figures
