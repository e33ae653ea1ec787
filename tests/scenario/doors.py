"""Points by curl as InfluxDB's clients and scripts send them, kept over a kill; asked for as Grafana asks."""
import gzip
import json
import time
import urllib.parse

import plant as plants
from strangers import command

# What Telegraf's inputs cpu, disk and system write (outputs.influxdb_v2, one batch).
TELEGRAF = """\
cpu,cpu=cpu0,host=edge-7 usage_idle=98.49,usage_user=1.2024048096199995 {t}
disk,device=sda1,fstype=ext4,host=edge-7,mode=rw,path=/var/lib/my\\ app total=20956397568i,used_percent=31.48 {t}
system,host=edge-7 load1=0.03,n_cpus=2i,ready=true {t}
"""


class Door:
    """curl against the hub's HTTPS door with one token."""

    def __init__(self, plant, token):
        self.plant, self.token = plant, token

    def __call__(self, method, path, body=None, headers=(), scheme="Token"):
        url = f"https://localhost:{self.plant.ports['api']}{path}"
        more = [item for header in headers for item in ("-H", header)]
        if body is not None:
            more += ["--data-binary", "@-"]
        if self.token:
            more += ["-H", f"Authorization: {scheme} {self.token}"]
        done = command("curl", "-sS", "--cacert", self.plant.data / "pki" / "root.pem", "-X", method, *more,
                       "-w", "\n%{http_code}", url, text=body)
        text, status = done.stdout.decode().rsplit("\n", 1)
        return int(status), text


def user_token(plant, name, role):
    plant.apply(f"kind: User\nname: {name}\nspec: {{roles: [{role}]}}\n")
    admin = Door(plant, (plant.data / "admin.token").read_text().strip())
    status, text = admin("POST", f"/v1/users/{name}/token", b"{}")
    assert status == 201, text
    return json.loads(text)["token"]


