"""Firmware with real processes: a file is pushed, rolled out canary first, installed by the shipped update
module; the next one is broken, its canary keeps what it had, and the rollout comes back by itself."""
import json
import tarfile

import plant as plants

PRODUCT = "controller"


def archive(folder, version):
    program = folder / f"program-{version}"
    program.write_text(f"controller {version}\n")
    path = folder / f"controller-{version}.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(program, arcname="program")
    return path


def status(plant, name):
    return json.loads(plant.ctl("get", "rollouts", name, "-o", "json")).get("status", {})


def roll_out(plant, name, version):
    """The state in which it ends."""
    plant.ctl("rollout", "start", name, "--firmware", "--artifact", f"{PRODUCT}:{version}", "-l", "line=pumps", "--no-approval",
              "--waves", "1,100%", "--soak", "1s", "--on-inconclusive", "proceed")
    final = ("completed", "rolled_back", "aborted", "inconclusive")
    plants.wait_for(lambda: status(plant, name).get("state") in final,
                    lambda: f"rollout {name} ends: {json.dumps(status(plant, name))[:1500]}", 120, 0.2)
    return status(plant, name)


def installed(plant, gateway):
    program = plant.folder / gateway / "firmware" / PRODUCT / "program"
    return program.read_text().strip() if program.exists() else None


def scenario_firmware(context):
    """Push, canary, install; a broken one stays on its canary's doorstep."""
    plant = context.plant()
    names = ["gw-1", "gw-2"]
    plant.start_hub()
    plant.describe_plant(names)
    for i, name in enumerate(names, 1):
        plant.enroll(name, f"pump-{i}")
        plant.start_gateway(name)
    plant.ctl("firmware", "push", f"{PRODUCT}:1", "--file", archive(plant.folder, "1"))
    first = roll_out(plant, "first", "1")
    assert first["state"] == "completed", first
    assert [installed(plant, name) for name in names] == ["controller 1"] * 2

    broken = plant.folder / "controller-2.tar"
    broken.write_bytes(archive(plant.folder, "2").read_bytes()[:700])
    plant.ctl("firmware", "push", f"{PRODUCT}:2", "--file", broken)
    second = roll_out(plant, "second", "2")
    assert second["state"] == "rolled_back", second
    assert [installed(plant, name) for name in names] == ["controller 1"] * 2
    said = [plant.ctl("get", "devices", name, "-o", "json") for name in names]
    assert sum('"second"' in text or "tar" in text for text in said) <= 1, said
    plant.stop()
    return {"first": first["state"], "second": second["reason"]}
