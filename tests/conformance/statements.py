#!/usr/bin/env python3
"""Checks tests/conformance/mqtt/statements.md: every statement of both standards stands there once,
and whatever a row names exists: a conversation, a test, or a field in malformed.md."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent / "mqtt"
TESTS = HERE.parents[2] / "src" / "protocols" / "mqtt"

# The last number of each section; both standards number from 1 but for MQTT 5, 2.2.1.
MQTT_5 = """1.5.4:3 1.5.5:1 1.5.7:1 2.1.3:1 2.2.1:6 2.2.2:1 3.1.0:2 3.1.2:30 3.1.3:12 3.1.4:6 3.2.0:2
3.2.2:22 3.3.1:13 3.3.2:20 3.3.4:10 3.4.2:3 3.5.2:3 3.6.1:1 3.6.2:3 3.7.2:3 3.8.1:1 3.8.3:5 3.8.4:8
3.9.2:2 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.11.2:2 3.11.3:2 3.12.4:1 3.14.0:1 3.14.1:1 3.14.2:4
3.14.4:3 3.15.1:1 3.15.2:3 4.1.0:2 4.2.0:1 4.3.1:1 4.3.2:5 4.3.3:13 4.4.0:2 4.5.0:2 4.6.0:6 4.7.0:1
4.7.1:2 4.7.2:1 4.7.3:4 4.8.2:6 4.9.0:3 4.12.0:7 4.12.1:2 4.13.1:1 4.13.2:1 6.0.0:4"""
MQTT_3_1_1 = """1.5.3:3 2.2.2:2 2.3.1:7 3.1.0:2 3.1.2:24 3.1.3:11 3.1.4:5 3.2.0:1 3.2.2:6 3.3.1:12 3.3.2:3
3.3.4:1 3.3.5:2 3.6.1:1 3.8.1:1 3.8.3:4 3.8.4:6 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.12.4:1 3.14.1:1
3.14.4:3 4.1.0:2 4.3.1:1 4.3.2:2 4.3.3:2 4.4.0:1 4.5.0:2 4.6.0:6 4.7.1:3 4.7.2:1 4.7.3:4 4.8.0:2
6.0.0:4 7.0.0:2 7.1.1:1 7.1.2:1"""


def numbers(text):
    for item in text.split():
        section, last = item.split(":")
        for n in range(2 if section == "2.2.1" else 1, int(last) + 1):
            yield f"MQTT-{section}-{n}"


def known_tests():
    names = {path.stem for path in HERE.glob("*.conversation")}
    for path in TESTS.glob("*_test.cpp"):
        for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", path.read_text(), re.M):
            names.add(f"{suite}.{name}")
    packet = ""
    for line in (HERE / "malformed.md").read_text().splitlines():
        if line.startswith("## "):
            packet = line[3:]
        elif line.startswith("| "):
            names.add(f"{packet}: {line.split('|')[1].strip()}")
    return names


def main():
    known, findings = known_tests(), []
    parts = re.split(r"^## MQTT .*$", (HERE / "statements.md").read_text(), flags=re.M)
    for version, wanted, part in zip(("5", "3.1.1"), (MQTT_5, MQTT_3_1_1), parts[1:]):
        rows = re.findall(r"^\| (MQTT-\S+) \| (.*?) \| (.*?) \|$", part, re.M)
        apart = re.findall(r"MQTT-[\d.]+-\d+", part[part.index("Not a broker's:"):])
        have = [row[0] for row in rows] + apart
        findings += [f"{version} {name} is missing" for name in numbers(wanted) if name not in have]
        findings += [f"{version} {name} stands there twice" for name in sorted(set(have))
                     if have.count(name) > 1]
        findings += [f"{version} {name} is no statement" for name in sorted(set(have))
                     if name not in set(numbers(wanted))]
        for name, _, walked in rows:
            tests = re.findall(r"`([^`]+)`", walked)
            findings += [f"{version} {name} names {test}, which is nowhere" for test in tests
                         if test not in known]
            if not tests and "*open*: " not in walked:
                findings.append(f"{version} {name} is walked by nothing")
    for finding in findings:
        print(finding)
    return 1 if findings or len(parts) != 3 else 0


if __name__ == "__main__":
    sys.exit(main())
