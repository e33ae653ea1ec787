"""The main job on real data: three gateways replay pumps, a detector is trained and pushed, decisions
come back, and everything stored equals everything sent. Also under kills and power cuts."""
import random
import signal
import time

import plant as plants

TRAINING_ROWS = 400
SPEED = 50.0


def check_points(plant, names, recordings):
    """Stored rows equal the recordings' rows: values bit for bit, event times, nothing twice."""
    total = 0
    for name, path in zip(names, recordings):
        want = {}
        for offset, values in plants.read_recording(path):
            for sig, value in values.items():
                want[(sig, plants.START_NS + offset * 10**9)] = value
        got = plant.query_csv(
            f"SELECT signal, epoch_ns(time), value FROM points WHERE device = '{name}' "
            "AND signal NOT LIKE 'host.%'")
        stored = {(sig, int(ns)): float(value) for sig, ns, value in got}
        assert len(stored) == len(got), f"{name}: {len(got) - len(stored)} points stored twice"
        missing = [key for key in want if key not in stored]
        extra = [key for key in stored if key not in want]
        assert not missing and not extra, \
            f"{name}: {len(missing)} points missing {missing[:3]}, {len(extra)} unknown {extra[:3]}"
        wrong = [key for key in want if stored[key] != want[key]]
        assert not wrong, f"{name}: {len(wrong)} values differ, first {wrong[0]}"
        total += len(stored)
    return total


def check_decisions(plant, names, recordings):
    """One decision for every row after the training rows, each once."""
    total = 0
    for name, path in zip(names, recordings):
        rows = plants.read_recording(path)[TRAINING_ROWS:]
        want = {plants.START_NS + offset * 10**9 for offset, _ in rows}
        got = [int(ns) for (ns,) in plant.query_csv(
            f"SELECT epoch_ns(time) FROM decisions WHERE device = '{name}'")]
        assert len(got) == len(set(got)), f"{name}: {len(got) - len(set(got))} decisions twice"
        got = {ns for ns in got if ns in want}
        assert got == want, f"{name}: {len(want - got)} of {len(want)} decisions are missing"
        total += len(want)
    return total


VERDICTS = """
WITH label AS (SELECT device, time, value > 0.5 AS faulty FROM points WHERE signal = 'anomaly')
SELECT sum(CASE WHEN d.decision AND l.faulty THEN 1 ELSE 0 END),
       sum(CASE WHEN d.decision AND NOT l.faulty THEN 1 ELSE 0 END),
       sum(CASE WHEN NOT d.decision AND l.faulty THEN 1 ELSE 0 END),
       sum(CASE WHEN NOT d.decision AND NOT l.faulty THEN 1 ELSE 0 END)
FROM decisions d JOIN label l ON d.device = l.device AND d.time = l.time"""


def verdicts(plant):
    tp, fp, fn, tn = [float(x) for x in plant.query(VERDICTS)[0]]
    return {"f1": 2 * tp / max(1.0, 2 * tp + fp + fn), "false_alarm_rate": fp / max(1.0, fp + tn),
            "missed_alarm_rate": fn / max(1.0, fn + tp)}


def wait_rows(plant, names, rows, limit, chaos):
    """Until every gateway's first `rows` rows are stored; `chaos` is told how many there are."""
    def there():
        counts = plant.ctl("query", "SELECT device, count(*) FROM points WHERE signal = 'pressure' "
                           "GROUP BY device", "-o", "csv", check=False)
        if counts.returncode != 0:
            return False
        stored = dict(line.split(",") for line in counts.stdout.split()[1:])
        chaos(sum(int(n) for n in stored.values()))
        return all(int(stored.get(n, 0)) >= r for n, r in zip(names, rows))
    plants.wait_for(there, lambda: "all rows stored\n" + plant.hub.tail() + "\n" +
                    "\n".join(g.tail(5) for g in plant.gateways.values()), limit, 0.3)


