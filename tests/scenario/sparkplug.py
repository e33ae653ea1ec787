"""A Sparkplug edge node that others wrote: npm's sparkplug-client, with a device's certificate, against a hub."""
import json
import pathlib
import subprocess

import plant as plants
from strangers import command, enroll_with_curl, node_folder

GOOD, STALE, DOUBT, HISTORICAL = 192, 14, 71, 207


class EdgeNode:
    """sparkplug_node.mjs: orders go to its standard input, what happens comes into a file."""

    def __init__(self, script, port, log, device, ca, cert, key):
        self.log = pathlib.Path(log)
        self.log.write_text("")
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                ["node", str(script), str(port), device, str(ca), str(cert), str(key)],
                stdin=subprocess.PIPE, stdout=out, stderr=out, text=True)

    def said(self, what):
        return self.log.read_text().count(what)

    def wait(self, what, times=1, limit=30):
        plants.wait_for(lambda: self.said(what) >= times,
                        lambda: f"the edge node says '{what}' {times} times:\n" + self.log.read_text(), limit)

    def do(self, what, **more):
        done = self.said(f"did {what}")
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()
        self.wait(f"did {what}", done + 1)

    def kill(self):
        self.process.kill()
        self.process.wait(30)
        self.process.stdin.close()


def points(plant, device, signal):
    """Values and quality codes, in the order of time."""
    return [(float(value), int(quality)) for value, quality in plant.query_csv(
        f"SELECT value, quality FROM points WHERE device = '{device}' AND signal = '{signal}' ORDER BY time")]


def wait_points(plant, device, signal, want, limit=30):
    plants.wait_for(lambda: points(plant, device, signal) == want,
                    lambda: f"{device} {signal}: want {want}, there are {points(plant, device, signal)}", limit)


def counted(plant, ca, name):
    text = command("curl", "-sSf", "--cacert", ca, plant.where["api"] + "/metrics").stdout.decode()
    return next(float(line.split()[1]) for line in text.splitlines()
                if line.startswith(f"millwright_sparkplug_{name} "))


def describe(plant, device):
    """The enrolled device is the edge node plant/line, and the press behind it is a Device, too."""
    edge = json.loads(plant.ctl("get", "devices", device, "-o", "json"))
    edge = {key: edge[key] for key in ("kind", "name", "domain", "spec")}
    edge["spec"]["sparkplug"] = {"group": "plant", "node": "line"}
    plant.ctl("apply", "-f", "-", text=json.dumps(edge))
    plant.apply("kind: Device\nname: press-7\n"
                "spec: {sparkplug: {group: plant, node: line, device: press}}\n")


def try_rights(plant, where):
    """Nobody's node but its own; STATE to hear and not to tell."""
    def publish(topic):
        return command("mosquitto_pub", *where, "-V", "5", "-q", "1", "-t", topic, "-m", "x", check=False)
    for topic in ("spBv1.0/plant/NDEATH/other", "spBv1.0/other/NDATA/line", "spBv1.0/plant/NCMD/line",
                  "spBv1.0/STATE/millwright", "spBv1.0/plant/DDATA/other/pump"):
        done = publish(topic)
        said = (done.stdout + done.stderr).decode().lower()
        assert done.returncode != 0 or "authori" in said, f"{topic} was taken: {said}"
    state = command("mosquitto_sub", *where, "-V", "5", "-C", "1", "-W", "10", "-t", "spBv1.0/STATE/+").stdout
    assert json.loads(state)["online"] is True, state


