// The page: which runs are chosen, which view is shown, and what server-sent events change.
import { Charts } from "./charts.js";
import { ask, color, duration, Metrics, number } from "./data.js";
import { Rollouts } from "./rollouts.js";

const $ = (id) => document.getElementById(id);
const views = ["curves", "rollouts", "differences"];
const runs = new Map(), chosen = new Set(), dismissed = new Set();
const charts = new Charts($("charts"), () => drawCurves()), rollouts = new Rollouts();
const settings = { x: "step", smoothing: 0, log: false };
let view = "curves", clock = 0;

function chosenRuns() {
  return [...runs.values()].filter((run) => chosen.has(run.id));
}

// Under three chosen at first: the newest runs say most.
function chooseFirst() {
  if (chosen.size > 0 || dismissed.size > 0) return;
  for (const run of [...runs.values()].sort((a, b) => b.written - a.written).slice(0, 3)) chosen.add(run.id);
}

async function refreshRuns() {
  const answer = await ask("runs");
  clock = answer.now;
  const present = new Set(answer.runs.map((run) => run.id));
  for (const id of runs.keys()) if (!present.has(id)) runs.delete(id);
  for (const run of answer.runs) runs.set(run.id, { ...run, metrics: runs.get(run.id)?.metrics ?? new Metrics() });
  chooseFirst();
}

async function refreshMetrics(ids) {
  await Promise.all(chosenRuns().filter((run) => ids === null || ids.includes(run.id)).map((run) => run.metrics.readOn(run.id)));
}

function state(run) {
  if (run.finished) return "finished";
  const quiet = clock - run.written;
  return quiet < 60 ? "running" : "last written " + duration(quiet) + " ago";
}

function item(run) {
  const label = document.createElement("label"), box = document.createElement("input"), dot = document.createElement("span");
  const name = document.createElement("span"), facts = document.createElement("span");
  box.type = "checkbox";
  box.checked = chosen.has(run.id);
  box.dataset.run = run.id;
  dot.className = "dot";
  dot.style.background = color(run);
  name.className = "name";
  name.textContent = run.name;
  facts.className = "facts";
  const accuracy = run.val_best === null || run.val_best === undefined ? "" : `, held-out best ${(100 * run.val_best).toFixed(1)} %`;
  facts.textContent = `${run.algorithm ?? run.verb ?? ""} · ${run.steps ?? 0} of ${run.total_steps ?? "?"} · ${state(run)}${accuracy}`;
  label.append(box, dot, name, facts);
  if (!run.finished && run.total_steps > 0) {
    const bar = document.createElement("span"), fill = document.createElement("i");
    bar.className = "bar";
    fill.style.width = 100 * (run.steps ?? 0) / run.total_steps + "%";
    bar.append(fill);
    label.append(bar);
  }
  const phase = phaseOf(run);
  if (phase) {
    const line = document.createElement("span");
    line.className = "phase";
    line.textContent = phase;
    label.append(line);
  }
  const entry = document.createElement("li");
  entry.append(label);
  return entry;
}

function phaseOf(run) {
  if (run.finished) return "";
  const parts = [];
  if (run.progress && clock - run.progress.at < 60) parts.push(`${run.progress.phase} ${Math.round(100 * run.progress.fraction)} % ${run.progress.detail}`);
  const left = run.metrics.left(run.total_steps);
  if (left !== null) parts.push(duration(left) + " left");
  return parts.join(" · ");
}

function drawRuns() {
  const filter = $("run-filter").value.toLowerCase(), focused = document.activeElement?.dataset?.run;
  $("runs").replaceChildren(...[...runs.values()].filter((run) => run.name.toLowerCase().includes(filter)).map(item));
  $("no-runs").hidden = runs.size > 0;
  if (focused !== undefined) document.querySelector(`[data-run="${focused}"]`)?.focus();
}

function drawCurves() {
  charts.draw(chosenRuns(), settings);
  const names = [...new Set(chosenRuns().flatMap((run) => [...run.metrics.names()]))].sort();
  const list = $("metric-names");
  if (list.children.length !== names.length) {
    list.replaceChildren(...names.map((name) => {
      const option = document.createElement("option");
      option.value = name;
      return option;
    }));
  }
}

async function drawDifferences() {
  const table = $("difference-table"), ids = chosenRuns().map((run) => run.id);
  const row = (cells, kind) => {
    const line = document.createElement("tr");
    line.append(...cells.map((text, i) => {
      const cell = document.createElement(kind === "th" || i === 0 ? "th" : "td");
      cell.textContent = text;
      return cell;
    }));
    return line;
  };
  if (ids.length === 0) {
    table.replaceChildren(row(["choose runs on the left"], "th"));
    return;
  }
  try {
    const answer = await ask("differences?runs=" + ids.join(","));
    table.replaceChildren(row(["key", ...answer.runs.map((id) => runs.get(id)?.name ?? id)], "th"), ...answer.keys.map((key) => row([key.key, ...key.values])));
    if (answer.keys.length === 0) table.append(row(["no key differs"], "th"));
  } catch (problem) {
    table.replaceChildren(row([problem.message], "th"));
  }
}

async function draw() {
  drawRuns();
  if (view === "curves") drawCurves();
  if (view === "rollouts") await rollouts.offer(chosenRuns());
  if (view === "differences") await drawDifferences();
}

async function show(name) {
  view = name;
  for (const other of views) $(other).hidden = other !== name;
  for (const button of document.querySelectorAll("nav button")) button.setAttribute("aria-pressed", String(button.dataset.view === name));
  await draw();
}

for (const button of document.querySelectorAll("nav button")) button.addEventListener("click", () => show(button.dataset.view));
$("runs").addEventListener("change", async (event) => {
  const id = Number(event.target.dataset.run);
  if (event.target.checked) chosen.add(id); else { chosen.delete(id); dismissed.add(id); }
  await refreshMetrics([id]);
  await draw();
});
$("run-filter").addEventListener("input", drawRuns);
$("x").addEventListener("change", () => { settings.x = $("x").value; drawCurves(); });
$("log").addEventListener("change", () => { settings.log = $("log").checked; drawCurves(); });
$("smoothing").addEventListener("input", () => {
  settings.smoothing = Number($("smoothing").value);
  $("smoothing-value").textContent = $("smoothing").value;
  drawCurves();
});
$("metric").addEventListener("change", () => {
  charts.add($("metric").value);
  $("metric").value = "";
  drawCurves();
});
$("curve-controls").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (["1", "2", "3"].includes(event.key)) show(views[Number(event.key) - 1]);
  if (event.key === "l") $("log").click();
  if (event.key === "s") $("smoothing").focus();
});

// Events that come while one is worked on are taken together.
let waiting = null, busy = false;
async function take(ids) {
  waiting = [...(waiting ?? []), ...ids];
  if (busy) return;
  busy = true;
  try {
    while (waiting !== null) {
      const now = waiting;
      waiting = null;
      await refreshRuns();
      await refreshMetrics(now.filter((id) => chosen.has(id)));
      await draw();
    }
  } finally {
    busy = false;
  }
}

await refreshRuns();
await refreshMetrics(null);
await draw();
document.body.dataset.ready = "true";
const events = new EventSource("api/events");
events.onopen = () => { $("connection").textContent = "live"; $("connection").className = ""; };
events.onmessage = (event) => take(JSON.parse(event.data));
events.onerror = () => { $("connection").textContent = "connection lost; tbrm-native watch has ended, or restarts"; $("connection").className = "lost"; };
setInterval(drawRuns, 10000);
