"""Labels on the spot: a phone's browser at a gateway's own page, one tap, the answer at the hub, also later."""
import base64
import json
import pathlib
import struct
import subprocess
import urllib.error
import urllib.request
import zlib

import main_job
import plant as plants
from strangers import command, node_folder


def colours(png):
    """Pixels by colour of a PNG with 8 bits a channel."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, body, width = 8, b"", 0
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        part = png[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", part[:10])
            assert depth == 8 and colour in (2, 6), (depth, colour)
        body += part if kind == b"IDAT" else b""
        at += 12 + length
    rows, channels = zlib.decompress(body), 3 if colour == 2 else 4
    stride, before, counts = width * channels, bytes(width * channels), {}
    for y in range(height):
        how, row = rows[y * (stride + 1)], bytearray(rows[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride):
            left, up = row[i - channels] if i >= channels else 0, before[i]
            corner = before[i - channels] if i >= channels else 0
            if how == 1:
                row[i] = (row[i] + left) & 255
            elif how == 2:
                row[i] = (row[i] + up) & 255
            elif how == 3:
                row[i] = (row[i] + (left + up) // 2) & 255
            elif how == 4:
                p = left + up - corner
                near = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]
                row[i] = (row[i] + near) & 255
        for i in range(0, stride, channels):
            pixel = tuple(row[i:i + 3])
            counts[pixel] = counts.get(pixel, 0) + 1
        before = bytes(row)
    return counts


def page_of(plant, name):
    file = plant.folder / name / "label-page.json"
    plants.wait_for(file.exists, f"{name} serves its label page", 30)
    return json.loads(file.read_text())["url"]


def tap(context, url, author, label, *token):
    picture = pathlib.Path(context.build) / f"label_page_{label}.png"
    done = command("node", node_folder(context) / "label_page.mjs", url, picture, author, label, *token)
    seen = json.loads(done.stdout)
    assert seen["problems"] == [], seen
    assert seen["plots"] == 3 and min(seen["points"]) > 20, seen
    assert seen["first_plot_in_view"] and seen["buttons_in_view"] and not seen["sideways"], seen
    assert seen["button_height"] >= 44, seen
    line = {pixel: n for pixel, n in colours(base64.b64decode(seen["drawn"])).items()
            if pixel[2] > pixel[0] + 60 and pixel[1] > pixel[0]}  # the blue of the plotted line
    assert sum(line.values()) > 200, f"the plot has {sum(line.values())} pixels of a line"
    return seen


def labels_of(plant):
    rows = plant.query("SELECT device, model, label, author, source, why, confidence, snippet, "
                       "epoch_ns(window_to) FROM labels ORDER BY labelled_at")
    keys = ("device", "model", "label", "author", "source", "why", "confidence", "snippet", "window_to")
    return [dict(zip(keys, row)) for row in rows]


def check_snippet(plant, label, recording):
    """The blob of a label has the recording's very points around the window."""
    from doors import Door
    status, text = Door(plant, (plant.data / "admin.token").read_text().strip())("GET", f"/v1/blobs/{label['snippet']}")
    assert status == 200, text
    snippet = json.loads(text)
    rows = {plants.START_NS + offset * 10**9: values for offset, values in plants.read_recording(recording)}
    points = 0
    for trace in snippet["traces"]:
        for ns, value in zip(trace["times"], trace["values"]):
            assert rows[snippet["window_from"] + ns][trace["signal"]] == value, (trace["signal"], ns, value)
            points += 1
    assert points > 100, points
    return points


