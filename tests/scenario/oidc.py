"""People of an OpenID provider that somebody else wrote: the command line logs in by device code and by browser, renews in silence,
logs out; keys rotate; what the provider did not sign is refused."""
import concurrent.futures
import html.parser
import http.cookiejar
import json
import os
import pathlib
import re
import shutil
import ssl
import stat
import subprocess
import urllib.parse
import urllib.request

import plant as plants
from strangers import command

RESOURCE, AUDIENCE, CLIENT = "urn:millwright:hub", "millwright", "millwright-cli"
PEOPLE = {"ada": ["shift-leads"], "eve": ["visitors"], "nobody": []}
HUB = """
oidc:
  issuer: {issuer}
  audience: {audience}
  ca_file: id-root.pem
  roles_claim: realm.groups
  roles: [shift-leads=operator, visitors=viewer, bosses=admin]
  client_id: {client}
  resource: {resource}
"""


def packages(context):
    """oidc-provider and what it needs, each by the checksum of the lock file."""
    folder, source = context.build / "oidc-strangers", context.root / "tests/strangers/oidc"
    folder.mkdir(exist_ok=True)
    lock = (source / "package-lock.json").read_text()
    fresh = (folder / "node_modules/oidc-provider").exists() and (folder / "package-lock.json").read_text() == lock
    for name in ("package.json", "package-lock.json", "provider.mjs", "forge.mjs"):
        shutil.copy(source / name, folder / name)
    if not fresh:
        command("npm", "ci", "--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
    return folder


class Provider:
    def __init__(self, context, folder):
        self.node, self.folder, self.port, self.process = packages(context), folder, 0, None
        command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                folder / "id-root.key", "-out", folder / "id-root.pem", "-subj", "/CN=Provider root", "-days", "30")
        command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                folder / "id.key", "-out", folder / "id.pem", "-subj", "/CN=localhost", "-days", "30", "-CA",
                folder / "id-root.pem", "-CAkey", folder / "id-root.key", "-addext", "subjectAltName=DNS:localhost",
                "-addext", "basicConstraints=critical,CA:FALSE")
        self.keys = folder / "id-keys.json"
        self.new_keys()

    def new_keys(self):
        command("node", self.node / "forge.mjs", "keys", self.keys)

    def start(self):
        config = self.folder / "id.json"
        config.write_text(json.dumps({"port": self.port, "cert": str(self.folder / "id.pem"), "key": str(self.folder / "id.key"),
                                      "keys": str(self.keys), "client": CLIENT, "audience": AUDIENCE, "resource": RESOURCE,
                                      "people": PEOPLE, "seconds": 900}))
        log = open(self.folder / "id.log", "ab")
        self.process = subprocess.Popen(["node", self.node / "provider.mjs", config], stdout=subprocess.PIPE, stderr=log)
        self.port = json.loads(self.process.stdout.readline() or "{}").get("port")
        if not self.port:
            raise plants.Failed("the provider did not start\n" + (self.folder / "id.log").read_text()[-2000:])
        self.issuer = f"https://localhost:{self.port}"

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def tokens(self):
        return json.loads(command("node", self.node / "forge.mjs", "tokens", self.keys, self.issuer, AUDIENCE).stdout)


class FirstForm(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.action, self.fields, self.done = None, {}, False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = attributes.get("action", "")
        if tag == "input" and self.action is not None and not self.done and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value") or ""

    def handle_endtag(self, tag):
        self.done = self.done or (tag == "form" and self.action is not None)


def person_walks(provider, url, name):
    """A person with a browser: fills in each form until there is none, and gives the last page."""
    trust = ssl.create_default_context(cafile=provider.folder / "id-root.pem")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
                                          urllib.request.HTTPSHandler(context=trust), urllib.request.ProxyHandler({}))
    page = browser.open(url, timeout=60)
    for _ in range(10):
        text = page.read().decode()
        form = FirstForm(text)
        if form.action is None:
            return text
        fields = {**form.fields, **({"login": name, "password": "x"} if "login" in form.fields else {})}
        target = urllib.parse.urljoin(page.url, form.action or page.url)
        page = browser.open(target, urllib.parse.urlencode(fields).encode(), timeout=60)
    raise plants.Failed("the provider asks on and on\n" + text[-2000:])


