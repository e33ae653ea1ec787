"""./run --once ten times under one seed: are the verdicts of the closed loop the same, and how far do figures move"""
# builds: millwright millwright-edge
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def verdicts_of(loop):
    """What must not depend on the speed of the machine."""
    return {
        **{f"gate_{version}": gate["verdict"] for version, gate in loop["gate"].items()},
        "refused_rows": sorted(row.split()[0] for row in loop["refused_v2"]),
        "rollout_v1": loop["rollout_v1"],
        "rollout_v3": loop["rolled_back_v3"]["state"],
        "devices_that_ran_v3": loop["rolled_back_v3"]["ran_on"],
        "kpi_reached": loop["kpi"]["reached"],
        "drift_names": [loop["drift"]["use_case"], loop["drift"]["kpi"]["name"]],
        "drift_priced": loop["drift"]["priced"],
        "rollout_v4": loop["promoted_v4"],
        "stage": loop["stage"],
    }


def play(seed, log):
    done = subprocess.run([sys.executable, ROOT / "tools" / "story.py", "--build", "build-release", "--once", "--seed",
                           str(seed)], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    log.write(done.stdout)
    if done.returncode != 0:
        sys.exit(f"the story ended with {done.returncode}:\n" + "\n".join(done.stdout.splitlines()[-40:]))
    return json.loads(done.stdout.splitlines()[-1])


def middle(values):
    return round(statistics.median(values), 4)


def main():
    runs = 1 if "--quick" in sys.argv else 10
    stories = []
    with tempfile.NamedTemporaryFile("w", prefix="millwright-story-", suffix=".log", delete=False) as log:
        for i in range(runs):
            stories.append(play(1, log))
            verdicts = verdicts_of(stories[-1]["loop"])
            print(f"run {i + 1}: {stories[-1]['story_s']} s, {json.dumps(verdicts)}", flush=True)
            log.flush()
    seen = [json.dumps(verdicts_of(story["loop"])) for story in stories]
    losses = [story["loop"]["drift"]["loss_per_week"]["estimate"] for story in stories]
    print(json.dumps({"bench": "story", "figures": {
        "runs": runs, "same_verdicts": seen.count(seen[0]), "verdicts": json.loads(seen[0]),
        "story_s": middle(story["story_s"] for story in stories),
        "loop_s": middle(story["loop_s"] for story in stories),
        "f1_v1": [min(f1(s) for s in stories), max(f1(s) for s in stories)],
        "loss_per_week": [min(losses), max(losses)],
        "hub_rss_end_mb": max(story["hub_rss_end_mb"] for story in stories),
        "gateway_rss_mb": max(story["gateway_rss_mb"] for story in stories)}}))
    if seen.count(seen[0]) != runs:
        sys.exit(f"the verdicts differ; what was told: {log.name}")
    pathlib.Path(log.name).unlink()


def f1(story):
    return round(story["loop"]["gate"]["v1"]["rows"]["f1"], 4)


if __name__ == "__main__":
    main()
