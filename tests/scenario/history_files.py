"""A logger's file goes in, by a plan that is shown first; what comes out as Parquet goes in again, bit for bit."""
import csv
import random


def write_log(path, rows, seed):
    """As a German logger writes it: local time, semicolons, a text column, and holes."""
    chosen = random.Random(seed)
    with open(path, "w", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["Zeit", "pressure", "flow", "running", "operator"])
        for i in range(rows):
            flow = "" if i % 10 == 3 else repr(chosen.gauss(30, 5))
            out.writerow([f"2026-07-01 {i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}", f"{chosen.randrange(1000) / 100:.2f}", flow,
                          "true" if i % 2 else "false", "anna" if i % 7 else "ben"])


def scenario_history_files(context):
    """history import shows its plan and sends nothing, stores with --apply, once; export and import give every bit back."""
    plant = context.plant()
    plant.start_hub()
    plant.apply("kind: DeviceProfile\nname: pump\nspec: {device_class: small-x86}\n---\n"
                "kind: Device\nname: pump-1\nspec: {profile: pump}\n---\n"
                "kind: Device\nname: pump-2\nspec: {profile: pump}\n")
    log, rows = plant.folder / "pump.csv", 5_000
    write_log(log, rows, context.seed)

    told = plant.ctl("history", "import", log, "--device", "pump-1")
    for part in ("taken as UTC (--zone for another)", "history keeps numbers", "Nothing was sent", "pressure"):
        assert part in told, told
    assert plant.query("SELECT count(*) FROM points")[0][0] == 0

    want = rows + rows + rows - rows // 10
    for _ in range(2):  # the second time everything is there already
        told = plant.ctl("history", "import", log, "--device", "pump-1", "--zone", "Europe/Berlin", "--apply")
        assert f"{want} points of {rows} rows are stored" in told, told
        assert plant.query("SELECT count(*) FROM points WHERE device = 'pump-1'")[0][0] == want
    first = plant.query("SELECT min(time), max(time), sum(value) FILTER (signal = 'running') FROM points")[0]
    assert first[0].startswith("2026-06-30T22:00:00") and first[2] == rows / 2, first

    out = plant.folder / "pump.parquet"
    plant.ctl("history", "export", "--device", "pump-1", "--out", out)
    told = plant.ctl("history", "import", out, "--device", "pump-2", "--apply")
    assert f"{want} points" in told, told
    different = plant.query(
        "SELECT count(*) FROM (SELECT * FROM points WHERE device = 'pump-1') a FULL JOIN "
        "(SELECT * FROM points WHERE device = 'pump-2') b ON a.signal = b.signal AND a.time = b.time "
        "WHERE a.value IS DISTINCT FROM b.value OR a.quality IS DISTINCT FROM b.quality")[0][0]
    assert different == 0, different

    for wrong, says in ((["--device", "nobody", "--apply"], "nobody"), (["--apply"], "--device NAME"),
                        (["--device", "pump-1", "--time", "operator"], "operator")):
        refused = plant.ctl("history", "import", log, *wrong, check=False)
        assert refused.returncode != 0 and says in refused.stderr, refused
    return {"points": want}
