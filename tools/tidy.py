#!/usr/bin/env python3
"""Checks the rules of STYLE.md that a machine can check. Prints one line per finding; exit 1 if any.

    tools/tidy.py            check the tree
    tools/tidy.py --rules    print the rules
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
FILE_LINES, FUNCTION_LINES, LINE_COLUMNS, README_LINES = 600, 70, 100, 60
LAYERS = "base platform domain trust protocols insight device data fleet business surface apps".split()
FLAT_LAYERS = {"base", "domain"}  # a layer of one module, all of it door

# include pattern -> folders that may use it
BANNED_INCLUDES = {
    r"<boost/beast": ["platform/http"],
    r"<boost/asio": ["platform/http"],  # its buffer types, which Beast's parser takes
    r"<(sys/socket|sys/epoll|netinet/|arpa/inet|netdb)": ["platform/"],
    r"<openssl/": ["platform/crypto", "platform/net"],
    r"<sqlite3\.h>": ["platform/sqlite"],
    r"<duckdb\.h>": ["data/duckdb"],
    r"<(mutex|shared_mutex|condition_variable|thread)>": ["platform/"],
    r"<yaml-cpp/": ["base"],
    r"<spdlog/": ["base"],
    r"<valijson/": ["base"],
}
# Words that hide a stub, and words that say where the work was done.
BANNED_WORDS = re.compile(
    r"\b(?i:todo|fixme|xxx|placeholder|unimplemented)\b|\bnot implemented\b"
    r"|\bin a real (system|product|implementation|deployment)\b|(?<![\w/])/(work|root|farm)/")
# g++ 12 frees these twice (STYLE.md, "Async").
AWAITED_TEMPORARY = re.compile(r"co_await [^;\n]*\(\s*(?:[^;\n(]*,\s*)?\[[^\]\n]+\]\s*[({]")
AWAITED_BRACES = re.compile(r"co_await \w[\w.>:-]*\(\s*\{")

RULES = __doc__ + f"""
Rules: an include points to the same layer or up; another module only through its door
(<layer>/<module>/<module>.h); libraries only in their folder; files <= {FILE_LINES} lines, functions
<= {FUNCTION_LINES}, lines <= {LINE_COLUMNS} columns; a README.md of <= {README_LINES} lines per module; no
awaited temporaries that g++ 12 frees twice; no dead headers; no words that hide unfinished work;
every fenced command in docs names files that exist.
"""


def tracked():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                         capture_output=True, check=True).stdout
    return [ROOT / line for line in out.splitlines() if (ROOT / line).is_file()]


def module_of(path):
    parts = path.relative_to(SRC).parts
    if parts[0] in FLAT_LAYERS:
        return parts[0]
    return "/".join(parts[:2]) if len(parts) > 2 else None


def check_includes(path, lines, report):
    mine = module_of(path)
    if not mine:
        return
    my_rank = LAYERS.index(mine.split("/")[0])
    for number, line in enumerate(lines, 1):
        found = re.match(r'\s*#\s*include\s+(["<][^">]+[">])', line)
        if not found:
            continue
        what = found.group(1)
        for pattern, homes in BANNED_INCLUDES.items():
            if re.match(pattern, what) and not any((mine + "/").startswith(h) or mine == h for h in homes) \
                    and not path.stem.endswith("_test"):
                report(path, number, f"{what} belongs in {', '.join(homes) or 'nowhere'}")
        if not what.startswith('"'):
            continue
        target = what.strip('"').split("/")
        if target[0] not in LAYERS:
            continue
        if LAYERS.index(target[0]) > my_rank:
            report(path, number, f"upward include of {what}")
        other = target[0] if target[0] in FLAT_LAYERS else "/".join(target[:2])
        if other != mine and target[0] not in FLAT_LAYERS and target[-1] != target[1] + ".h" \
                and not path.stem.endswith(("_test", "_fixture")):
            report(path, number, f"{what} is not the door of {other} ({target[1]}.h)")


def check_functions(path, lines, report):
    """A function starts on a line at column 0 or one namespace/class deep that ends in '{'."""
    start, indent = None, ""
    for number, line in enumerate(lines, 1):
        if start is None:
            opens = re.match(r"^( {0,4})\S.*[)>a-z]( const| override| noexcept| final)* \{$", line)
            if opens and not re.match(
                    r"^ *(namespace|class|struct|enum|union|extern|if|for|while|switch|else|do|try|case|using"
                    r"|TEST|INSTANTIATE|constexpr [^(]*$|const [^(]*=)", line) and "(" in line and " = " not in line.split("(")[0]:
                start, indent = number, opens.group(1)
        elif line.startswith(indent + "}") and (len(line) == len(indent) + 1 or line[len(indent) + 1] in " ;),"):
            if number - start + 1 > FUNCTION_LINES:
                report(path, start, f"function of {number - start + 1} lines, at most {FUNCTION_LINES}")
            start = None


def check_source(path, lines, report):
    generated = path.suffix == ".json"
    if len(lines) > FILE_LINES and not generated:
        report(path, len(lines), f"file of {len(lines)} lines, at most {FILE_LINES}")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS and not re.search(r'https?://|R"', line) and path.suffix in (".h", ".cpp"):
            report(path, number, f"line of {len(line)} columns, at most {LINE_COLUMNS}")
        if path.suffix == ".cpp" and (AWAITED_TEMPORARY.search(line) or AWAITED_BRACES.search(line)):
            report(path, number, "name it before you await it: g++ 12 frees this temporary twice")
    if path.suffix == ".cpp" and not path.stem.endswith("_test"):
        check_functions(path, lines, report)


def check_dead_headers(paths, report):
    text = "\n".join(p.read_text(errors="replace") for p in paths if p.suffix in (".h", ".cpp"))
    for path in paths:
        if path.suffix == ".h" and SRC in path.parents and f'"{path.relative_to(SRC)}"' not in text:
            report(path, 1, "nobody includes this header")


def check_modules(report):
    for cmake in SRC.glob("*/*/CMakeLists.txt"):
        readme = cmake.parent / "README.md"
        if not readme.exists():
            report(cmake, 1, "module without README.md")
        elif len(readme.read_text().splitlines()) > README_LINES:
            report(readme, 1, f"README of more than {README_LINES} lines")


def check_documents(path, lines, report):
    for number, line in enumerate(lines, 1):
        for name in re.findall(r"`((?:src|tools|tests|docs|cmake|bench)/[\w./-]+\.\w+)`", line):
            if not (ROOT / name).exists():
                report(path, number, f"names {name}, which does not exist")


def main():
    if "--rules" in sys.argv:
        print(RULES)
        return 0
    findings = []

    def report(path, number, message):
        findings.append(f"{path.relative_to(ROOT)}:{number}: {message}")

    paths = tracked()
    for path in paths:
        if path.suffix not in (".h", ".cpp", ".py", ".md", ".txt", ".cmake", ".json", ".ts", ".js", ".mjs", ""):
            continue
        lines = path.read_text(errors="replace").splitlines()
        if path.suffix in (".h", ".cpp") and SRC in path.parents:
            check_includes(path, lines, report)
        if path.suffix in (".h", ".cpp", ".py", ".ts", ".js", ".mjs"):
            check_source(path, lines, report)
        if path.suffix == ".md":
            check_documents(path, lines, report)
        if path.name != "tidy.py":
            for number, line in enumerate(lines, 1):
                if BANNED_WORDS.search(line):
                    report(path, number, f"say it another way: {BANNED_WORDS.search(line).group(0)}")
    check_dead_headers(paths, report)
    check_modules(report)
    print("\n".join(findings) if findings else f"tidy: {len(paths)} files, nothing found")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
