"""Models and savings from stored points, by the command line: a meter, a plant that drifts, machines that fail."""
import json
import math
import random

HOUR, DAY0 = 3600, 1_767_571_200  # 2026-01-05, a Monday
METER_HOURS, MEASURE_FROM, SAVED = 24 * 140, 24 * 70, 0.12


def meter(rng):
    """Hourly power of an office and the weather; from MEASURE_FROM on it needs 12 % less."""
    for hour in range(METER_HOURS):
        clock, weekday = hour % 24, hour // 24 % 7
        outside = 14 + 8 * math.sin(hour / 24 / 140 * 4 * math.pi) + 5 * math.sin(clock / 24 * 2 * math.pi) + rng.gauss(0, 1)
        power = 100 + (120 if weekday < 5 and 7 <= clock < 19 else 0) + 4 * max(0, outside - 18) + rng.gauss(0, 3)
        power *= 1 - SAVED if hour >= MEASURE_FROM else 1
        at = (DAY0 + hour * HOUR) * 10**9
        yield f"m,device=meter power={power:.4f},outside={outside:.4f} {at}\n"


def machine(rng, rows=1500):
    """Fails where speed times torque is too high; flow follows speed and drifts."""
    for i in range(rows):
        speed, torque = 1500 + 200 * rng.gauss(0, 1), 40 + 8 * rng.gauss(0, 1)
        flow = 30 + speed / 100 + i * 1e-4 + 0.2 * rng.gauss(0, 1)
        failed = int(speed * torque > 78_000)
        yield f"m,device=mill speed={speed:.3f},torque={torque:.3f},flow={flow:.4f},failed={failed} {(DAY0 + i) * 10**9}\n"


def scenario_learning(context):
    """Savings of a meter against its baseline; five trainers on stored points; a pipeline in words."""
    from doors import Door
    rng = random.Random(context.seed)
    plant = context.plant()
    plant.start_hub()
    plant.apply("kind: DeviceProfile\nname: box\nspec: {device_class: small-x86}\n---\n" + "---\n".join(
        f"kind: Device\nname: {device}\nspec: {{profile: box}}\n" for device in ("meter", "mill")))
    door = Door(plant, (plant.data / "admin.token").read_text().strip())
    for rows in (list(meter(rng)), list(machine(rng))):
        for at in range(0, len(rows), 1000):
            status, text = door("POST", "/api/v2/write?precision=ns", "".join(rows[at:at + 1000]).encode())
            assert status == 204, text

    ask = ["energy", "savings", "--device", "meter", "--load", "m.power", "--temperature", "m.outside",
           "--before", "2026-01-05T00:00:00Z..2026-03-16T00:00:00Z"]
    told = json.loads(plant.ctl(*ask, "--after", "2026-03-16T00:00:00Z..2026-05-25T00:00:00Z", "-o", "json"))
    assert abs(told["saved_share"] - SAVED) < 0.01 and told["low"] < SAVED < told["high"], told
    assert told["hours_baseline"] == MEASURE_FROM and told["verdict"] == "enough", told
    assert "saved" in plant.ctl(*ask, "--after", "2026-03-16T00:00:00Z..2026-05-25T00:00:00Z")
    none = plant.ctl(*ask, "--after", "2027-01-01T00:00:00Z..2027-02-01T00:00:00Z", check=False)
    assert none.returncode == 3 and "no rows" in none.stderr, none.stderr

    def train(algorithm, *more):
        bundle = plant.folder / f"{algorithm}.bundle"
        text = plant.ctl("model", "train", "--algo", algorithm, "--device", "mill", "--out", str(bundle), *more)
        return json.loads(text), plant.ctl("pipeline", "explain", str(bundle))

    told, words = train("adaptive", "--signals", "m.flow,m.speed")
    assert told["raise_after"] == 3 and "its own slow level" in words, (told, words)
    told, words = train("mewma", "--signals", "m.flow,m.speed,m.torque")
    assert "exponentially weighted mean of m.flow" in words and told["shrinkage"] < 0.5, (told, words)
    told, _ = train("operating", "--signals", "m.flow,m.speed", "--operating", "m.speed")
    assert told["explained_variance"] > 0.5, told
    told, _ = train("ridge", "--signals", "m.speed", "--target", "m.flow")
    assert told["validated_r2"] > 0.8, told
    told, words = train("boosted", "--signals", "m.speed,m.torque", "--target", "m.failed", "--classify")
    assert told["validated_average_precision"] > 0.85 and "mean of m.torque x m.speed" in words, (told, words)
    wrong = plant.ctl("model", "train", "--algo", "forest", "--out", "x", check=False)
    assert wrong.returncode == 2 and "halfspace" in wrong.stderr, wrong.stderr
    plant.ctl("model", "train", "--algo", "adaptive", "--device", "mill", "--signals", "m.flow,m.speed", "--push", "mill:1")
    assert "mill--1" in plant.ctl("get", "model-versions")
    plant.stop()
