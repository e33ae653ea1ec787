"""The brokers that bench/mqtt.py compares: ours, mosquitto and nats-server, each on processors of its own choice.

Settings of the others: no delay, queues without limit and persistence off (mosquitto); JetStream with a file
store, which its MQTT needs, and 20,000 unacknowledged messages (nats-server). Ours checks every publish against
its access control; the others let everybody.
"""
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOOPBACK = ROOT / "build-release/src/protocols/mqtt/mqtt_loopback"
START_LIMIT_S = 10

MOSQUITTO = """
per_listener_settings false
allow_anonymous true
persistence false
log_dest none
set_tcp_nodelay true
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
listener {tcp} 127.0.0.1
listener {tls} 127.0.0.1
cafile {ca}
certfile {server}
keyfile {server_key}
require_certificate true
"""

NATS = """
server_name: bench
host: 127.0.0.1
port: {clients}
jetstream {{ store_dir: "{store}" }}
mqtt {{
  host: 127.0.0.1
  port: {port}
  max_ack_pending: 20000
  {tls}
}}
"""
NATS_TLS = 'tls {{ cert_file: "{server}", key_file: "{server_key}", ca_file: "{ca}", verify: true }}'


def need(program, package):
    if shutil.which(program) is None and not pathlib.Path("/usr/sbin", program).exists():
        sys.exit(f"mqtt: needs {program}. Next step: tools/deps --bench, or apt-get install -y {package}")
    return shutil.which(program) or f"/usr/sbin/{program}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Pki:
    """A CA, and certificates of P-256 for the server and for the judge."""

    def __init__(self, folder):
        self.folder = folder
        self.make("ca", "/CN=bench CA", [])
        self.make("server", "/CN=localhost", ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        self.make("client", "/CN=load", [])
        self.paths = {"ca": folder / "ca.pem", "server": folder / "server.pem", "server_key": folder / "server.key"}

    def make(self, name, subject, extra):
        issuer = [] if name == "ca" else ["-CA", self.folder / "ca.pem", "-CAkey", self.folder / "ca.key",
                                          "-addext", "basicConstraints=CA:FALSE"]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", subject, "-keyout", self.folder / f"{name}.key",
                        "-out", self.folder / f"{name}.pem", *issuer, *extra], check=True, capture_output=True)

    def judge(self):
        return ["--tls", "--cafile", self.paths["ca"], "--cert", self.folder / "client.pem",
                "--key", self.folder / "client.key"]


class Broker:
    """One running broker. hold() lets it stand still while another is measured."""

    def __init__(self, name, command, ports, log):
        self.name, self.ports = name, ports
        with open(log, "w") as out:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE if ports is None else out, stderr=out,
                                            text=True)
        if ports is None:
            tls = "--loops" not in command
            self.ports = {"tcp": int(self.process.stdout.readline())}
            if tls:
                self.ports["tls"] = int(self.process.stdout.readline())
        for port in filter(None, self.ports.values()):
            self.wait_for(port, log)

    def wait_for(self, port, log):
        for _ in range(START_LIMIT_S * 50):
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(.02)
        self.stop()
        sys.exit(f"mqtt: {self.name} does not start; its words: {pathlib.Path(log).read_text()[-2000:]}")

    @property
    def pid(self):
        return self.process.pid

    def hold(self, on):
        os.kill(self.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Peers:
    """Makes brokers anew for each row, so that none carries the memory of the last one."""

    def __init__(self, folder):
        self.folder = folder
        self.pki = Pki(folder)
        self.programs = {"mosquitto": need("mosquitto", "mosquitto"), "nats": need("nats-server", "nats-server")}
        need("taskset", "util-linux")
        if not LOOPBACK.exists():
            sys.exit(f"mqtt: {LOOPBACK} is missing. Next step: tools/bench run mqtt, without --built")
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        self.count = 0

    def start(self, name, cpus, tls):
        self.count += 1
        log = self.folder / f"{name}-{self.count}.log"
        command, ports = getattr(self, f"{name}_command")(tls)
        return Broker(name, ["taskset", "-c", cpus, *map(str, command)], ports, log)

    def ours_command(self, _):
        paths = self.pki.paths
        return [LOOPBACK, 0, 0, paths["server"], paths["server_key"], paths["ca"]], None

    def ours_with_journal_command(self, tls):
        command, ports = self.ours_command(tls)
        return [command[0], "--journal", self.folder / f"journal-{self.count}", *command[1:]], ports

    def mosquitto_command(self, _):
        ports = {"tcp": free_port(), "tls": free_port()}
        text = MOSQUITTO.format(**ports, **self.pki.paths)
        if os.geteuid() == 0:
            text = "user root\n" + text  # else it gives up root, and can't read the key
        return [self.programs["mosquitto"], "-c", self.written("mosquitto.conf", text)], ports

    def nats_command(self, tls):
        port = free_port()
        text = NATS.format(clients=free_port(), port=port, store=self.folder / f"nats-{self.count}",
                           tls=NATS_TLS.format(**self.pki.paths) if tls else "")
        ports = {"tcp": None if tls else port, "tls": port if tls else None}
        return [self.programs["nats"], "-c", self.written("nats.conf", text)], ports

    def written(self, name, text):
        path = self.folder / f"{self.count}-{name}"
        path.write_text(text)
        return path
