"""Rules about the tree and the built programs."""
import re
import subprocess


def scenario_edge_links_no_database(context):
    """The gateway's program links neither SQLite nor DuckDB."""
    program = context.build / "src/apps/edge/millwright-edge"
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    symbols = subprocess.run(["nm", "-C", program], capture_output=True, text=True, check=True).stdout
    for name in ("sqlite3", "duckdb"):
        assert name not in linked.lower(), f"millwright-edge loads {name}"
        assert not re.search(rf"\b{name}_", symbols), f"millwright-edge holds {name}"


def scenario_threat_model_names_files(context):
    """docs/threat-model.md says where each threat is held off, by files, scenarios and fuzz entries that exist."""
    text = (context.root / "docs/threat-model.md").read_text()
    files = set(re.findall(r"`((?:src|docs|packaging)/[\w./-]+\.\w+)`", text))
    assert len(files) >= 40, f"only {len(files)} files"
    for name in files:
        assert (context.root / name).exists(), f"docs/threat-model.md names {name}, which does not exist"
    listed = (context.root / "tests/CMakeLists.txt").read_text()
    for names in re.findall(r"scenarios? ((?:`\w+`(?:, )?)+)", text):
        for name in re.findall(r"`(\w+)`", names):
            known = name.startswith("fuzz_") or re.search(rf"\b{name}\b", listed)
            assert known, f"docs/threat-model.md names the scenario {name}, which does not exist"
    for name in set(re.findall(r"`fuzz_(\w+)`", text)):
        assert list((context.root / "src").glob(f"*/*/{name}_fuzz.cpp")), f"no fuzz entry {name}"


def scenario_architecture_names_files(context):
    """ARCHITECTURE.md tells the lives of a point and of a model with files that exist."""
    text = (context.root / "ARCHITECTURE.md").read_text()
    files = []
    for life in ("a point", "a model"):
        part = text.split(f"## The life of {life}", 1)[1].split("\n## ", 1)[0]
        named = re.findall(r"`(src/[\w./]+\.(?:h|cpp))`", part)
        assert len(named) >= 8, f"the life of {life} names only {len(named)} files"
        files += named
    for name in files:
        assert (context.root / name).exists(), f"ARCHITECTURE.md names {name}, which does not exist"
    for layer in re.findall(r"^\| (\w+) \|", text, re.M):
        assert layer == "layer" or (context.root / "src" / layer).is_dir(), f"no layer src/{layer}"
