"""A hub is backed up while points come by MQTT and HTTP, and another one is made of the copy."""
import hashlib
import json
import random
import threading
import time

import plant as plants
from doors import Door

DAY_NS = 1_767_225_600 * 10**9  # 2026-01-01
GATEWAY = "gw-1"


class Writer(threading.Thread):
    """Points by HTTP, one request after the other: which were sent, and which acknowledged."""

    def __init__(self, door):
        super().__init__(daemon=True)
        self.door, self.sent, self.acknowledged, self.ending = door, set(), set(), False

    def run(self):
        while not self.ending:
            batch = [DAY_NS + (len(self.sent) + i) * 10**6 for i in range(20)]
            self.sent.update(batch)
            lines = "".join(f"m,device=press-1 v={t % 97} {t}\n" for t in batch).encode()
            if self.door("POST", "/api/v2/write?precision=ns", lines)[0] == 204:
                self.acknowledged.update(batch)

    def stop(self):
        self.ending = True
        self.join(60)


def stored_times(plant, device="press-1"):
    times = [int(ns) for (ns,) in plant.query_csv(
        f"SELECT epoch_ns(time) FROM points WHERE device = '{device}' AND signal NOT LIKE 'host.%' "
        + ("" if device == "press-1" else "AND signal = 'pressure'"))]
    assert len(times) == len(set(times)), f"{len(times) - len(set(times))} points of {device} twice"
    return set(times)


def facts(plant, action):
    return [fact["detail"] for fact in json.loads(plant.ctl("audit", "list", "--action", action, "-o", "json"))]


def second_hub(context, plant, data):
    """A hub on a restored directory, at the first one's ports, with the first one's gateways."""
    second = context.plant()
    second.data, second.ports = data, plant.ports
    second.folder = plant.folder
    second.start_hub()
    return second


def scenario_backups(context):
    """Everything acknowledged before a backup of a running hub is in the hub restored from it, once; damage is named."""
    plant = context.plant()
    plant.start_hub()
    plant.describe_plant([GATEWAY])
    plant.apply("kind: Device\nname: press-1\nspec: {profile: pump-gateway}\n")
    recording = plants.recordings(context.build, plant.folder, 1)[0]
    plant.enroll(GATEWAY, "pump-1")
    plant.set_source(GATEWAY, recording, speed=20.0)
    plant.start_gateway(GATEWAY)
    writer = Writer(Door(plant, (plant.data / "admin.token").read_text().strip()))
    writer.start()
    repository = plant.folder / "backups"
    try:
        plants.wait_for(lambda: len(writer.acknowledged) > 200, "points by HTTP")
        plants.wait_for(lambda: stored_times(plant, GATEWAY), "points by MQTT")
        plant.ctl("history", "compact")
        told = plant.ctl("backup", "create", repository)
        assert "files" in told, told
        before, by_mqtt = set(writer.acknowledged), stored_times(plant, GATEWAY)
        # The second copies what is new, slowly enough to be watched; points go on coming.
        told = json.loads(plant.ctl("backup", "create", repository, "--rate", "400k", "-o", "json"))
        during = set(writer.acknowledged) - before
        assert during, "no point was acknowledged while the backup was made"
        assert told["copied_bytes"] < told["bytes"] and told["left_out"] == [], told
        plants.wait_for(lambda: len(writer.acknowledged) > len(before) + len(during) + 100, "more points")
    finally:
        writer.stop()
    assert plant.hub.alive() and plant.gateways[GATEWAY].alive()
    status, metrics = writer.door("GET", "/metrics")
    assert status == 200 and 'millwright_backup_runs_total{outcome="made"} 2' in metrics, metrics
    plant.stop()

    names = [one["name"] for one in json.loads(plant.ctl("backup", "list", repository, "-o", "json"))]
    assert len(names) == 2 and names[1] == told["name"], names
    assert "as it was written" in plant.ctl("backup", "verify", repository)
    for path in repository.rglob("*"):
        assert path.stat().st_mode & (0o77 if path.name != "lock" else 0o07) == 0, path

    restored = plant.folder / "restored"
    plant.ctl("restore", repository, "--into", restored)
    second = second_hub(context, plant, restored)
    found = stored_times(second)
    assert before <= found, f"{len(before - found)} acknowledged points are not there"
    assert found <= writer.sent, f"{len(found - writer.sent)} points were never sent"
    there = stored_times(second, GATEWAY)
    assert by_mqtt <= there, f"{len(by_mqtt - there)} points of the gateway are not there"
    second.ctl("history", "verify")
    assert facts(second, "backup.restore") == [f"backup {names[1]} from {repository}"], facts(second, "backup.restore")
    assert len(facts(second, "backup.create")) == 2, facts(second, "backup.create")
    second.ctl("audit", "export", plant.folder / "log.mwaudit")
    second.ctl("audit", "verify", plant.folder / "log.mwaudit", "--root", restored / "pki" / "root.pem")
    # The gateway knows this hub by its certificate, and the hub the gateway.
    second.start_gateway(GATEWAY)
    plants.wait_for(lambda: len(stored_times(second, GATEWAY)) > len(there), "the gateway goes on")
    second.stop()

    figures = {"points": len(found), "while_copying": len(during)}
    figures.update(damage_is_named(context, plant, repository, names[1], restored, by_mqtt))
    return figures


