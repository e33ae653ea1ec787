"""Data products as contracts, through a real hub and its command line."""
import json
import os
import pathlib
import shutil

SCHEMA = pathlib.Path(os.environ.get(
    "MILLWRIGHT_ODCS_SCHEMA",
    pathlib.Path(__file__).resolve().parents[3] / "shared" / "schemas" / "odcs-3.1.0.schema.json"))

PRODUCT = """
kind: DataProduct
name: pump-house
domain: plant-a
spec:
  owner: operations
  description: Eight sensors of every pump
  version: 1.0.0
  status: active
  classification: internal
  residency: [eu]
  tags: [pumps, "no", "2026-01-01"]
  select: {labels: {line: pumps}}
  team: {name: Pumps, members: [{username: ann@example.com, role: owner}]}
  consumers:
    - {name: maintenance, contact: mail, signals: [flow]}
    - {name: energy, signals: [power]}
  roles: [{role: viewer, access: read}]
  sla: {retention: 60d, latency: 5s, completeness: 0.99}
  signals:
    - {name: flow, unit: l/min, min: 0, max: 200, every: 1s, max_gap: 10s, late_p99: 5s, spike: 8,
       max_rate: 0.0000001, good_ratio: 0.98, required: true, critical: true, tags: [inlet]}
    - {name: power, unit: W, classification: confidential}
    - {name: vibration, type: frame, unit: g, min: -8, max: 8}
    - {name: state, type: string, values: ["on", "off"]}
"""

AROUND = """
kind: Dataset
name: golden
domain: plant-a
spec: {product: pump-house, purpose: training, from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z",
       signals: [flow]}
---
kind: Model
name: valve
---
kind: ModelVersion
name: valve--1
spec: {model: valve, version: "1", bundle: %s,
       trained_on: {sql: 'SELECT * FROM "pump-house" WHERE TRUE AND signal IN (''flow'')'}}
---
kind: AlertRule
name: starved
spec: {model: valve}
""" % ("a" * 64)

POLICIES = """
kind: Policy
name: company
spec:
  domains: ["*"]
  retention: {at_least: 7d, at_most: 90d}
  residency: [eu, uk]
  masking: [{classification: confidential, method: coarsen, over: 15m, except_roles: [engineer, ot]}]
  access: {roles: [viewer, engineer, ot]}
  naming: {products: "[a-z][a-z0-9-]*"}
---
kind: Policy
name: plant-a
domain: plant-a
spec:
  retention: {at_most: 60d}
  masking: [{classification: confidential, method: hide, except_roles: [ot]}]
"""
LAXER = """
kind: Policy
name: plant-b
domain: plant-b
spec:
  retention: {at_most: 365d}
  residency: [eu, us]
  masking: [{classification: restricted, method: coarsen, over: 1m}]
  access: {roles: [viewer, guest]}
"""


def validator():
    """An independent judge of exports: python3-jsonschema with the standard's own schema; None says why."""
    if not SCHEMA.is_file():
        return None, f"no {SCHEMA}: set MILLWRIGHT_ODCS_SCHEMA to the standard's JSON Schema 3.1.0"
    try:
        import jsonschema
        import yaml
    except ImportError as missing:
        return None, f"{missing}: tools/deps --tests installs python3-jsonschema and python3-yaml"
    schema = json.loads(SCHEMA.read_text())
    judge = jsonschema.Draft201909Validator(schema)
    broken = {"kind": "DataContract", "apiVersion": "v3.1.0", "id": "x", "version": "1.0.0", "status": "active"}
    assert not list(judge.iter_errors(broken)), "the least contract is valid"
    assert list(judge.iter_errors({**broken, "colour": "blue"})), "the judge judges"

    def judge_file(path):
        contract = yaml.safe_load(pathlib.Path(path).read_text())
        errors = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in judge.iter_errors(contract)]
        assert not errors, "\n".join(errors)
        return contract
    return judge_file, ""


def with_changes(text, *changes):
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def refused(plant, manifest, *flags, code=5):
    done = plant.ctl("apply", "-f", "-", *flags, text=manifest, check=False)
    assert done.returncode == code, done
    return done.stderr


def check_round_trip(plant, folder, judge):
    exported = folder / "pump-house.odcs.yaml"
    plant.ctl("product", "export", "pump-house", "-f", exported)
    contract = json.loads(plant.ctl("product", "export", "pump-house", "-o", "json"))
    assert contract["kind"] == "DataContract" and contract["version"] == "1.0.0", contract
    assert [p["name"] for p in contract["schema"][0]["properties"]] == \
        ["device", "time", "flow", "power", "vibration", "state"], contract
    if judge:
        assert judge(exported) == contract, "YAML as Python reads it is not what JSON says"
    assert "is valid, 4 signals" in plant.ctl("product", "check", exported)
    assert "data-products/pump-house unchanged" in plant.ctl("product", "import", exported)
    assert "no difference" in plant.ctl("product", "diff", exported)
    return exported


