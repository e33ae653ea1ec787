// One question at a time: its raw points as plots, one tap, then the next.
const at = (id) => document.getElementById(id);
const svg = "http://www.w3.org/2000/svg";
const why = { alarm: "The model began to alarm", unsure: "The model is not sure", rule: "A rule says so" };
let current = null, passed = new Set();

function remember(key, value) { try { localStorage.setItem(key, value); } catch { /* a private window */ } }
function recall(key) { try { return localStorage.getItem(key) ?? ""; } catch { return ""; } }
let token = recall("token");

async function ask(path, body) {
  const headers = { "X-Millwright": "labels" };
  if (token) headers.Authorization = "Bearer " + token;
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), cache: "no-store" });
  const value = await answer.json();
  if (answer.ok) return value;
  throw Object.assign(new Error(value.error?.message ?? answer.statusText), { status: answer.status });
}

const short = (x) => Number(x.toPrecision(4)).toString();
function clock(ns, withDate) {
  const date = new Date(Number(ns) / 1e6);
  return withDate ? date.toLocaleString() : date.toLocaleTimeString();
}

// The x axis is the same for all signals; a gap in the line is a point that is no number.
function plot(trace, from, to, inside) {
  const numbers = trace.values.filter((value) => value !== null);
  const low = Math.min(...numbers), high = Math.max(...numbers), range = high - low || 1;
  const x = (ns) => (1000 * (ns - from)) / (to - from || 1);
  const y = (value) => 95 - (90 * (value - low)) / range;
  let line = "", lifted = true;
  trace.times.forEach((time, i) => {
    if (trace.values[i] === null) { lifted = true; return; }
    line += (lifted ? "M" : "L") + x(time).toFixed(1) + " " + y(trace.values[i]).toFixed(1);
    lifted = false;
  });
  const picture = document.createElementNS(svg, "svg");
  picture.setAttribute("viewBox", "0 0 1000 100");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `${trace.signal}, from ${short(low)} to ${short(high)}, ${numbers.length} points`);
  const shade = document.createElementNS(svg, "rect");
  shade.setAttribute("x", x(0));
  shade.setAttribute("width", Math.max(2, x(inside) - x(0)));
  shade.setAttribute("height", 100);
  const path = document.createElementNS(svg, "path");
  path.setAttribute("d", line);
  picture.append(shade, path);
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  const name = document.createElement("span"), span = document.createElement("span");
  name.textContent = trace.signal + (trace.thinned ? " (extremes)" : "");
  span.textContent = short(low) + " to " + short(high);
  caption.append(name, span);
  figure.append(caption, picture);
  return figure;
}

function show(snippet) {
  current = snippet.id;
  const times = snippet.traces.flatMap((trace) => [trace.times[0], trace.times.at(-1)]);
  const from = Math.min(0, ...times), inside = snippet.window_to - snippet.window_from, to = Math.max(inside, ...times);
  at("asked").textContent = `${why[snippet.why] ?? snippet.why}: ${snippet.model}, ${clock(snippet.window_from, true)} to ${clock(snippet.window_to)}, score ${short(snippet.score)} (alarms at ${short(snippet.raise_at)})`;
  at("plots").replaceChildren(...snippet.traces.map((trace) => plot(trace, from, to, inside)));
  const votes = Object.keys(snippet.votes);
  at("votes").textContent = votes.length ? "Rules: " + votes.join(", ") : "";
  at("question").dataset.id = snippet.id;
}

function reveal(what) {
  at("sign-in").hidden = what !== "sign-in";
  at("question").hidden = at("answers").hidden = what !== "question";
  at("nothing").hidden = what !== "nothing";
}

async function look() {
  try {
    const { device, questions, link } = await ask("labels");
    at("device").textContent = device;
    at("link").textContent = (link.connected ? "hub reached" : "hub not reached") + (link.unsent ? `, ${link.unsent} messages wait` : "");
    const open = questions.filter((question) => !passed.has(question.id));
    if (!open.length) { current = null; reveal("nothing"); return; }
    if (current && open.some((question) => question.id === current)) return;
    show(await ask("labels/" + open[0].id));
    reveal("question");
  } catch (problem) {
    if (problem.status === 401) { reveal("sign-in"); if (token) at("said").textContent = problem.message; }
    else at("said").textContent = "Gateway: " + problem.message;
  }
}

async function say(label) {
  if (!current) return;
  const id = current, body = { label };
  if (label !== "skip") body.confidence = at("unsure").checked ? 0.6 : 1;
  if (at("author").value.trim()) body.author = at("author").value.trim();
  for (const button of at("answers").querySelectorAll("button")) button.disabled = true;
  try {
    await ask(`labels/${id}/answer`, body);
    passed.add(id);
    current = null;
    at("unsure").checked = false;
    at("said").textContent = label === "skip" ? "Skipped." : `Kept: ${label ? "event" : "normal"}.`;
    at("said").dataset.kept = id;
  } catch (problem) {
    if (problem.status === 404) passed.add(id);
    at("said").textContent = "Not kept: " + problem.message;
  }
  for (const button of at("answers").querySelectorAll("button")) button.disabled = false;
  await look();
}

at("event").addEventListener("click", () => say(true));
at("normal").addEventListener("click", () => say(false));
at("skip").addEventListener("click", () => say("skip"));
at("author").value = recall("author");
at("author").addEventListener("change", () => remember("author", at("author").value.trim()));
at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  remember("token", token);
  look();
});
look();
setInterval(look, 3000);