def kills_while_copying(plant, door, repository, rounds):
    """The hub is killed in the middle of a backup: there is none of it, and the next one is whole."""
    before = sorted(path.name for path in (repository / "backups").iterdir())
    for _ in range(rounds):
        copying = plants.Process([plant.program, "--data", plant.data, "backup", "create", repository, "--rate", "200k"],
                                 plant.folder / "killed.log", plant.env)
        plants.wait_for(lambda: (json.loads(door("GET", "/v1/backups")[1])["running"] or {}).get("bytes_done"),
                        "it copies")
        plant.hub.kill()
        assert copying.process.wait(60) != 0
        assert sorted(path.name for path in (repository / "backups").iterdir()) == before
        plant.ctl("backup", "verify", repository)
        plant.start_hub()


def kills_while_restoring(plant, repository, chosen, rounds):
    """The restore is killed at any moment: what is there is whole or no hub opens it, and it goes on."""
    cut = 0
    for i in range(rounds):
        target = plant.folder / f"killed-{i}"
        restoring = plants.Process([plant.program, "restore", repository, "--into", target],
                                   plant.folder / "killed.log", plant.env)
        plants.wait_for(lambda: (target / "registry.db").exists() or (target / "restore-unfinished.json").exists(),
                        "a restore began", every=0.001)
        time.sleep(chosen.random() * 0.1)
        restoring.kill()
        if (target / "restore-unfinished.json").exists():
            cut += 1
            plant.ctl("restore", repository, "--into", target)
        assert (target / "restored.json").exists() and not list(target.rglob("*.restoring"))
        manifest = json.loads(plant.ctl("backup", "show", repository, "-o", "json"))
        for file in manifest["files"]:
            content = (target / file["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"], file
    return cut


def scenario_backup_kills(context):
    """Kills of the hub while it is copied, and of the restore: no half backup, no half hub."""
    plant = context.plant()
    plant.start_hub()
    plant.apply("kind: DeviceProfile\nname: box\nspec: {device_class: small-x86}\n---\n"
                "kind: Device\nname: press-1\nspec: {profile: box}\n")
    door = Door(plant, (plant.data / "admin.token").read_text().strip())
    repository = plant.folder / "backups"
    for day in range(3):
        lines = "".join(f"m,device=press-1 v={i % 97} {DAY_NS + day * 86_400 * 10**9 + i * 10**6}\n" for i in range(5_000))
        assert door("POST", "/api/v2/write?precision=ns", lines.encode())[0] == 204
        plant.ctl("history", "compact")
    plant.ctl("backup", "create", repository)
    lines = "".join(f"m,device=press-1 v={i % 97} {DAY_NS - i * 10**6}\n" for i in range(1, 20_001))
    assert door("POST", "/api/v2/write?precision=ns", lines.encode())[0] == 204
    kills_while_copying(plant, door, repository, 3)
    plant.ctl("backup", "create", repository)
    assert plant.query("SELECT count(*) FROM points") == [[35_000]]
    plant.stop()
    cut = kills_while_restoring(plant, repository, random.Random(context.seed), 8)
    plant.ctl("backup", "create", repository)  # of a hub that does not run
    plant.ctl("backup", "verify", repository)
    plant.ctl("restore", repository, "--into", plant.folder / "last")
    second = second_hub(context, plant, plant.folder / "last")
    assert second.query("SELECT count(*), count(DISTINCT time) FROM points") == [[35_000, 35_000]]
    second.stop()
    told = plant.ctl("backup", "prune", repository, "--keep", "1")
    assert told.count("removed") == 2, told
    plant.ctl("backup", "verify", repository)
    return {"kills_while_copying": 3, "restores_cut": cut}


def damage_is_named(context, plant, repository, name, restored, by_mqtt):
    """A bit flips in a sealed file of the backup: verify and restore name it, and the rest comes back."""
    manifest = json.loads(plant.ctl("backup", "show", repository, name, "-o", "json"))
    segment = next(f for f in manifest["files"] if f["path"].startswith("history/points/"))
    content = repository / "objects" / segment["sha256"][:2] / segment["sha256"]
    bytes_ = bytearray(content.read_bytes())
    bytes_[len(bytes_) // 2] ^= 4
    content.write_bytes(bytes_)
    told = plant.ctl("backup", "verify", repository, check=False)
    assert told.returncode == 1 and segment["path"] in told.stdout, told

    target = plant.folder / "damaged"
    told = plant.ctl("restore", repository, "--into", target, check=False)
    assert told.returncode == 1 and segment["path"] in told.stderr and "--accept-damage" in told.stderr, told
    half = context.plant()
    half.data, half.ports, half.folder = target, plant.ports, plant.folder
    try:
        half.start_hub()
        raise AssertionError("a hub opened what was not restored to its end")
    except plants.Failed as refused:
        assert "did not finish" in str(refused) and "millwright restore" in str(refused), refused
    told = plant.ctl("restore", repository, "--into", target, "--accept-damage")
    assert f"not as it was: {segment['path']}" in told, told
    assert plant.ctl("restore", repository, "--into", restored, check=False).returncode == 5
    half.start_hub()
    told = half.ctl("history", "verify", check=False)
    assert told.returncode == 1 and segment["path"].removeprefix("history/") in told.stdout, told
    left = stored_times(half, GATEWAY)  # of another day, so in other files
    assert by_mqtt <= left, f"{len(by_mqtt - left)} points of other files can't be read"
    assert segment["path"] in facts(half, "backup.restore")[0]
    half.stop()
    return {"left_after_damage": len(left)}
