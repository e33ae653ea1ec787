"""A device's life: factory certificates, renewal before and after the end, another owner, replacement."""
import base64
import json
import pathlib
import subprocess

import plant as plants
from est import Stranger, publishes
from strangers import command, enroll_with_curl

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Maker:
    """Whoever builds the devices: an authority made with openssl, and a certificate per serial number."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.ca, self.key = folder / f"{name}-ca.pem", folder / f"{name}-ca.key"
        command("openssl", "req", "-x509", *EC, "-keyout", self.key, "-out", self.ca, "-days", "3650", "-subj",
                "/CN=Acme devices", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign")

    def build(self, serial):
        stem = self.folder / f"{self.name}-{serial}"
        key, request, certificate = (stem.with_suffix(end) for end in (".key", ".csr", ".pem"))
        command("openssl", "req", "-new", *EC, "-keyout", key, "-out", request, "-subj",
                f"/O=Acme/CN=Pump controller/serialNumber={serial}")
        command("openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial",
                "-days", "3650", "-out", certificate)
        return certificate, key


def group(plant, name, maker, serials, **more):
    factory = [{"name": "acme", "ca": maker.ca.read_text(), "serials": serials}]
    plant.ctl("apply", "-f", "-", text=json.dumps(
        {"kind": "EnrollmentGroup", "name": name,
         "spec": {"profile": "pump-gateway", "factory": factory, "renewal_grace": "1h", **more}}))


def device(plant, name):
    return json.loads(plant.ctl("get", "devices", name, "-o", "json"))


def by_factory(plant, folder, ca, maker, other):
    """curl with the maker's certificate gets a first one; the maker's own opens nothing else."""
    pump = Stranger(plant, folder, ca, "pump-a1", "")
    pump.make_key()
    certificate, key = maker.build("A-1")
    who = ("--cert", certificate, "--key", key)
    status, _, body = pump.post("simpleenroll", pump.request(), *who)
    assert status == 200, (status, body)
    pump.keep(base64.b64decode(body))
    assert publishes(plant, folder, pump), "a device of the maker's was not let in"
    assert device(plant, "pump-a1")["status"]["factory"]["serial"] == "A-1"
    refused = command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert",
                      certificate, "--key", key, "-q", "1", "-t", "mw/v1/pump-a1/data/hand", "-m", "{}", check=False)
    assert refused.returncode != 0, "a factory certificate was let in over MQTT"
    blob = f"{plant.where['devices']}/v1/blobs/{'0' * 64}"
    answer = command("curl", "-sS", "--cacert", ca, *who, "-o", "/dev/null", "-w", "%{http_code}", blob).stdout
    assert answer == b"401" or answer == b"403", answer

    thief = Stranger(plant, folder, ca, "thief", "")
    thief.make_key()
    for (certificate, key), status, words in (
            (maker.build("A-9"), 403, "'A-9' of 'acme' is not on the group's list"),
            (other.build("A-2"), 403, "signature failure"),
            (maker.build("A-1"), 409, "'acme A-1' is device 'pump-a1' already"),
            (maker.build("A-2"), 403, "is to be 'agent'")):
        got, _, body = thief.post("simpleenroll", thief.request(), "--cert", certificate, "--key", key)
        assert got == status and words in body.decode() and body.count(b"\n") == 1, (got, body)
        assert words in plant.ctl("audit", "list", "--action", "enroll.refused", "-o", "json"), words


def status_of(plant, folder):
    return json.loads(command(plant.edge_cli, "status", "--data", folder, "--json").stdout)


def enroll_agent(plant, folder, name, certificate, key):
    command(plant.edge_cli, "enroll", "--hub", plant.where["devices"], "--pin", plant.where["root_pin"], "--name", name,
            "--factory-cert", certificate, "--factory-key", key, "--data", folder)
    return status_of(plant, folder)["certificate_serial"]


class Running:
    """An agent while the block lasts."""

    def __init__(self, plant, folder):
        self.log = open(folder / "agent.log", "w")
        self.process = subprocess.Popen([plant.edge_cli, "run", "--data", folder], env=plant.env, stderr=self.log,
                                        stdout=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def wait_for_another(plant, folder, serial):
    plants.wait_for(lambda: status_of(plant, folder)["certificate_serial"] != serial, "the certificate is renewed", 60)


def renewals(plant, folder, maker, ca):
    """Our agent renews in time by itself; after the end it shows its factory certificate as well."""
    # Certificates begin ten minutes before they are made, so half of this one's life is over already.
    group(plant, "brisk", maker, [{"number": "A-2", "device": "agent"}], certificate_lifetime="4m")
    certificate, key = maker.build("A-2")
    first = enroll_agent(plant, folder / "agent", "agent", certificate, key)
    with Running(plant, folder / "agent"):
        wait_for_another(plant, folder / "agent", first)
        assert device(plant, "agent")["status"]["state"] == "active"
    facts = plant.ctl("audit", "list", "--action", "renew", "-o", "json")
    assert f"for {first}" in facts, facts

    group(plant, "late", maker, [{"number": "A-3", "device": "sleeper"}], certificate_lifetime="5s")
    certificate, key = maker.build("A-3")
    first = enroll_agent(plant, folder / "sleeper", "sleeper", certificate, key)
    plants.wait_for(lambda: status_of(plant, folder / "sleeper")["certificate_days_left"] < 0, "it has ended", 60)
    group(plant, "late", maker, [{"number": "A-3", "device": "sleeper"}])
    own = Stranger(plant, folder, ca, "sleeper", "")
    own.key = folder / "sleeper/device.key"
    ended = ("--cert", folder / "sleeper/device.pem", "--key", own.key)
    status, _, body = own.post("simplereenroll", own.request(), *ended)
    assert status == 403 and b"expired" in body and b"show the factory certificate" in body, (status, body)
    assert not publishes_with(plant, ca, "sleeper", *ended[1::2]), "an ended certificate was let in over MQTT"
    with Running(plant, folder / "sleeper"):
        wait_for_another(plant, folder / "sleeper", first)
        plants.wait_for(lambda: device(plant, "sleeper")["status"]["state"] == "active", "it is back", 60)
    facts = plant.ctl("audit", "list", "--action", "renew", "-o", "json")
    assert "by factory certificate acme A-3" in facts, facts


def publishes_with(plant, ca, name, certificate, key):
    done = command("mosquitto_pub", "-h", "localhost", "-p", plant.ports["mqtt"], "--cafile", ca, "--cert", certificate,
                   "--key", key, "-q", "1", "-t", f"mw/v1/{name}/data/hand", "-m", "{}", check=False)
    return done.returncode == 0


def owners(plant, folder):
    """A broken device's place is taken; a sold one belongs to somebody else, who lets it in again."""
    assert "agent is retired" in plant.ctl("device", "replace", "agent", "agent-b", "--why", "burnt")
    fresh = device(plant, "agent-b")
    assert fresh["spec"]["profile"] == "pump-gateway" and fresh["status"]["replaces"] == "agent", fresh
    assert device(plant, "agent")["status"]["replaced_by"] == "agent-b"
    plant.ctl("apply", "-f", "-", text="kind: EnrollmentGroup\nname: buyer\nlabels: {owner: buyer}\nspec: {}\n")
    assert "sleeper is registered" in plant.ctl("device", "transfer", "sleeper", "buyer")
    sold = device(plant, "sleeper")
    assert sold["labels"] == {"owner": "buyer"} and sold["status"]["group"] == "buyer", sold
    assert "certificate" not in sold["status"], sold
    refused = plant.ctl("device", "transfer", "sleeper", "nobody", check=False)
    assert refused.returncode != 0 and "nobody" in refused.stderr, refused


def scenario_est_life(context):
    """Makers' certificates and serial lists, renewal in time and too late, transfer and replacement."""
    plant = context.plant()
    plant.start_hub()
    plant.describe_plant(["gw-1"])
    folder = pathlib.Path(context.folder)
    maker, other = Maker(folder, "acme"), Maker(folder, "other")
    group(plant, "fresh", maker, [{"number": "A-1"}, {"number": "A-2", "device": "agent"}])
    ca, _, _ = enroll_with_curl(plant, folder, "plain", "pump-1")  # leaves the authorities behind
    by_factory(plant, folder, ca, maker, other)
    group(plant, "fresh", maker, [{"number": "A-1"}])
    renewals(plant, folder, maker, ca)
    owners(plant, folder)
    plant.stop()
    return {}
