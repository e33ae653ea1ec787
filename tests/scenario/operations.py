"""The broker's operators: lists, a trace, a kick and a load by the command line, against a running hub."""
import json
import subprocess

import plant as plants
from strangers import command, free_port


def listed(plant, *what):
    return json.loads(plant.ctl("mqtt", *what, "-o", "json"))


def scenario_operations(context):
    """Who is connected, whom a topic reaches, what is retained, packets as they pass, a kick and its fact."""
    plant = context.plant()
    port = free_port()
    plant.start_hub("--plain-mqtt-port", port)
    plant.describe_plant(["gw-1"])
    plant.enroll("gw-1", "pump-1")
    plant.start_gateway("gw-1")
    plants.wait_for(lambda: listed(plant, "clients", "--identity", "gw-1", "--connected"),
                    "gw-1 is connected", 60)
    client = listed(plant, "clients", "--identity", "gw-1")[0]
    assert client["kind"] == "device" and client["version"] == "5" and client["peer"], client
    table = plant.ctl("mqtt", "clients")
    assert "IDENTITY" in table and "gw-1" in table, table
    reached = listed(plant, "subscriptions", "mw/v1/gw-1/desired")
    assert [one["identity"] for one in reached] == ["gw-1"], reached
    assert "nobody" in plant.ctl("mqtt", "subscriptions", "mw/v1/gw-9/desired")
    retained = listed(plant, "retained", "mw/v1/+/desired", "--payload")
    assert retained[0]["topic"] == "mw/v1/gw-1/desired" and "generation" in retained[0]["payload"], retained

    # A trace that ends at its count; the message is published when the trace is there.
    trace = subprocess.Popen(
        [plant.program, "--data", plant.data, "mqtt", "trace", "mw/v1/gw-1/data/hand", "--count", "1",
         "--for", "60s", "--payload", "-o", "json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=plant.env)
    plants.wait_for(lambda: json.loads(plant.ctl("audit", "list", "--action", "mqtt.trace", "-o", "json")),
                    "the trace has left its fact", 30)

    def publish():
        command("mosquitto_pub", "-p", port, "-V", "5", "-q", "1", "-t", "mw/v1/gw-1/data/hand", "-m",
                json.dumps({"signal": "pressure", "t": plants.START_NS, "v": 1.25}))
        return trace.poll() is not None
    plants.wait_for(publish, "the trace ends at its count", 30, 0.2)
    out, err = trace.communicate(timeout=30)
    packet = json.loads(out)
    assert packet["packet"] == "PUBLISH" and packet["direction"] == "in", packet
    assert packet["identity"] == "loopback" and '"v": 1.25' in packet["payload"], packet
    assert "ended by count" in err, err

    # The gateway comes back by itself, as another connection.
    before = listed(plant, "clients", "--identity", "gw-1", "--connected")[0]["peer"]
    assert "1 connections ended" in plant.ctl("mqtt", "kick", "gw-1")
    plants.wait_for(lambda: [one for one in listed(plant, "clients", "--identity", "gw-1", "--connected")
                             if one["peer"] != before], "gw-1 is back", 60)
    facts = json.loads(plant.ctl("audit", "list", "--action", "mqtt.kick", "-o", "json"))
    assert [fact["detail"] for fact in facts] == ["identity gw-1"], facts
    nobody = plant.ctl("mqtt", "kick", "no-such-device", check=False)
    assert nobody.returncode == 3 and "Next step" in nobody.stderr, nobody

    # The broker's own topics, by mosquitto_sub, with the words that mosquitto uses.
    got = command("mosquitto_sub", "-p", port, "-V", "5", "-C", "2", "-W", "30", "-v",
                  "-t", "$SYS/broker/version", "-t", "$SYS/broker/clients/connected").stdout.decode()
    assert "$SYS/broker/version millwright" in got and "$SYS/broker/clients/connected 2" in got, got

    # A known load, told message by message; and none on somebody else's broker.
    report = json.loads(plant.ctl("load", "mqtt", "fan-in", "--port", port, "--publishers", "5", "--qos", "2",
                                  "--messages", "100", "--for", "2m", "-o", "json"))
    assert report["clean"] and report["received"] == report["acknowledged"] == 500, report
    refused = plant.ctl("load", "mqtt", "--host", "broker.example", check=False)
    assert refused.returncode == 4 and "--yes-load broker.example" in refused.stderr, refused
    plant.stop()
    return {"trace": packet["bytes"], "loaded": report["sent"]}
