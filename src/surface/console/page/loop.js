// The closed loop on the live page: what the use cases have moved, what is being rolled out, what
// the monitors warn of. Uses the API of app.js; a part that one may not see stays hidden.
const $ = (id) => document.getElementById(id);
const number = (value, digits = 3) => (typeof value === "number" ? Number(value.toPrecision(digits)).toLocaleString() : undefined);
const range = (value) => (value ? `${number(value.estimate)} (${number(value.low)} – ${number(value.high)})` : undefined);
const money = (kpi) => (typeof kpi.money_per_year === "number" ? `${Math.round(kpi.money_per_year).toLocaleString()} ${kpi.currency ?? ""}` : undefined);

function kpiRows(useCase) {
  const head = [useCase.name, undefined, useCase.spec.business_owner];
  const stage = useCase.status.state ?? useCase.spec.stage ?? "idea";
  const kpis = useCase.status.kpis ?? [];
  if (!kpis.length) return [[[head[0]], [stage], [head[2]], [undefined], [undefined], [undefined], [undefined], [undefined], [undefined]]];
  return kpis.map((kpi) => [[head[0]], [stage], [head[2]], [`${kpi.name}, ${kpi.unit}`], [range(kpi.baseline)], [kpi.error ?? range(kpi.now)], [number(kpi.target)],
    [kpi.reached, kpi.reached], [money(kpi), kpi.money_per_year < 0 ? "no" : "yes"]]);
}

const rolloutRow = (rollout) => [[rollout.name], [rollout.spec.artifact.name], [rollout.spec.mode ?? "replace"],
  [rollout.status.state, rollout.status.state === "completed" ? "yes" : /roll.*back|abort/.test(rollout.status.state ?? "") ? "no" : undefined], [rollout.status.reason]];

const alertRows = (monitors) => monitors.filter((monitor) => monitor.status.alert).map((monitor) => {
  const alert = monitor.status.alert, loss = alert.loss_per_week;
  return [[monitor.name], [alert.kpi?.name], [typeof loss === "object" && loss ? `${loss.estimate} ${loss.currency} (${loss.low} – ${loss.high})` : loss, "no"],
    [alert.owner], [alert.sponsor], [alert.next_action], [alert.says]];
});

// Newest first, so that what is going on is in sight.
const newest = (items) => items.sort((a, b) => (a.created < b.created ? 1 : -1)).slice(0, 20);

async function fill(api, cells, id, path, rows) {
  let items = [];
  try {
    items = (await (await api(path)).json()).items;
  } catch (error) {
    if (error.status !== 403) throw error;
  }
  const lines = rows(items);
  $(id).closest("section").hidden = lines.length === 0;
  cells($(id).tBodies[0], lines);
}

export async function showLoop(api, cells) {
  await fill(api, cells, "use-cases", "/v1/use-cases?limit=100", (items) => items.flatMap(kpiRows));
  await fill(api, cells, "rollouts", "/v1/rollouts?limit=500", (items) => newest(items).map(rolloutRow));
  await fill(api, cells, "monitors", "/v1/monitors?limit=100", alertRows);
}
