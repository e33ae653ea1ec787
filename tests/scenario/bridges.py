"""Bridges between the hub and mosquitto: opened by the hub, and by mosquitto with an enrolled certificate."""
import collections
import json
import subprocess

import plant as plants
from strangers import command, enroll_with_curl, free_port

PASSWORD = "a password of the plant"


class Mosquitto:
    """A mosquitto with persistence, its configuration in a folder of its own."""

    def __init__(self, folder, more=""):
        self.folder, self.port, self.process = folder / "mosquitto", free_port(), None
        self.folder.mkdir()
        passwords = self.folder / "passwords"
        command("mosquitto_passwd", "-b", "-c", passwords, "hub", PASSWORD)
        passwords.chmod(0o600)
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n"
            f"persistence true\npersistence_location {self.folder}/\nmax_queued_messages 0\n{more}")
        self.access = ["-p", self.port, "-u", "hub", "-P", PASSWORD]

    def start(self):
        self.process = plants.Process(["mosquitto", "-c", self.folder / "mosquitto.conf"],
                                      self.folder / "mosquitto.log")
        plants.wait_for(lambda: command("mosquitto_pub", *self.access, "-t", "up", "-m", "", check=False).returncode == 0,
                        lambda: "mosquitto listens\n" + self.process.tail(), 30)

    def stop(self):
        if self.process and self.process.alive():
            self.process.stop()


class Watcher:
    """What a lasting subscriber got: how often each payload of each topic."""

    def __init__(self, access, folder, name, topic):
        self.process = plants.Process(["stdbuf", "-oL", "mosquitto_sub", *access, "-i", name, "-c", "-q", "2", "-t", topic, "-v"],
                                      folder / f"{name}.txt")

    def got(self):
        return collections.Counter(self.process.log.read_text().splitlines())


