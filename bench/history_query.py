"""Questions to 100 M stored points over HTTP, fresh and compacted, and bytes per point; VictoriaMetrics beside"""
# builds: millwright history_fill
import collections
import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "scenario"), str(ROOT / "bench")]
import history_ingest as ingest  # noqa: E402
import plant as plants  # noqa: E402
import quality_faults as recorded  # noqa: E402

BUILD = ROOT / "build-release"
FILL = BUILD / "bench" / "history_fill"
POINTS, QUICK_POINTS = 99_840_000, 4_800_000
START = 1_767_225_600  # of history_fill's plant: 2026-01-01T00:00:00Z
EVERY_S, SERIES = 10, 10_000
TIMES = 15  # a question is asked warm; the median counts


def iso(second):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def fill(*words, stdin=None):
    done = subprocess.run([FILL, *map(str, words)], input=stdin, text=True, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def per_point(figures):
    points = figures["points"]
    return {"bytes_per_point": round(points["bytes"] / points["rows"], 3),
            "rollup_bytes_per_point": round(figures["rollups"]["bytes"] / points["rows"], 3),
            "files": points["files"]}


def questions(points):
    """By name: the SQL for device and signal number n, and the rows that come. The last full hour and day."""
    end = START + points // SERIES * EVERY_S
    hour, day = end - 3600, max(START, end - 86_400)
    one = "device = 'device-{0}' AND signal = 'm{1}'"
    between = f"time >= '{iso(hour)}' AND time < '{iso(end)}'"
    of_day = f"time >= '{iso(day)}' AND time < '{iso(end)}'"
    return {
        "one_series_one_hour": f"SELECT time, value FROM points WHERE {one} AND {between}",
        "one_series_one_day_by_minute":
            f'SELECT time, "sum" / good FROM rollups WHERE {one} AND {of_day}',
        "one_series_one_day_by_minute_from_points":
            f"SELECT time_bucket(INTERVAL 1 MINUTE, time::TIMESTAMP), avg(value) FROM points WHERE {one} AND {of_day} "
            "GROUP BY 1",
        "all_series_one_hour_by_metric":
            f"SELECT signal, avg(value) FROM points WHERE {between} GROUP BY signal",
        "all_series_one_hour_by_metric_from_rollups":
            f'SELECT signal, sum("sum") / sum(good) FROM rollups WHERE {between} GROUP BY signal',
        "latest_of_all_series": "SELECT device, signal, value FROM latest",
    }


class Door:
    """SQL over a kept connection."""

    def __init__(self, port, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}

    def ask(self, sql):
        body = json.dumps({"sql": sql, "limits": {"memory_bytes": 1 << 30}})
        began = time.perf_counter()
        self.connection.request("POST", "/v1/query", body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        took = (time.perf_counter() - began) * 1e3
        if answer.status != 200:
            raise plants.Failed(f"{sql}: {answer.status} {text[:500]}")
        return took, json.loads(text)["rows"]


def forget_pages(folder):
    """What the kernel keeps of these files."""
    for path in folder.rglob("*.parquet"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def measure(door, folder, points, name):
    figures = {}
    for question, sql in questions(points).items():
        cold = []
        for n in range(3):
            forget_pages(folder)
            cold.append(door.ask(sql.format(n * 37, n))[0])
        warm = [door.ask(sql.format(500 + n % 2, n % 10)) for n in range(TIMES)]
        figures[f"{question}_ms"] = round(statistics.median(took for took, rows in warm), 2)
        figures[f"{question}_cold_ms"] = round(statistics.median(cold), 2)
        figures[f"{question}_rows"] = len(warm[-1][1])
        print(f"{name}: {question}: {figures[f'{question}_ms']} ms warm, {figures[f'{question}_cold_ms']} ms cold, "
              f"{figures[f'{question}_rows']} rows", flush=True)
    return figures


def ask_hub(folder, history, points, name):
    """A hub of its own over this history."""
    plant = plants.Plant(BUILD, folder / f"plant-{name}")
    try:
        plant.data.mkdir(parents=True, exist_ok=True)
        shutil.move(history, plant.data / "history")
        (plant.data / "hub.yaml").write_text("history: {compact_every: 7d}\n")
        port = ingest.free_port()
        plant.start_hub("--plain-api-port", port)
        door = Door(port, (plant.data / "admin.token").read_text().strip())
        found = door.ask("SELECT count(*) FROM points")[1][0][0]
        if found != points:
            raise plants.Failed(f"{points} points were stored, SQL finds {found}")
        figures = measure(door, plant.data / "history", points, name)
        figures["hub_rss_mb"] = round(plant.hub.rss_mb(), 1)
        plant.stop()
        return figures
    finally:
        plant.kill_all()
        shutil.move(plant.data / "history", history)


def recorded_sets():
    """Bytes per point of each set of recorded data, fresh and compacted, and VictoriaMetrics'."""
    sets = collections.defaultdict(list)
    if not recorded.DATA.exists():
        return {}
    for one in recorded.series():
        sets[one[0].partition(".")[0]].append(one)
    figures = {}
    for name, series in sets.items():
        folder = pathlib.Path(tempfile.mkdtemp(prefix="millwright-bench-"))
        try:
            lines = ""
            for signal, times, values in series:
                lines += f"{signal} {len(values)}\n"
                lines += "".join(f"{at!r} {value!r}\n" for at, value in zip(times, values))
            fresh = per_point(fill("series", folder / "history", stdin=lines))
            compacted = per_point(fill("compact", folder / "history"))
            figures[name] = {"points": sum(len(values) for signal, times, values in series),
                             "fresh": fresh["bytes_per_point"], "compacted": compacted["bytes_per_point"]}
            figures[name] |= victoria_set(folder, series)
            print(f"{name}: {figures[name]} (bytes a point)", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return figures


def victoria_set(folder, series):
    """The same points there, by the millisecond, after all parts were merged into one a month; without its index."""
    running = []
    server = ingest.start_victoria(folder, running)
    if not server:
        return {}
    try:
        connection, points = server.connect(), 0
        for number, (_, times, values) in enumerate(series):
            rows = [f"recorded,series=s{number} value={value!r} {round(at * 1e9)}\n"
                    for at, value in zip(times, values)]
            for begin in range(0, len(rows), 20_000):
                send(connection, "".join(rows[begin:begin + 20_000]).encode())
            points += len({round(at * 1e3) for at in times})
        for path in ("/internal/force_flush", "/internal/force_merge"):
            connection.request("GET", path)
            connection.getresponse().read()
            wait_until_still(connection)
        running[-1].process.terminate()
        running[-1].process.wait()
        stored = sum(file.stat().st_size for file in (folder / "victoria" / "data").rglob("*") if file.is_file())
        return {"victoriametrics": round(stored / points, 3)}
    finally:
        for process in running:
            process.kill()


def wait_until_still(connection):
    """Until a second has passed in which VictoriaMetrics neither held rows back nor merged parts."""
    before, still = None, 0
    while still < 5:
        time.sleep(.2)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        state = [line for line in lines if line.startswith(("vm_rows{", "vm_parts{", "vm_data_size_bytes{"))]
        busy = any(line.startswith(("vm_pending_rows{", "vm_active_merges{")) and not line.endswith(" 0")
                   and 'type="storage' in line for line in lines)
        still = 0 if busy or state != before else still + 1
        before = state


def send(connection, body):
    connection.request("POST", "/write?precision=ns", body)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 204:
        raise plants.Failed(f"victoriametrics: {answer.status} {text[:300]}")


def victoria(folder, points):
    """The same points as lines, and the questions that it has words for."""
    running = []
    server = ingest.start_victoria(folder, running)
    if not server:
        return {}
    try:
        connection, lines = server.connect(), subprocess.Popen([FILL, "lines", str(points)], stdout=subprocess.PIPE)
        while body := b"".join(lines.stdout.readlines(1 << 21)):
            send(connection, body)
        lines.wait()
        connection.request("GET", "/internal/force_flush")
        connection.getresponse().read()
        end = START + points // SERIES * EVERY_S
        hour, day = end - 3600, max(START, end - 86_400)
        asked = {
            "one_series_one_hour": ("/api/v1/export", {
                "match[]": 'plant_m1{device="device-500"}', "start": hour, "end": end}),
            "one_series_one_day_by_minute": ("/api/v1/query_range", {
                "query": 'avg_over_time(plant_m1{device="device-500"}[1m])', "start": day, "end": end, "step": 60}),
            "all_series_one_hour_by_metric": ("/api/v1/query", {
                "query": 'avg(sum_over_time({__name__=~"plant_m.*"}[1h])) by (__name__) / 360', "time": end}),
            "latest_of_all_series": ("/api/v1/query", {
                "query": 'last_over_time({__name__=~"plant_m.*"}[1h])', "time": end}),
        }
        figures = {}
        for question, (path, words) in asked.items():
            took = []
            for _ in range(TIMES):
                began = time.perf_counter()
                connection.request("GET", path + "?" + urllib.parse.urlencode(words | {"nocache": 1}))
                answer = connection.getresponse()
                text = answer.read()
                took.append((time.perf_counter() - began) * 1e3)
                if answer.status != 200:
                    raise plants.Failed(f"victoriametrics: {question}: {answer.status} {text[:300]}")
            figures[f"victoriametrics_{question}_ms"] = round(statistics.median(took), 2)
        running[-1].process.terminate()
        running[-1].process.wait()
        bytes_on_disk = sum(file.stat().st_size for file in (folder / "victoria").rglob("*") if file.is_file())
        figures["victoriametrics_bytes_per_point"] = round(bytes_on_disk / points, 3)
        return figures
    finally:
        for process in running:
            process.kill()


def main():
    quick = "--quick" in sys.argv
    points = QUICK_POINTS if quick else POINTS
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millwright-bench-"))
    history = folder / "history"
    try:
        figures = {"points": points}
        stored = fill("walk", history, points)
        figures["fresh"] = per_point(stored)
        figures["fill_points_per_cpu_s"] = round(points / stored["cpu_s"])
        print(f"fresh: {figures['fresh']}", flush=True)
        figures["fresh"] |= ask_hub(folder, history, points, "fresh")
        merged = fill("compact", history)
        figures["compacted"] = per_point(merged)
        figures["compact_points_per_cpu_s"] = round(points / merged["cpu_s"])
        figures["compact_rss_mb"] = round(merged["rss_mb"])
        print(f"compacted: {figures['compacted']}", flush=True)
        figures["compacted"] |= ask_hub(folder, history, points, "compacted")
        if not quick:
            figures["recorded_bytes_per_point"] = recorded_sets()
        figures |= victoria(folder, points)
        print(json.dumps({"bench": "history_query", "figures": figures}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