def scenario_edge_labels(context):
    """One tap at phone size is a label at the hub; without the hub it waits; nothing twice; the door's locks."""
    plant = context.plant()
    recordings = plants.recordings(context.build, context.folder, 1)
    main_job.run(plant, ["gw-1"], recordings)
    url = page_of(plant, "gw-1")
    assert url.startswith("http://127.0.0.1:"), url
    assert url in plant_status(plant, "gw-1"), "status says where the page is"

    first = tap(context, url, "shift-a", "yes")
    label = plants.wait_for(lambda: labels_of(plant), "the first label is stored", 30)[0]
    assert label["device"] == "gw-1" and label["label"] is True and label["source"] == "edge", label
    assert label["author"] == "edge:gw-1/shift-a" and label["confidence"] == 1 and label["why"] == "edge", label
    points = check_snippet(plant, label, recordings[0])

    # Without the hub the answer waits on the gateway's disk, also through a restart of the gateway.
    plant.hub.stop()
    second = tap(context, url, "shift-b", "no")
    assert second["id"] != first["id"], second
    plant.gateways["gw-1"].kill()
    plant.start_gateway("gw-1")
    (plant.folder / "gw-1" / "label-page.json").unlink()
    url = page_of(plant, "gw-1")
    with urllib.request.urlopen(url + "/labels", timeout=30) as answer:
        listed = json.loads(answer.read())
    asked = [question["id"] for question in listed["questions"]]
    assert first["id"] not in asked and second["id"] not in asked, listed
    assert listed["link"]["connected"] is False and listed["link"]["unsent"] >= 1, listed
    plant.start_hub()
    plants.wait_for(lambda: len(labels_of(plant)) == 2, "the second label arrives when the hub is back", 60)
    label = labels_of(plant)[1]
    assert label["label"] is False and label["author"] == "edge:gw-1/shift-b", label

    # What others in the browser may not do.
    for headers, path in (({}, "/answer"), ({"X-Millwright": "1", "Host": "evil.example"}, "/answer"),
                          ({"Host": "evil.example"}, "")):
        ask = urllib.request.Request(f"{url}/labels/{second['id']}{path}", headers=headers,
                                     data=b'{"label":true}' if path else None)
        try:
            urllib.request.urlopen(ask, timeout=30)
            raise AssertionError(f"{headers} were let in")
        except urllib.error.HTTPError as refused:
            assert refused.code == 403, refused.code
    with urllib.request.urlopen(url + "/metrics", timeout=30) as answer:
        metrics = answer.read().decode()
    assert "millwright_edge_labels_ring_bytes" in metrics, metrics
    assert len(labels_of(plant)) == 2

    locks = beyond_loopback(context, plant)
    plant.stop()
    return {"points_in_snippet": points, "plots": first["plots"], "labels": 2, "third": locks}


def plant_status(plant, name):
    return subprocess.run([plant.edge_cli, "status", "--data", plant.folder / name], text=True,
                          capture_output=True, check=True, timeout=60).stdout


def beyond_loopback(context, plant):
    """On another address only with TLS and a token; then the page asks for it and works."""
    plant.gateways["gw-1"].stop()
    run = [plant.edge_cli, "run", "--data", plant.folder / "gw-1", "--label-listen", "0.0.0.0:0"]
    refused = subprocess.run(run, text=True, capture_output=True, timeout=60)
    assert refused.returncode == 2 and "certificate" in refused.stderr, refused.stderr
    key, cert, token = (plant.folder / name for name in ("page.key", "page.pem", "page.token"))
    command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", "/CN=gw-1", "-days", "2", "-keyout", key, "-out", cert)
    token.write_text("0123456789abcdef0123\n")
    (plant.folder / "gw-1" / "label-page.json").unlink()
    plant.gateways["gw-1"] = plants.Process(
        [*run, "--label-cert", cert, "--label-key", key, "--label-token-file", token],
        plant.folder / "gw-1.log", plant.env)
    url = page_of(plant, "gw-1").replace("0.0.0.0", "127.0.0.1")
    assert url.startswith("https://"), url
    status = command("curl", "-sk", "-o", "-", "-w", "%{http_code}", url + "/labels").stdout
    assert status.endswith(b"401"), status
    before = len(labels_of(plant))
    tap(context, url, "shift-c", "yes", token.read_text().strip())
    plants.wait_for(lambda: len(labels_of(plant)) == before + 1, "a label from the page with a token", 60)
    return labels_of(plant)[-1]["author"]
