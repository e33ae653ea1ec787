"""README's steps by hand, line by line as they stand there, in an empty folder."""
import json
import os
import re
import shlex
import signal
import subprocess

import plant as plants


def steps(text):
    """The commands of the section, without their comments."""
    block = text.split("## By hand")[1].split("```\n")[1]
    return [re.sub(r"\s+#.*", "", line) for line in block.splitlines()]


def scenario_readme_by_hand(context):
    """Every command of README's "By hand" does what it says, and the alarm comes."""
    folder = context.folder
    (folder / "docs").symlink_to(context.root / "docs")
    path = os.pathsep.join(str(context.build / "src/apps" / app) for app in ("ctl", "edge"))
    env = {**os.environ, "PATH": path + os.pathsep + os.environ["PATH"],
           "MILLWRIGHT_CONFIG": str(folder / "login.json")}
    background = []

    def run(line, limit=120):
        done = subprocess.run(line, shell=True, cwd=folder, env=env, text=True, capture_output=True,
                              timeout=limit)
        if done.returncode != 0:
            raise plants.Failed(f"{line}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def rows():
        out = run('millwright --data hub query "SELECT count(*) FROM points WHERE signal = \'flow\'" -o json')
        return json.loads(out)["rows"][0][0]

    try:
        where, last = None, ""
        for line in steps((context.root / "README.md").read_text()):
            if " hub --data " in line:  # any free ports instead of the usual ones
                line = line.replace(" &", " --mqtt-port 0 --websocket-port 0 --api-port 0 --devices-port 0 &")
            if where:
                line = line.replace("https://localhost:8444", where["devices"])
                line = line.replace("PIN", where["root_pin"])
            if " query " in line:
                plants.wait_for(lambda: rows() >= 400, "400 rows are stored", 60)
            if line.endswith(" alerts"):
                plants.wait_for(lambda: " gw-1 " in run(line), "the alarm", 120)
            if line.endswith("&"):
                log = open(folder / f"background-{len(background)}.log", "ab")
                background.append(subprocess.Popen(shlex.split(line[:-1]), cwd=folder, env=env,
                                                   stdout=log, stderr=log))
                if " hub " in line:
                    told = folder / "hub/hub.json"
                    plants.wait_for(told.exists, "the hub listens", 60)
                    where = json.loads(told.read_text())
                continue
            last = run(line)
        assert " gw-1 " in last, last
        return {"steps": len(steps((context.root / "README.md").read_text()))}
    finally:
        for process in reversed(background):
            process.send_signal(signal.SIGTERM)
            process.wait(30)
