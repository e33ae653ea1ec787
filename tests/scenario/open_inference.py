"""The Open Inference Protocol with curl: a model on a gateway and at the hub gives the same numbers; who may ask."""
import json
import struct

import main_job
import plant as plants
from edge_labels import page_of
from strangers import command


def curl(url, *more, binary=None):
    """Status, headers and body of a request by curl."""
    asked = ["curl", "-sk", "-D", "-", *more, url]
    if binary is not None:
        asked += ["--data-binary", "@-"]
    done = command(*asked, text=binary)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    if head.split()[1] == b"100":
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}, body


def ask(base, token, rows):
    """The same rows as JSON and as binary tensors; both answers."""
    auth = ["-H", f"Authorization: Bearer {token}"] if token else []
    status, _, body = curl(base, *auth)
    assert status == 200, body
    model = json.loads(body)
    name, shape = model["inputs"][0]["name"], model["inputs"][0]["shape"]
    assert model["inputs"][0]["datatype"] == "FP32" and shape[0] == -1, model
    assert len(rows[0]) == shape[1], (shape, rows)
    tensor = {"name": name, "shape": [len(rows), shape[1]], "datatype": "FP32"}
    status, _, body = curl(base + "/infer", *auth, "-H", "Content-Type: application/json",
                           binary=json.dumps({"id": "1", "inputs": [{**tensor, "data": rows}]}).encode())
    assert status == 200, body
    answer = json.loads(body)
    assert answer["model_name"] == model["name"] and answer["id"] == "1", answer
    output = answer["outputs"][0]
    assert output["shape"][0] == len(rows) and len(output["data"]) >= len(rows), output

    values = b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(values)}}],
                       "outputs": [{"name": output["name"], "parameters": {"binary_data": True}}]}).encode()
    status, headers, body = curl(base + "/infer", *auth, "-H", f"Inference-Header-Content-Length: {len(head)}",
                                 "-H", "Content-Type: application/octet-stream", binary=head + values)
    assert status == 200, body
    split = int(headers["inference-header-content-length"])
    told = json.loads(body[:split])["outputs"][0]
    assert told["parameters"]["binary_data_size"] == len(body) - split, told
    packed = struct.unpack(f"<{(len(body) - split) // 4}f", body[split:])
    assert all(abs(a - b) <= 1e-6 * abs(b) for a, b in zip(output["data"], packed)), (output, packed)
    return model, list(packed)


def scenario_open_inference(context):
    """Metadata, JSON and binary tensors at hub and gateway; refusals in the protocol's own shape."""
    plant = context.plant()
    main_job.run(plant, ["gw-1"], plants.recordings(context.build, context.folder, 1))
    api = plant.where["api"].rstrip("/")
    token = (plant.data / "admin.token").read_text().strip()
    edge = page_of(plant, "gw-1")

    status, _, body = curl(api + "/v2/health/ready")
    assert status == 200 and json.loads(body)["ready"] is True, body
    assert json.loads(curl(edge + "/v2")[2])["name"] == "millwright-edge"
    assert json.loads(curl(api + "/v2")[2])["extensions"] == ["binary_tensor_data"]
    status, _, body = curl(f"{api}/v2/models/pump", "-H", f"Authorization: Bearer {token}")
    assert status == 200, body
    width = json.loads(body)["inputs"][0]["shape"][1]
    rows = [[0.25 * (i + j) - 1 for j in range(width)] for i in range(5)]
    at_hub, hub = ask(f"{api}/v2/models/pump", token, rows)
    at_edge, here = ask(f"{edge}/v2/models/pump", None, rows)
    assert at_hub["versions"] == ["1"] and at_edge["versions"] == ["1"], (at_hub, at_edge)
    assert hub == here and len(set(hub)) > 1, (hub, here)
    versioned, again = ask(f"{api}/v2/models/pump/versions/1", token, rows)
    assert again == hub, again

    for url, more, binary, wanted in (
            (f"{api}/v2/models/pump", [], None, 401),
            (f"{api}/v2/models/nothing", ["-H", f"Authorization: Bearer {token}"], None, 404),
            (f"{edge}/v2/models/nothing/infer", [], b"{}", 404),
            (f"{edge}/v2/models/pump/versions/9", [], None, 404),
            (f"{edge}/v2/models/pump", ["-H", "Host: evil.example"], None, 403),
            (f"{edge}/v2/models/pump/infer", [], b'{"inputs":[]}', 400),
            (f"{edge}/v2/models/pump/infer", ["-H", "Inference-Header-Content-Length: 99"], b"{}", 400)):
        status, _, body = curl(url, *more, binary=binary)
        assert status == wanted, (url, status, body)
        if status in (400, 404):
            assert isinstance(json.loads(body)["error"], str), body
    plant.stop()
    return {"rows": len(rows), "scores": [round(score, 4) for score in hub[:3]]}
