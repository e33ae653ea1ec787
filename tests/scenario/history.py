"""Stored points by the command line: figures, compaction, rollups, newest values, deletion of a device."""
import json

import plant as plants
from doors import Door

DAY = 1_767_225_600  # 2026-01-01
DEVICES, SAMPLES = ("press-1", "press-2", "press-3"), 600


def lines(first, count, value):
    """One field of each device every 10 s."""
    return "".join(f"m,device={device} v={value + (i + first) % 7} {(DAY + 10 * (first + i)) * 10**9}\n"
                   for device in DEVICES for i in range(count)).encode()


def figures(plant, *verb):
    told = json.loads(plant.ctl("history", *verb, "-o", "json"))
    return told, {table["table"]: table for table in told["tables"]}


def scenario_history(context):
    """Points over HTTP are sealed and merged by a verb, counted once whatever comes late, and deleted by device."""
    plant = context.plant()
    plant.start_hub()
    plant.apply("kind: DeviceProfile\nname: box\nspec: {device_class: small-x86}\n---\n" + "---\n".join(
        f"kind: Device\nname: {device}\nspec: {{profile: box}}\n" for device in DEVICES))
    door = Door(plant, (plant.data / "admin.token").read_text().strip())

    def send(first, count, value=0):
        status, text = door("POST", "/api/v2/write?precision=ns", lines(first, count, value))
        assert status == 204, text

    minute = 'SELECT count(*), sum(count), sum(good), sum("sum") FROM rollups'
    points = ("SELECT count(DISTINCT (device, date_trunc('minute', time))), count(*), "
              "count(*) FILTER (quality >= 192), sum(value) FILTER (quality >= 192) FROM points")
    send(0, SAMPLES)
    _, tables = figures(plant, "compact")
    assert tables["points"]["files"] == 1 and tables["rollups"]["files"] == 1, tables
    send(SAMPLES, SAMPLES)
    send(5, 50, value=100)  # again: the later ones hold
    assert plant.query(minute) == plant.query(points), (plant.query(minute), plant.query(points))
    told, tables = figures(plant, "compact")
    assert told["finished"] and told["head"]["points"] == 0, told
    assert tables["points"]["compacted_files"] == tables["points"]["files"] == 1, tables
    assert tables["points"]["rows"] == 2 * SAMPLES * len(DEVICES), tables
    assert plant.query(minute) == plant.query(points)
    latest = plant.query("SELECT device, signal, value FROM latest ORDER BY device")
    assert [row[0] for row in latest] == list(DEVICES), latest

    asked = plant.ctl("history", "delete", "--device", "press-2", check=False)
    assert asked.returncode == 2 and "--yes" in asked.stderr, asked.stderr
    told = plant.ctl("history", "delete", "--device", "press-2", "--to", "2026-01-01T00:09:59", "--yes")
    assert "deleted 60 points and 0 decisions of press-2" in told, told
    plant.ctl("history", "delete", "--device", "press-2", "--yes")
    assert plant.query("SELECT count(*) FROM points WHERE device = 'press-2'") == [[0]]
    assert [row[0] for row in plant.query("SELECT device FROM latest ORDER BY device")] == ["press-1", "press-3"]
    facts = json.loads(plant.ctl("audit", "list", "--action", "history.delete", "-o", "json"))
    assert sorted(fact["detail"] for fact in facts) == [
        "device press-2", "device press-2, to 2026-01-01T00:09:59Z"], facts
    before = plant.query(points)
    plant.hub.kill()
    plant.start_hub()
    assert plant.query(points) == before
    assert "BYTES/ROW" in plant.ctl("history", "stats")
    plant.stop()