def scenario_sparkplug(context):
    """Births, data by alias, reordering, a gap and its rebirth, death, and restarts of node and hub."""
    plant = context.plant()
    plant.configure_hub("sparkplug: {host_id: hub-1, reorder_timeout: 2s, rebirth_every: 1s}\n")
    plant.start_hub()
    plant.apply("kind: EnrollmentGroup\nname: edge\nspec: {max_uses: 5}\n")
    folder = pathlib.Path(context.folder)
    ca, cert, key = enroll_with_curl(plant, folder, "edge-1", "edge")
    script = node_folder(context) / "sparkplug_node.mjs"
    nodes = []

    def start_node():
        nodes.append(EdgeNode(script, plant.ports["mqtt"], folder / f"node-{len(nodes)}.txt", "edge-1", ca, cert, key))
        return nodes[-1]

    try:
        # A certificate alone makes no edge node: not even its will is taken.
        start_node().wait("refused")
        describe(plant, "edge-1")
        node = start_node()
        node.wait("born 1")
        node.wait('state hub-1 {"online":true')
        where = ["-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", cert, "--key", key]
        try_rights(plant, where)

        # Births, and data by alias.
        wait_points(plant, "edge-1", "temperature", [(21, GOOD)])
        wait_points(plant, "edge-1", "pump/flow", [(-1, GOOD)])
        wait_points(plant, "edge-1", "pump/level", [(0.5, DOUBT)])
        wait_points(plant, "press-7", "force", [(1, GOOD)])
        node.do("data", to=None, metrics=[{"place": 1, "value": 30}])
        node.do("data", to="pump", metrics=[{"place": 3, "value": 7, "type": "Int32"}])
        node.do("data", to="press", metrics=[
            {"place": 5, "value": 8, "timestamp": plants.START_NS // 10**6, "isHistorical": True}])
        wait_points(plant, "edge-1", "temperature", [(21, GOOD), (30, GOOD)])
        wait_points(plant, "edge-1", "pump/flow", [(-1, GOOD), (7, GOOD)])
        wait_points(plant, "press-7", "force", [(8, HISTORICAL), (1, GOOD)])
        unit = plant.query("SELECT DISTINCT unit FROM points WHERE device = 'edge-1' AND signal = 'temperature'")
        assert unit == [["Cel"]], unit

        # Two messages change places: nothing is lost, nobody is asked.
        at = plants.START_NS // 10**6
        node.do("swapped", to="press", first=[{"place": 5, "value": 9, "timestamp": at + 1}],
                then=[{"place": 5, "value": 10, "timestamp": at + 2}])
        wait_points(plant, "press-7", "force", [(8, HISTORICAL), (9, GOOD), (10, GOOD), (1, GOOD)])
        assert counted(plant, ca, "held_messages_total") == 1 and counted(plant, ca, "held_bytes") == 0
        assert counted(plant, ca, "gaps_total") == 0 and node.said("ncmd") == 0, node.log.read_text()

        # One is lost: what came behind it is taken in the end, and the node is asked to be born again.
        node.do("gap")
        node.do("data", to="press", metrics=[{"place": 5, "value": 11, "timestamp": at + 3}])
        node.wait("ncmd Node Control/Rebirth=true")
        node.wait("born 2")
        assert counted(plant, ca, "gaps_total") == 1
        wait_points(plant, "press-7", "force",
                    [(8, HISTORICAL), (9, GOOD), (10, GOOD), (11, GOOD), (1, GOOD), (2, GOOD)])
        node.do("data", to="pump", metrics=[{"place": 3, "value": 12, "type": "Int32"}])
        wait_points(plant, "edge-1", "pump/flow", [(-1, GOOD), (7, GOOD), (-2, GOOD), (12, GOOD)])

        # The node dies: the broker publishes its will, and all that it and its devices told is stale.
        node.kill()
        flow = [(-1, GOOD), (7, GOOD), (-2, GOOD), (12, GOOD), (12, STALE)]
        wait_points(plant, "edge-1", "pump/flow", flow)
        plants.wait_for(lambda: points(plant, "press-7", "force")[-1] == (2, STALE), "the press is stale")
        plants.wait_for(lambda: points(plant, "edge-1", "temperature")[-1] == (22, STALE), "the node is stale")
        assert counted(plant, ca, "nodes_born") == 0

        # It comes back; then the hub goes and comes, gracefully and not.
        node = start_node()
        node.wait("born 1")
        flow += [(-1, GOOD)]
        wait_points(plant, "edge-1", "pump/flow", flow)
        plant.hub.stop()
        node.wait('state hub-1 {"online":false')
        plant.start_hub()
        node.wait("born 2", limit=60)
        node.do("data", to="pump", metrics=[{"place": 3, "value": 13, "type": "Int32"}])
        flow += [(-1, STALE), (-2, GOOD), (13, GOOD)]
        wait_points(plant, "edge-1", "pump/flow", flow)
        plant.hub.kill()
        plant.start_hub()
        node.wait("born 3", limit=60)
        node.wait('state hub-1 {"online":true', 3)
        node.do("data", to="pump", metrics=[{"place": 3, "value": 14, "type": "Int32"}])
        flow += [(-3, GOOD), (14, GOOD)]
        plants.wait_for(lambda: points(plant, "edge-1", "pump/flow")[-2:] == flow[-2:],
                        lambda: f"{points(plant, 'edge-1', 'pump/flow')}", 60)
        asked = counted(plant, ca, "rebirths_asked_total")
        assert asked == 0, f"the hub asked {asked} times; a node that connects anew is born anyway"
    finally:
        for each in nodes:
            each.kill()
    plant.stop()
    return {"flow_points": len(flow)}