def scenario_doors(context):
    """Line protocol and JSON over HTTPS: stored when acknowledged, refused with reasons, kept over a kill, read by PromQL."""
    plant = context.plant()
    plant.start_hub()
    plant.apply("kind: DeviceProfile\nname: box\nspec: {device_class: small-x86}\n---\n"
                "kind: Device\nname: edge-7\nspec: {profile: box}\n---\n"
                "kind: Device\nname: press-1\nspec: {profile: box}\n---\n"
                "kind: Device\nname: plc-1\nspec: {profile: box}\n")
    door = Door(plant, user_token(plant, "telegraf", "writer"))
    now = time.time_ns() // 10**9 * 10**9
    assert door("GET", "/ping")[0] == 204
    assert json.loads(door("GET", "/health")[1])["status"] == "pass"
    assert door("POST", "/query", b"q=CREATE+DATABASE+%22telegraf%22")[0] == 200

    status, text = door("POST", "/api/v2/write?org=plant&bucket=telegraf&precision=ns",
                        TELEGRAF.format(t=now).encode())
    assert status == 204, text
    packed = gzip.compress("".join(f"press,device=press-1 force={i}.5 {now // 10**9 + i}\n"
                                   for i in range(100)).encode())
    status, text = door("POST", "/write?db=telegraf&precision=s", packed, ["Content-Encoding: gzip"],
                        scheme="Bearer")
    assert status == 204, text
    points = json.dumps({"seq": 1, "t": now, "values": {"temperature": 21.5}}).encode()
    for _ in range(2):  # sent again, stored once
        status, text = door("POST", "/v1/points?device=press-1", points)
        assert status == 204, text

    typed = f'plc,device=plc-1 state="RUNNING",order=9007199254740993i,open=true {now}'
    status, text = door("POST", "/api/v2/write?org=plant&bucket=telegraf&precision=ns", typed.encode())
    assert status == 204, text
    points = json.dumps({"seq": 2, "t": now, "values": {"recipe": "A-17", "counter": 2**53 + 1}}).encode()
    status, text = door("POST", "/v1/points?device=plc-1", points)
    assert status == 204, text

    # Acknowledged is durable: no farewell.
    plant.hub.kill()
    plant.start_hub()
    signals = plant.query("SELECT signal, value, quality FROM points WHERE device = 'edge-7' ORDER BY signal")
    assert signals == [["cpu.usage_idle,cpu=cpu0", 98.49, 192], ["cpu.usage_user,cpu=cpu0", 1.2024048096199995, 192],
                       ["disk.total,device=sda1,fstype=ext4,mode=rw,path=/var/lib/my app", 20956397568.0, 192],
                       ["disk.used_percent,device=sda1,fstype=ext4,mode=rw,path=/var/lib/my app", 31.48, 192],
                       ["system.load1", 0.03, 192], ["system.n_cpus", 2.0, 192], ["system.ready", 1.0, 192]], signals
    assert plant.query("SELECT count(*), sum(value) FROM points WHERE signal = 'press.force'") == [[100, 5000.0]]
    assert plant.query("SELECT value FROM points WHERE signal = 'temperature'") == [[21.5]]
    typed = plant.query("SELECT signal, text, integer FROM points WHERE text IS NOT NULL OR integer > 1e15 ORDER BY signal")
    assert typed == [["counter", None, 2**53 + 1], ["plc.order", None, 2**53 + 1], ["plc.state", "RUNNING", None],
                     ["recipe", "A-17", None]], typed
    types = plant.query("SELECT signal, type FROM series WHERE signal LIKE 'plc.%' ORDER BY signal")
    assert types == [["plc.open", "bool"], ["plc.order", "int64"], ["plc.state", "text"]], types

    # As Grafana asks: before and after a restart.
    reader = Door(plant, user_token(plant, "vic", "viewer"))
    form = ["Content-Type: application/x-www-form-urlencoded"]

    def ask(path, **parameters):
        status, text = reader("POST", "/api/v1/" + path, urllib.parse.urlencode(parameters).encode(), form)
        return status, json.loads(text)
    seconds = now // 10**9
    for _ in range(2):
        status, answer = ask("query_range", query='press.force{device=~"press-.*"}', start=seconds, end=seconds + 99,
                             step=33)
        assert status == 200 and answer["data"]["result"][0]["values"] == \
            [[seconds, "0.5"], [seconds + 33, "33.5"], [seconds + 66, "66.5"], [seconds + 99, "99.5"]], answer
        assert answer["data"]["result"][0]["metric"] == {"__name__": "press.force", "device": "press-1"}, answer
        for query, value in {"avg_over_time(press.force[10s])": "95", "min_over_time(press.force[10s])": "90.5",
                             "max_over_time(press.force[10s])": "99.5", "rate(press.force[60s])": "1",
                             "sum by (device) (last_over_time(press.force[1m]))": "99.5"}.items():
            status, answer = ask("query", query=query, time=seconds + 99)
            got = float(answer["data"]["result"][0]["value"][1])
            assert status == 200 and abs(got - float(value)) < 1e-9, (query, answer)
        plant.stop()
        plant.start_hub()
    assert ask("query", query="1+1", time=1)[1]["data"]["result"] == [1, "2"]
    status, text = reader("GET", "/api/v1/label/exported_device/values")
    assert json.loads(text)["data"] == ["sda1"], text
    status, text = reader("GET", "/api/v1/label/__name__/values?match%5B%5D=%7Bdevice%3D%22press-1%22%7D")
    assert json.loads(text)["data"] == ["press.force", "temperature"], text
    status, answer = ask("query", query="topk(5, press.force)")
    assert status == 400 and "spoken here are" in answer["error"], answer

    # Refused, and why.
    status, text = door("POST", "/api/v2/write",
                        f"a,host=edge-7 b=1 {now}\na,host=edge-7 b=one\na,host=nobody b=1\n".encode())
    told = json.loads(text)
    assert status == 400 and told["line"] == 2 and "1 points stored" in told["message"], told
    assert "line 2, column 17" in told["message"] and "'nobody' is not registered" in told["message"], told
    assert reader("POST", "/api/v2/write", b"a b=1")[0] == 403
    assert Door(plant, "")("POST", "/api/v2/write", b"a b=1")[0] == 401
    assert door("POST", "/v1/query", b'{"sql": "SELECT 1"}')[0] == 403  # a writer does not read
    plant.stop()
    return {"points": len(signals) + 101}