def check_breaking(plant, folder, exported):
    moved = with_changes(PRODUCT, ("unit: l/min, min: 0", "unit: m3/h, min: 0"),
                         ("    - {name: power, unit: W, classification: confidential}\n", ""),
                         ("    - {name: energy, signals: [power]}\n", ""))
    for flags in (["--dry-run"], []):
        told = refused(plant, moved, *flags)
        for line in ("2 changes break contract pump-house 1.0.0; they need version 2.0.0",
                     "spec.signals.flow.unit: l/min -> m3/h: the same number means something else; breaks "
                     "AlertRule starved, Dataset golden, ModelVersion valve--1, consumer maintenance\n",
                     "spec.signals.power removed: the signal is gone; breaks consumer energy"):
            assert line in told, (line, told)
    stored = json.loads(plant.ctl("get", "data-products", "pump-house", "-o", "json"))
    assert stored["generation"] == 1, "a refused change was written"

    changed = folder / "changed.yaml"
    changed.write_text(moved)
    compared = plant.ctl("product", "diff", changed, "-o", "json", check=False)
    assert compared.returncode == 5, compared
    effects = {c["path"]: (c["effect"], c["breaks"]) for c in json.loads(compared.stdout)["changes"]}
    assert effects["spec.signals.power"] == ("breaking", ["consumer energy"]), effects
    assert effects["spec.consumers"] == ("compatible", []), effects
    table = plant.ctl("product", "diff", changed, check=False).stdout
    assert "at least 2.0.0" in table and "breaking" in table, table

    in_contract = exported.read_text().replace("unit: W", "unit: kW")
    changed.write_text(in_contract)
    told = plant.ctl("product", "import", changed, check=False)
    assert told.returncode == 5 and "spec.signals.power.unit: W -> kW" in told.stderr, told
    assert plant.ctl("delete", "data-products", "pump-house", check=False).returncode == 5
    plant.ctl("apply", "-f", "-", text=with_changes(PRODUCT, ("max: 200", "max: 150")))  # promises more
    plant.ctl("apply", "-f", "-", text=with_changes(moved, ("1.0.0", "2.0.0")))
    assert "is older than 2.0.0" in refused(plant, PRODUCT)


def check_policies(plant):
    lines = {line["rule"]: line for line in
             json.loads(plant.ctl("product", "policy", "pump-house", "-o", "json"))["lines"]}
    assert lines["retention.at_most"] == \
        {"rule": "retention.at_most", "value": "60d", "from": ["DataProduct pump-house"]}, lines
    assert lines["masking of power"]["value"] == "hide except from ot", lines
    assert lines["masking of power"]["from"] == ["Policy company", "Policy plant-a"], lines
    assert "masking of flow" not in lines and lines["access.roles"]["from"] == ["Policy company"], lines
    assert "Policy plant-a" in plant.ctl("product", "policy", "pump-house")

    told = refused(plant, LAXER)
    for line in ("spec.retention.at_most: 365d is laxer than the 90d of Policy company",
                 "spec.residency: us is laxer than Policy company, which allows only eu, uk",
                 "spec.masking[0]: coarsen over 1m except from none is laxer",
                 "spec.access.roles: guest is laxer"):
        assert line in told, (line, told)
    told = refused(plant, with_changes(PRODUCT, ("retention: 60d", "retention: 61d")))
    assert "spec.sla.retention: 61d is more than the 60d of Policy plant-a" in told, told
    told = refused(plant, "kind: DataProduct\nname: Pump\n", code=2)
    told = refused(plant, "kind: DataProduct\nname: 0-pump\n")
    assert "name: '0-pump' does not match [a-z][a-z0-9-]* of Policy company" in told, told
    told = refused(plant, "kind: Policy\nname: p\ndomain: plant-a\nspec: {domains: ['*']}\n", code=2)
    assert "spec.domains" in told, told


def scenario_contracts(context):
    """Export validates, import gives it back, what breaks is refused and named, policies bind."""
    plant = context.plant()
    plant.start_hub()
    folder = pathlib.Path(context.folder)
    judge, why_not = validator()
    plant.apply(POLICIES)
    plant.apply(PRODUCT)
    plant.apply(AROUND)
    exported = check_round_trip(plant, folder, judge)
    check_policies(plant)
    check_breaking(plant, folder, exported)
    shutil.copy(context.root / "docs/examples/orders.odcs.yaml", folder / "orders.yaml")
    told = plant.ctl("product", "import", folder / "orders.yaml", check=False)
    assert told.returncode == 0 and "price.priceAmount" in told.stderr, told
    plant.ctl("product", "export", "orders", "-f", folder / "again.yaml")
    if judge:
        judge(folder / "orders.yaml")
        assert judge(folder / "again.yaml")["price"]["priceAmount"] == 9.95
    plant.stop()
    return {"validated_by": "python3-jsonschema"} if judge else {"not_validated": why_not}