def publish(access, topic, payloads, qos):
    done = subprocess.run(["mosquitto_pub", *map(str, access), "-t", topic, "-q", str(qos), "-l"],
                          input="".join(f"{one}\n" for one in payloads), text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done


def arrived(watcher, topic, payloads, what):
    wanted = [f"{topic} {one}" for one in payloads]
    plants.wait_for(lambda: not set(wanted) - set(watcher.got()),
                    lambda: f"{what}: {sorted(set(wanted) - set(watcher.got()))[:5]} of {len(wanted)}\n"
                            f"{watcher.process.tail(5)}", 90, 0.2)


def bridge_of(plant):
    return json.loads(plant.ctl("mqtt", "bridges", "-o", "json"))[0]


def names(qos, what, count=30):
    return [f"{what}-{qos}-{n}" for n in range(count)]


def scenario_bridges(context):
    """The hub's bridge to mosquitto: every QoS both ways, mosquitto and the hub ended in the middle."""
    plant = context.plant()
    remote = Mosquitto(plant.folder)
    port = free_port()
    plant.data.mkdir(parents=True)
    password = plant.data / "plant.password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o644)
    bridge = {"name": "plant", "host": "127.0.0.1", "port": remote.port, "user": "hub",
              "password_file": "plant.password",
              "topics": [{"filter": "line/#", "direction": "both", "qos": 2, "local_prefix": "plant/"}]}
    plant.configure_hub(json.dumps({"mqtt": {"bridges": [bridge]}}))
    refused = subprocess.run([str(plant.program), "hub", "--data", str(plant.data), "--mqtt-port=0", "--websocket-port=0",
                              "--api-port=0", "--devices-port=0"], capture_output=True, text=True, timeout=120)
    assert refused.returncode != 0 and "chmod 600" in refused.stderr, refused
    password.chmod(0o600)
    hub = ["-p", port]
    watchers = []
    try:
        # The other side is not there yet.
        plant.start_hub("--plain-mqtt-port", port)
        publish(hub, "plant/line/early", names(1, "early"), 1)
        assert not bridge_of(plant)["connected"]
        remote.start()
        there = Watcher(remote.access, plant.folder, "there", "line/#")
        here = Watcher(hub, plant.folder, "here", "plant/#")
        watchers = [there, here]
        plants.wait_for(lambda: bridge_of(plant)["connected"], lambda: f"the bridge: {bridge_of(plant)}", 60)
        for access in (remote.access, hub):
            own = "there" if access is hub else "here"
            plants.wait_for(lambda: subscribed(access, own, watchers), "the watchers listen", 30)
        for qos in (0, 1, 2):
            publish(hub, "plant/line/a", names(qos, "out"), qos)
            publish(remote.access, "line/b", names(qos, "in"), qos)
        for qos in (0, 1, 2):
            arrived(there, "line/a", names(qos, "out"), f"out at QoS {qos}")
            arrived(here, "plant/line/b", names(qos, "in"), f"in at QoS {qos}")

        # mosquitto goes, then the hub is killed; what waited is not lost.
        remote.stop()
        for qos in (1, 2):
            publish(hub, "plant/line/a", names(qos, "absent"), qos)
        plant.hub.kill()
        plant.start_hub("--plain-mqtt-port", port)
        publish(hub, "plant/line/a", names(2, "late"), 2)
        remote.start()
        for qos, what in ((1, "absent"), (2, "absent"), (2, "late")):
            arrived(there, "line/a", names(qos, what), f"while mosquitto was away, QoS {qos}")

        # The hub goes in the middle of it.
        plants.wait_for(lambda: bridge_of(plant)["connected"], "the bridge is back", 60)
        for qos in (1, 2):
            publish(remote.access, "line/b", names(qos, "before"), qos)
        plant.hub.kill()
        for qos in (1, 2):
            publish(remote.access, "line/b", names(qos, "absent"), qos)
        plant.start_hub("--plain-mqtt-port", port)
        for qos in (1, 2):
            arrived(here, "plant/line/b", names(qos, "before"), f"before the hub was killed, QoS {qos}")
            arrived(here, "plant/line/b", names(qos, "absent"), f"while the hub was away, QoS {qos}")
        arrived(there, "line/early", names(1, "early"), "from before the first connection")
        for watcher in watchers:
            twice = {line: n for line, n in watcher.got().items() if n > 1 and "-2-" in line}
            assert not twice, f"QoS 2 came twice: {twice}"
        table = plant.ctl("mqtt", "bridges")
        assert "BRIDGE" in table and "connected" in table, table
        client = json.loads(plant.ctl("mqtt", "clients", "--identity", "bridge:plant", "-o", "json"))
        assert len(client) == 1 and client[0]["kind"] == "service", client
        figures = {"received": bridge_of(plant)["received"], "there": sum(there.got().values())}
        plant.stop()
        return figures
    finally:
        for watcher in watchers:
            watcher.process.kill()
        remote.stop()


def subscribed(access, name, watchers):
    """Whether the watcher on the other side of a publisher hears it: a probe arrives."""
    there, here = watchers
    watcher, topic = (there, "plant/line/probe") if name == "there" else (here, "line/probe")
    publish(access, topic, ["probe"], 1)
    return any("probe" in line for line in watcher.got())


def scenario_mosquitto_bridge(context):
    """mosquitto bridges to the hub by TLS with enrolled certificates, as MQTT 5 and 3.1.1; either side restarts."""
    plant = context.plant()
    plant.start_hub()
    plant.describe_plant(["gw-1"])
    folder = plant.folder
    bridges = ""
    presses = {"press-5": "mqttv50", "press-3": "mqttv311"}
    for device, version in presses.items():
        own = folder / device
        own.mkdir()
        ca, chain, key = enroll_with_curl(plant, own, device, "pump-1")
        bridges += (f"connection {device}\naddress localhost:{plant.ports['mqtt']}\nbridge_cafile {ca}\n"
                    f"bridge_certfile {chain}\nbridge_keyfile {key}\nremote_clientid {device}\n"
                    f"bridge_protocol_version {version}\ncleansession false\nnotifications false\n"
                    f"restart_timeout 1 2\n"
                    f"topic data/+ out 1 {device}/ mw/v1/{device}/\ntopic desired in 1 {device}/ mw/v1/{device}/\n")
    remote = Mosquitto(folder, bridges)

    def send(begin, qos):
        for device in presses:
            publish(remote.access, f"{device}/data/hand",
                    [json.dumps({"signal": "pressure", "t": plants.START_NS + begin + n, "v": 1.0}) for n in range(30)], qos)

    def stored():
        rows = plant.query("SELECT device, count(DISTINCT time) FROM points WHERE signal = 'pressure' GROUP BY device")
        return {device: count for device, count in rows}

    def wait_for_points(count):
        plants.wait_for(lambda: stored() == {device: count for device in presses},
                        lambda: f"{count} points of each: {stored()}\n{remote.process.tail()}", 90, 0.5)

    try:
        remote.start()
        for device in presses:
            got = command("mosquitto_sub", *remote.access, "-C", "1", "-W", "60", "-t", f"{device}/desired").stdout
            assert "generation" in json.loads(got), got
        send(0, 1)
        wait_for_points(30)
        plant.hub.kill()
        send(1000, 1)
        plant.start_hub()
        wait_for_points(60)
        remote.stop()
        remote.start()
        send(2000, 2)
        wait_for_points(90)
        clients = {one["identity"]: one["version"]
                   for one in json.loads(plant.ctl("mqtt", "clients", "--connected", "-o", "json"))}
        assert clients == {"press-5": "5", "press-3": "3.1.1"}, clients
        plant.stop()
        return {"points": 180}
    finally:
        remote.stop()
