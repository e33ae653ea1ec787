// The live page: signs in with a token, then asks the same API as everybody.
import { showLoop } from "/loop.js";

const $ = (id) => document.getElementById(id);
const state = { token: sessionStorage.getItem("token"), device: "", rows: [], alarms: new Map(), timer: 0, watch: null };

async function api(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { Authorization: "Bearer " + state.token, "Content-Type": "application/json", ...options.headers } });
  if (!answer.ok) {
    const text = await answer.text();
    let message = text;
    try { message = JSON.parse(text).error.message; } catch { /* not JSON: shown as it is */ }
    throw Object.assign(new Error(message), { status: answer.status });
  }
  return answer;
}
const sql = async (text) => (await (await api("/v1/query", { method: "POST", body: JSON.stringify({ sql: text }) })).json()).rows;
const quoted = (text) => "'" + text.replaceAll("'", "''") + "'";

function cells(body, rows) {
  body.replaceChildren(...rows.map((row) => {
    const line = document.createElement("tr");
    for (const [text, kind] of row) {
      const cell = document.createElement("td");
      cell.textContent = text ?? "–";
      if (kind) cell.className = kind;
      line.append(cell);
    }
    return line;
  }));
}

const time = (text) => (text ? new Date(text).toLocaleString() : "–");
const find = (object, path) => path.split(".").reduce((at, key) => at?.[key], object);

async function showDevices() {
  const page = await (await api("/v1/devices?limit=500")).json();
  cells($("devices").tBodies[0], page.items.map((device) => {
    const health = find(device, "status.health") ?? {};
    const model = Object.values(health.models ?? {})[0];
    const connected = find(device, "status.connected");
    return [[device.name], [find(device, "spec.asset")], [connected ? "yes" : "no", connected ? "yes" : "no"],
      [health.outbox?.unsent], [model ? model.latency_us_p99.toFixed(0) + " µs" : undefined],
      [health.process_rss_bytes ? (health.process_rss_bytes / 2 ** 20).toFixed(0) + " MB" : undefined],
      [health.certificate_days_left ? health.certificate_days_left.toFixed(0) + " days" : undefined]];
  }));
  const known = [...$("device").options].map((option) => option.value).join();
  const names = page.items.map((device) => device.name);
  if (known !== names.join()) {
    $("device").replaceChildren(...names.map((name) => new Option(name, name)));
    if (!names.includes(state.device)) state.device = names[0] ?? "";
    $("device").value = state.device;
  }
}

function showAlarms() {
  const rows = [...state.alarms.values()].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, 50);
  cells($("alarms").tBodies[0], rows.map((a) => [[a.state, a.state], [a.severity], [a.device], [a.model], [time(a.raised_at)], [time(a.cleared_at)], [a.peak_score?.toFixed(2)]]));
}

async function showScore() {
  if (!state.device) return;
  state.rows = await sql("SELECT epoch_ns(time), score, decision FROM decisions WHERE device = " + quoted(state.device) + " ORDER BY time DESC LIMIT 1500");
  state.rows.reverse();
  draw();
}

function draw() {
  const canvas = $("chart"), paint = canvas.getContext("2d"), style = getComputedStyle(document.body);
  const colour = (name) => style.getPropertyValue(name);
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  paint.scale(devicePixelRatio, devicePixelRatio);
  const width = canvas.clientWidth, height = canvas.clientHeight, rows = state.rows;
  paint.clearRect(0, 0, width, height);
  $("legend").textContent = rows.length ? `${rows.length} decisions, ${rows.filter((r) => r[2]).length} of them alarms; the dashed line is the threshold` : "no decisions yet";
  canvas.dataset.points = rows.length;
  if (!rows.length) return;
  const first = Number(rows[0][0]), last = Number(rows.at(-1)[0]), top = Math.max(1.2, ...rows.map((r) => r[1])) * 1.05;
  const x = (t) => 40 + ((Number(t) - first) / Math.max(1, last - first)) * (width - 50), y = (s) => height - 20 - (s / top) * (height - 30);
  paint.fillStyle = colour("--alarm");
  paint.globalAlpha = 0.15;
  const step = Math.ceil((width - 50) / rows.length) + 1;
  paint.beginPath();
  for (const row of rows) if (row[2]) paint.rect(Math.floor(x(row[0])), 10, step, height - 30);
  paint.fill();
  paint.globalAlpha = 1;
  paint.strokeStyle = colour("--line");
  paint.setLineDash([6, 4]);
  paint.beginPath(); paint.moveTo(40, y(1)); paint.lineTo(width - 10, y(1)); paint.stroke();
  paint.setLineDash([]);
  paint.strokeStyle = colour("--accent");
  paint.lineWidth = 1.5;
  paint.beginPath();
  rows.forEach((row, i) => (i ? paint.lineTo(x(row[0]), y(row[1])) : paint.moveTo(x(row[0]), y(row[1]))));
  paint.stroke();
  paint.fillStyle = colour("--ink");
  paint.font = "12px system-ui";
  paint.fillText(top.toFixed(1), 4, 16); paint.fillText("1.0", 12, y(1) + 4); paint.fillText("0", 24, height - 18);
  const at = (t) => new Date(Number(BigInt(t) / 1000000n)).toLocaleTimeString();
  paint.fillText(at(rows[0][0]), 40, height - 4);
  paint.fillText(at(rows.at(-1)[0]), width - 70, height - 4);
}

async function watchAlarms() {
  state.watch = new AbortController();
  const answer = await api("/v1/alarms?watch=1", { signal: state.watch.signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
      if (!data) continue;
      const alarm = JSON.parse(data);
      if (alarm.id) state.alarms.set(alarm.id, alarm);
      showAlarms();
    }
  }
}

async function tick() {
  try {
    await showDevices();
    await showScore();
    await showLoop(api, cells);
    $("state").textContent = "live, " + new Date().toLocaleTimeString();
  } catch (error) {
    if (error.status === 401) return signOut(error.message);
    $("state").textContent = error.message;
  }
  state.timer = setTimeout(tick, 1000);
}

async function signIn() {
  await api("/v1/whoami");
  sessionStorage.setItem("token", state.token);
  $("sign-in").hidden = true;
  document.querySelector("main").hidden = $("sign-out").hidden = false;
  for (const alarm of (await (await api("/v1/alarms?limit=200")).json()).items) state.alarms.set(alarm.id, alarm);
  showAlarms();
  watchAlarms().catch((error) => { if (error.name !== "AbortError") $("state").textContent = error.message; });
  tick();
}

function signOut(message = "signed out") {
  clearTimeout(state.timer);
  state.watch?.abort();
  state.token = null;
  sessionStorage.removeItem("token");
  $("sign-in").hidden = false;
  document.querySelector("main").hidden = $("sign-out").hidden = true;
  $("state").textContent = message;
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = $("token").value.trim();
  signIn().catch((error) => signOut(error.message));
});
$("sign-out").addEventListener("click", () => signOut());
$("device").addEventListener("change", () => { state.device = $("device").value; showScore().catch((error) => { $("state").textContent = error.message; }); });
addEventListener("resize", draw);
if (state.token) signIn().catch((error) => signOut(error.message));