class Terminal:
    """The command line of somebody who has nothing but the hub's address and root."""

    def __init__(self, plant, folder, name):
        self.plant, self.file = plant, folder / f"{name}-login.json"
        self.env = {**os.environ, "MILLWRIGHT_CONFIG": str(self.file)}

    def run(self, *arguments):
        return subprocess.run([self.plant.program, *map(str, arguments)], text=True, capture_output=True, env=self.env, timeout=300)

    def ok(self, *arguments):
        done = self.run(*arguments)
        if done.returncode != 0:
            raise plants.Failed(f"millwright {' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def login(self, provider, person, pattern, *how):
        """Starts a login, lets the person walk where it says, and gives what was printed."""
        process = subprocess.Popen([self.plant.program, "login", *how, "--hub", self.plant.where["api"], "--ca",
                                    self.plant.data / "pki/root.pem"], text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, env=self.env)
        printed = ""
        try:
            while not (match := re.search(pattern, printed)):
                line = process.stdout.readline()
                if not line:
                    raise plants.Failed("login ended early\n" + printed)
                printed += line
            last = person_walks(provider, match[1], person)
            printed += process.communicate(timeout=120)[0]
        finally:
            if process.poll() is None:
                process.kill()
        return process.returncode, printed, last

    def kept(self):
        return json.loads(self.file.read_text())

    def age(self):
        """As if the access token had come to its end."""
        login = self.kept()
        login["oidc"]["expires"] = "2020-01-01T00:00:00Z"
        self.file.write_text(json.dumps(login))


DEVICE = r"or open\s+(https://\S+)"
BROWSER = r"(https://\S+/auth\?\S+)"


def check_device_login(plant, provider, folder):
    ada = Terminal(plant, folder, "ada")
    code, printed, last = ada.login(provider, "ada", DEVICE, "--oidc")
    assert code == 0 and "as user:oidc:ada" in printed, (printed, last)
    assert stat.S_IMODE(ada.file.stat().st_mode) == 0o600
    assert "user:oidc:ada" in ada.ok("whoami") and "operator" in ada.ok("whoami")
    refused = ada.run("user", "create", "mallory", "--role", "admin")
    assert refused.returncode == 4, refused
    return ada


def check_renewal(ada):
    first = ada.kept()
    ada.ok("whoami")
    assert ada.kept() == first, "a token that is good for long was renewed"
    ada.age()
    assert "user:oidc:ada" in ada.ok("whoami")
    second = ada.kept()
    assert second["token"] != first["token"] and second["oidc"]["refresh_token"] != first["oidc"]["refresh_token"]
    assert second["oidc"]["expires"] > "2026" and stat.S_IMODE(ada.file.stat().st_mode) == 0o600
    # A token that the hub takes no more, long before its end: renewed, and asked again.
    login = ada.kept()
    login["token"] = login["token"][:-8] + "AAAAAAAA"
    ada.file.write_text(json.dumps(login))
    assert "user:oidc:ada" in ada.ok("whoami")
    # Several at once: one renews. Two would be taken for a thief, and the login would end.
    ada.age()
    with concurrent.futures.ThreadPoolExecutor() as several:
        answers = list(several.map(lambda _: ada.ok("whoami"), range(4)))
    assert all("user:oidc:ada" in each for each in answers)
    ada.age()
    ada.ok("whoami")


def status(plant, token):
    return int(command("curl", "-sS", "--cacert", plant.data / "pki/root.pem", "-o", "/dev/null", "-w", "%{http_code}", "-H",
                       f"Authorization: Bearer {token}", plant.where["api"] + "/v1/whoami").stdout)


def refusals(plant):
    listed = json.loads(plant.ctl("audit", "list", "--action", "login.refused", "--limit", "500", "-o", "json"))
    return [each["detail"] for each in (listed["items"] if isinstance(listed, dict) else listed)]


def check_forged(plant, provider):
    tokens = provider.tokens()
    assert status(plant, tokens.pop("good")) == 200
    for what, token in tokens.items():
        assert status(plant, token) in (401, 429), what
    told = "\n".join(refusals(plant))
    for words in ("aud", "alg", "signature"):
        assert words in told, (words, told)
    assert not any(token.split(".")[1] in told for token in tokens.values()), "a token in a fact"
    return len(tokens)


def check_logout(plant, provider, ada, folder):
    before = ada.kept()
    assert "logged out" in ada.ok("logout") and not ada.file.exists()
    assert ada.run("whoami").returncode == 4
    answer = json.loads(command("curl", "-sS", "--cacert", folder / "id-root.pem", "-d", "grant_type=refresh_token", "-d",
                                f"client_id={CLIENT}", "-d", f"refresh_token={before['oidc']['refresh_token']}",
                                provider.issuer + "/token").stdout)
    assert answer["error"] == "invalid_grant", answer
    before["oidc"]["expires"] = "2020-01-01T00:00:00Z"
    ada.file.write_text(json.dumps(before))
    ended = ada.run("whoami")
    assert ended.returncode == 4 and "Next step: millwright login --oidc" in ended.stderr, ended


def check_rotation(plant, provider):
    old = provider.tokens()["good"]
    assert status(plant, old) == 200
    provider.stop()
    provider.new_keys()
    provider.start()
    new = provider.tokens()["good"]
    # The hub asks for unknown keys once a minute.
    plants.wait_for(lambda: status(plant, new) == 200, "the hub takes the new key", 150, every=4)
    assert status(plant, old) in (401, 429), "the key that was withdrawn still counts"


def check_browser_login(plant, provider, folder):
    eve = Terminal(plant, folder, "eve")
    code, printed, last = eve.login(provider, "eve", BROWSER, "--browser")
    assert code == 0 and "as user:oidc:eve" in printed and "may be closed" in last, (printed, last)
    assert "viewer" in eve.ok("whoami")
    nobody = Terminal(plant, folder, "nobody")
    code, printed, _ = nobody.login(provider, "nobody", BROWSER, "--browser")
    assert code == 0 and "You have no roles there. Next step" in printed, printed
    assert nobody.run("get", "devices").returncode == 4
    provider.stop()  # it need not be there for what is good still
    assert "viewer" in eve.ok("whoami")
    out = eve.run("logout")
    assert out.returncode == 1 and "could not be told" in out.stderr and not eve.file.exists(), out


def scenario_oidc(context):
    """oidc-provider vouches for people: logins by device code and browser, silent renewal, rotated keys, forged tokens, logout."""
    plant, folder = context.plant(), pathlib.Path(context.folder)
    provider = Provider(context, folder)
    try:
        provider.start()
        plant.configure_hub(HUB.format(issuer=provider.issuer, audience=AUDIENCE, client=CLIENT, resource=RESOURCE))
        shutil.copy(folder / "id-root.pem", plant.data / "id-root.pem")
        plant.start_hub()
        plant.describe_plant(["gw-1"])
        ada = check_device_login(plant, provider, folder)
        check_renewal(ada)
        forged = check_forged(plant, provider)
        check_logout(plant, provider, ada, folder)
        check_rotation(plant, provider)
        check_browser_login(plant, provider, folder)
        log = plant.hub.log.read_text()
        assert "eyJ" not in log, "a token was logged"
        plant.stop()
    finally:
        provider.stop()
    return {"forged": forged}
