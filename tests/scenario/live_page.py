"""The live page in a real browser: wrong token refused, right one shows score, alarms and devices."""
import json
import pathlib

import main_job
import plant as plants
from strangers import command, node_folder


def scenario_live_page(context):
    plant = context.plant()
    recordings = plants.recordings(context.build, context.folder, 1)
    main_job.run(plant, ["gw-1"], recordings)
    picture = pathlib.Path(context.build) / "live_page.png"
    done = command("node", node_folder(context) / "live_page.mjs", plant.where["api"],
                   plant.data / "admin.token", picture)
    seen = json.loads(done.stdout)
    assert seen["problems"] == [], seen
    assert seen["devices"] == 1 and seen["alarms"] >= 1 and seen["points"] > 500, seen
    plant.stop()
    return seen
