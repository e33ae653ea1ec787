"""Registration: 100,000 devices from a CSV by the command line, then listed, filtered and paged over HTTP"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

# builds: millwright
#
#     bench/registration.py [--quick] [--build DIR]
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
sys.path.insert(0, str(ROOT / "bench"))
import plant as plants  # noqa: E402
from revocation import Api  # noqa: E402

LISTS = {
    "first page of 500": "?limit=500",
    "by label, 500 of 1,000": "?limit=500&labelSelector=line=7",
    "two labels": "?limit=500&labelSelector=line=7,site=south",
    "label not": "?limit=500&labelSelector=line=7,site!=south",
    "by profile": "?limit=500&fieldSelector=spec.profile=pump-gateway",
    "by asset": "?limit=500&fieldSelector=spec.asset=pump-1",
    "by name": "?limit=500&fieldSelector=name=gw-{last}",
    "by domain": "?limit=500&fieldSelector=domain=north",
    "spec that nobody has": "?limit=500&fieldSelector=spec.models.pump.version=2",
}


def cpu_s(plant):
    fields = pathlib.Path(f"/proc/{plant.hub.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def timed(api, path):
    took, size = [], 0
    for _ in range(9):
        began = time.perf_counter()
        body = api.call("GET", path)
        took.append(1000 * (time.perf_counter() - began))
        size = len(json.loads(body)["items"])
    return {"items": size, "median_ms": round(statistics.median(took), 1), "worst_ms": round(max(took), 1)}


def pages(api):
    took, token, count = [], "", 0
    while True:
        began = time.perf_counter()
        page = json.loads(api.call("GET", f"/v1/devices?limit=500{'&continue=' + token if token else ''}"))
        took.append(1000 * (time.perf_counter() - began))
        count += len(page["items"])
        token = page["continue"]
        if not token:
            return {"devices": count, "pages": len(took), "median_ms": round(statistics.median(took), 1), "worst_ms": round(max(took), 1)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--build", default=str(ROOT / "build-release"))
    arguments = parser.parse_args()
    devices = 5_000 if arguments.quick else 100_000
    with tempfile.TemporaryDirectory(prefix="millwright-bench-", dir=arguments.build) as name:
        plant = plants.Plant(arguments.build, pathlib.Path(name) / "plant")
        plant.start_hub()
        try:
            plant.describe_plant(["gw-1"])
            table = pathlib.Path(name) / "devices.csv"
            table.write_text("name,domain,profile,asset,label:line,label:site\n" + "".join(
                f"gw-{i:06d},{'north' if i % 2 else 'south'},pump-gateway,pump-1,{i % 100},{'south' if i % 10 == 0 else 'north'}\n"
                for i in range(devices)))
            figures = {}
            for what, more in (("dry_run", ["--dry-run"]), ("import", []), ("again", [])):
                began, cpu = time.perf_counter(), cpu_s(plant)
                told = plant.ctl("device", "import", table, *more).splitlines()[-1]
                figures[what] = {"s": round(time.perf_counter() - began, 1), "hub_cpu_s": round(cpu_s(plant) - cpu, 1), "told": told}
            api = Api(plant)
            figures["lists"] = {what: timed(api, "/v1/devices" + query.replace("{last}", f"{devices - 1:06d}"))
                                for what, query in LISTS.items()}
            figures["pages"] = pages(api)
        finally:
            plant.hub.kill()
    figures["in_time"] = figures["import"]["s"] < 30 and all(each["median_ms"] < 50 for each in figures["lists"].values())
    print(json.dumps({"bench": "registration", "figures": figures}))


if __name__ == "__main__":
    main()