def run(plant, names, recordings, chaos=None):
    """The whole job; `chaos` is called now and then and may kill and restart processes."""
    chaos = chaos or (lambda stored: None)
    plant.start_hub()
    plant.describe_plant(names)
    for i, name in enumerate(names, 1):
        plant.enroll(name, f"pump-{i}")
        plant.set_source(name, recordings[i - 1], hold_after=TRAINING_ROWS, speed=SPEED)
        plant.start_gateway(name)
    wait_rows(plant, names, [TRAINING_ROWS] * len(names), 240, chaos)
    for i, name in enumerate(names, 1):
        retry(plant, lambda n=name, v=i: plant.train_and_assign(n, str(v)))
        retry(plant, lambda n=name, p=recordings[i - 1]: plant.set_source(n, p, speed=SPEED))
    wanted = [len(plants.read_recording(path)) for path in recordings]
    wait_rows(plant, names, wanted, 400, chaos)
    decided = [n - TRAINING_ROWS for n in wanted]

    def all_decided():
        rows = plant.ctl("query", "SELECT device, count(*) FROM decisions GROUP BY device", "-o", "csv",
                         check=False)
        if rows.returncode != 0:
            return False
        stored = dict(line.split(",") for line in rows.stdout.split()[1:])
        return all(int(stored.get(n, 0)) >= d for n, d in zip(names, decided))
    plants.wait_for(all_decided, "all decisions stored", 120, 0.3)


def retry(plant, step, limit=60):
    """A step of a person while the hub may be down for a moment."""
    end = time.monotonic() + limit
    while True:
        try:
            return step()
        except plants.Failed:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


class Chaos:
    """Ends the hub and a gateway at random instants of the job, and starts them again."""

    def __init__(self, plant, seed, hub_kills, gateway_kills, how, rows):
        self.plant, self.random, self.how = plant, random.Random(seed), how
        who = ["hub"] * hub_kills + ["gateway"] * gateway_kills
        self.random.shuffle(who)
        # At these shares of all rows; the very instant is chance.
        shares = sorted(self.random.uniform(.03, .9) for _ in who)
        self.plan = [(share * rows, what) for share, what in zip(shares, who)]
        self.done = []

    def __call__(self, stored_rows):
        if not self.plan or stored_rows < self.plan[0][0]:
            return
        _, who = self.plan.pop(0)
        time.sleep(self.random.uniform(0, .3))
        if who == "hub":
            self.plant.hub.kill(self.how)
            self.plant.start_hub()
        else:
            name = self.random.choice(list(self.plant.gateways))
            self.plant.gateways[name].kill(self.how)
            self.plant.start_gateway(name)
        self.done.append(who)


def total_rows(recordings):
    return sum(len(plants.read_recording(path)) for path in recordings)


def verify(plant, names, recordings):
    points = check_points(plant, names, recordings)
    decisions = check_decisions(plant, names, recordings)
    figures = verdicts(plant)
    assert figures["f1"] >= .80, f"F1 is {figures['f1']:.3f}, want at least .80"
    alarms = plant.ctl("alerts", "-o", "json")
    assert '"pump-anomaly"' in alarms, "no alarm was raised"
    return {"points": points, "decisions": decisions, **figures}


def scenario_plain(context):
    """Bit-equal points, complete decisions, F1 by SQL, alarms and why."""
    import json
    plant = context.plant()
    recordings = plants.recordings(context.build, context.folder)
    names = ["gw-1", "gw-2", "gw-3"]
    run(plant, names, recordings)
    figures = verify(plant, names, recordings)
    alarm = json.loads(plant.ctl("alerts", "-o", "json"))[0]
    chain = json.loads(plant.ctl("why", alarm["id"], "-o", "json"))
    assert chain["model_version"]["bundle"] == alarm["bundle_hash"], chain
    assert chain["decisions"], "why names no decision"
    plant.stop()
    return figures


def under_chaos(context, how, loops=1, **programs):
    """The whole job while the hub is ended three times and a gateway twice; then the same equality."""
    plant = context.plant(**programs)
    plant.configure_hub(f"mqtt: {{loops: {loops}}}\n")
    recordings = plants.recordings(context.build, context.folder)
    names = ["gw-1", "gw-2", "gw-3"]
    chaos = Chaos(plant, context.seed, 3, 2, how, total_rows(recordings))
    run(plant, names, recordings, chaos)
    figures = verify(plant, names, recordings)
    assert len(chaos.done) == 5, f"only {chaos.done} happened"
    plant.stop()
    return figures


def scenario_kills(context):
    """The hub, on two loops, killed three times and a gateway twice, at random instants: the same equality."""
    return under_chaos(context, signal.SIGKILL, loops=2)


def scenario_power_cuts(context):
    """The same with the power cut below the page cache: unsynced bytes dropped or torn."""
    return under_chaos(context, signal.SIGUSR1, hub_program="tests/power_cut_hub",
                       edge_program="tests/power_cut_edge")
