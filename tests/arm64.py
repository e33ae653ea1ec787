#!/usr/bin/env python3
"""The gateway's program for arm64 under qemu: tests/arm64.py --build build-arm64. Prints its size and memory."""
import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def emulator():
    """As cmake/arm64.cmake runs tests."""
    libraries = ROOT / ".deps/arm64/usr/lib/aarch64-linux-gnu"
    return ["qemu-aarch64-static", "-cpu", "cortex-a72", "-L", str(ROOT / ".deps/arm64/run"), "-E",
            f"LD_LIBRARY_PATH={libraries}:/usr/aarch64-linux-gnu/lib"]


def machine_of(program):
    """The architecture in the ELF header."""
    head = program.read_bytes()[:20]
    assert head[:4] == b"\x7fELF", program
    return {62: "x86_64", 183: "aarch64"}.get(int.from_bytes(head[18:20], "little"), "another")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=str(ROOT / "build-arm64"))
    build = pathlib.Path(parser.parse_args().build).resolve()
    program = build / "src/apps/edge/millwright-edge"
    assert machine_of(program) == "aarch64", machine_of(program)
    stripped = build / "millwright-edge.stripped"
    subprocess.run(["aarch64-linux-gnu-strip", "-o", stripped, program], check=True)
    version = subprocess.run([*emulator(), program, "--version"], capture_output=True, text=True, timeout=120)
    assert version.returncode == 0 and version.stdout.strip(), version
    # The memory that the emulator reports for the program is its own and the program's together.
    timed = subprocess.run(["python3", "-c", MEMORY, *emulator(), str(program), "status", "--data", str(build / "none")],
                           capture_output=True, text=True, timeout=120)
    figures = {"version": version.stdout.strip(), "bytes": program.stat().st_size,
               "bytes_stripped": stripped.stat().st_size, **json.loads(timed.stdout)}
    print(json.dumps(figures))
    return 0


MEMORY = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
assert done.returncode == 1 and "enroll" in done.stderr, done
print(json.dumps({"rss_kb_with_qemu": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}))
"""

if __name__ == "__main__":
    sys.exit(main())
