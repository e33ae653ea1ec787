#!/usr/bin/env python3
"""Runs scenarios with real processes. tests/scenario/run.py --build DIR [--only NAME] [--long]

A scenario is a function scenario_NAME(context) in a file beside this one. It passes when it returns.
"""
import argparse
import importlib
import json
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import plant as plants  # noqa: E402

FILES = ["main_job", "closed_loop", "gates", "firmware", "trials", "strangers", "refusals", "tree", "readme", "live_page",
         "operations", "bridges", "doors", "contracts", "sparkplug", "history", "history_files", "trust",
         "row_policies", "backups", "est", "revocation", "est_life", "hsm", "authorities",
         "authorization", "hostile", "oidc", "audit_forward", "learning", "edge_labels", "open_inference",
         "models_apart"]
LONG_ROUNDS = {"kills": 10, "power_cuts": 10}


class Context:
    def __init__(self, build, folder, seed):
        self.build, self.folder, self.seed = pathlib.Path(build).resolve(), pathlib.Path(folder), seed
        self.root = HERE.parents[1]
        self.plants = []

    def plant(self, **programs):
        self.plants.append(plants.Plant(self.build, self.folder / f"plant{len(self.plants)}", **programs))
        return self.plants[-1]


def find_scenarios():
    found = {}
    for file in FILES:
        if not (HERE / f"{file}.py").exists():
            continue
        module = importlib.import_module(file)
        for name in dir(module):
            if name.startswith("scenario_"):
                found[name.removeprefix("scenario_")] = getattr(module, name)
    return found


def run_one(name, function, build, seed):
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"millwright-{name}-"))
    context = Context(build, folder, seed)
    began = time.monotonic()
    try:
        figures = function(context)
        print(f"ok    {name} ({time.monotonic() - began:.0f} s, seed {seed}) "
              f"{json.dumps(figures) if figures else ''}", flush=True)
        shutil.rmtree(folder)
        return True
    except Exception:
        traceback.print_exc()
        for plant in context.plants:
            for process in [plant.hub, *plant.gateways.values()]:
                if process:
                    print(f"--- {process.log}\n{process.tail(15)}", flush=True)
        print(f"FAIL  {name} (seed {seed}); its folder is kept: {folder}", flush=True)
        return False
    finally:
        for plant in context.plants:
            plant.kill_all()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build-asan")
    parser.add_argument("--only", action="append", help="only this scenario; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--long", action="store_true", help="kills and power cuts ten times")
    arguments = parser.parse_args()
    scenarios = find_scenarios()
    names = arguments.only or list(scenarios)
    unknown = [name for name in names if name not in scenarios]
    if unknown:
        sys.exit(f"no scenario {unknown[0]}; there are: {', '.join(scenarios)}")
    results = []
    for name in names:
        rounds = LONG_ROUNDS.get(name, 1) if arguments.long else 1
        for i in range(rounds):
            results.append(run_one(name, scenarios[name], arguments.build, arguments.seed + i))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
