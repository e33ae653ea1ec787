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
