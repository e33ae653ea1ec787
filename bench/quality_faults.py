"""Faults of known truth in recorded series: recall and precision of each check of the quality engine"""
# builds: quality_trials
import csv
import datetime
import math
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("MILLWRIGHT_DATA", ROOT.parent / "shared/data"))
LEAST, MOST = 1500, 12_000  # points of a series
TIMES = ("%Y-%m-%d %H:%M:%S", "%m/%d/%y %H:%M")


def seconds(text):
    for form in TIMES:
        try:
            return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.timezone.utc).timestamp()
        except ValueError:
            pass
    raise ValueError(f"{text!r} is no time")


def numbers(row, column):
    value = float(row[column])
    return value if math.isfinite(value) else 0.0


def from_csv(path, time, columns, every=None):
    """One series for each column, (name, times, values); without a time column points come `every` seconds."""
    with open(path, encoding="utf-8-sig") as file:
        dialect = ";" if ";" in file.readline() else ","
        file.seek(0)
        rows = [row for row in csv.DictReader(file, delimiter=dialect) if not time or row[time] != "NA"]
    at = [seconds(row[time]) for row in rows] if time else [i * every for i in range(len(rows))]
    for column in columns or [key for key in rows[0] if key not in (time, "anomaly", "changepoint")]:
        yield f"{path.stem}.{column}".replace(" ", "_"), at, [numbers(row, column) for row in rows]


def occupancy(path):
    """Its header lacks the row's number."""
    rows = list(csv.reader(path.open()))
    at = [seconds(row[1]) for row in rows[1:]]
    for column, name in enumerate(rows[0][1:5], 2):
        yield f"{path.stem}.{name}", at, [float(row[column]) for row in rows[1:]]


def tennessee(path, columns):
    rows = [[float(word) for word in line.split()] for line in path.read_text().splitlines()]
    for column in columns:
        yield f"{path.stem}.{column}", [180 * i for i in range(len(rows))], [row[column] for row in rows]


def series():
    yield from from_csv(DATA / "skab_valve1/anomaly-free/anomaly-free.csv", "datetime", None)
    yield from from_csv(DATA / "ett/ETTh1.csv", "date", None)
    yield from from_csv(DATA / "ett/ETTh2.csv", "date", None)
    yield from occupancy(DATA / "occupancy/datatraining.txt")
    yield from from_csv(DATA / "elec2/elec.csv", None, ["nswprice", "nswdemand", "vicdemand", "transfer"], every=1800)
    yield from from_csv(DATA / "energy_rmv2_pre_post1_post2/Data_pre_1.csv", "time", ["eload", "Temp", "Relative_Humidity"])
    for folder in ("realTraffic", "realAWSCloudwatch", "artificialNoAnomaly"):
        for path in sorted((DATA / "nab_subset" / folder).glob("*.csv")):
            yield from from_csv(path, "timestamp", ["value"])
    yield from tennessee(DATA / "tep_normal_and_9faults/d00_te.dat", range(0, 41, 4))


def text_of(name, times, values):
    points = sorted(zip(times, values))[:MOST]
    return f"{name} {len(points)}\n" + "".join(f"{at:.3f} {value!r}\n" for at, value in points)


def main():
    if not DATA.exists():
        sys.exit(f"quality_faults: no recordings at {DATA}. Next step: set MILLWRIGHT_DATA to their folder")
    chosen = [one for one in series() if len(one[1]) >= LEAST or one[0].startswith("d00_te")]
    if "--quick" in sys.argv:
        chosen = chosen[::8]
    done = subprocess.run([ROOT / "build-release/bench/quality_trials"], text=True, check=True,
                          input="".join(text_of(*one) for one in chosen), stdout=subprocess.PIPE)
    print(done.stdout, end="")


if __name__ == "__main__":
    main()
