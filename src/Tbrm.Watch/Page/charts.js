// Curves of the chosen runs, one chart a metric, all with one cursor.
import { color, number } from "./data.js";

const height = 220;
const isDark = matchMedia("(prefers-color-scheme: dark)");
const shown = [
  ["Held-out accuracy", /^val-core\/.*\/acc\/(mean@\d+)$/],
  ["Reward", /^critic\/rewards\/mean$/],
  ["Response length", /^response_length\/mean$/],
  ["Loss", /^actor\/(tbrm_loss|pg_loss|loss)$|^sft\/loss$/],
  ["Gradient norm", /^actor\/grad_norm$|^sft\/grad_norm$/],
  ["Entropy", /^actor\/entropy$/],
  ["V(s_1)", /^actor\/v_s1\/mean$/],
  ["log pi / pi_ref", /^actor\/logprob_ratio_ref\/mean$/],
  ["Tokens per second", /^perf\/throughput$/],
];

// Exponential moving average without the pull of its start.
function smooth(values, weight) {
  if (weight === 0) return values;
  let mean = 0, mass = 0;
  return values.map((value) => {
    if (value === null || value === undefined) return value;
    mean = mean * weight + value * (1 - weight);
    mass = mass * weight + (1 - weight);
    return mean / mass;
  });
}

// One column of x over all runs, and a column of y for each; a run has nothing where another has a point.
function columns(runs, metric, settings) {
  const curves = runs.map((run) => {
    const rows = run.metrics.rows.filter((row) => row.values[metric] !== undefined);
    const ys = smooth(rows.map((row) => row.values[metric]), settings.smoothing);
    return rows.map((row, i) => [row[settings.x], settings.log && !(ys[i] > 0) ? null : ys[i]]);
  });
  const xs = [...new Set(curves.flat().map((point) => point[0]))].sort((a, b) => a - b);
  const places = new Map(xs.map((x, i) => [x, i]));
  return [xs, ...curves.map((curve) => {
    const column = new Array(xs.length).fill(undefined);
    for (const [x, y] of curve) column[places.get(x)] = y;
    return column;
  })];
}

export class Charts {
  #place;
  #charts = new Map();
  #extra = [];

  // Where the charts go; redraw is called when the colours of the page change.
  constructor(place, redraw) {
    this.#place = place;
    isDark.addEventListener("change", redraw);
    new ResizeObserver(() => {
      for (const chart of this.#charts.values()) chart.plot?.setSize({ width: this.#width(chart), height });
    }).observe(place);
  }

  add(metric) {
    if (!this.#extra.includes(metric)) this.#extra.push(metric);
  }

  // Draws anew what changed; a zoom stays while only points were added.
  draw(runs, settings) {
    const names = new Set(runs.flatMap((run) => [...run.metrics.names()]));
    const wanted = [];
    for (const [title, pattern] of shown) {
      for (const name of names) if (pattern.test(name)) wanted.push([title, name]);
    }
    for (const name of this.#extra) if (names.has(name)) wanted.push([name.split("/").slice(-2).join(" "), name]);
    for (const [name, chart] of this.#charts) {
      if (wanted.some((w) => w[1] === name)) continue;
      chart.plot?.destroy();
      chart.figure.remove();
      this.#charts.delete(name);
    }
    for (const [title, name] of wanted) this.#drawOne(title, name, runs, settings);
  }

  #drawOne(title, metric, runs, settings) {
    const chart = this.#charts.get(metric) ?? this.#create(title, metric);
    const having = runs.filter((run) => run.metrics.names().has(metric));
    const key = JSON.stringify([settings.x, settings.log, isDark.matches, having.map((run) => [run.id, run.name])]);
    const data = columns(having, metric, settings);
    chart.figure.dataset.points = data[0].length;
    if (chart.key === key) {
      const zoomed = chart.zoomed;
      chart.plot.setData(data, !zoomed);
      return;
    }
    chart.key = key;
    chart.plot?.destroy();
    chart.plot = new uPlot(this.#options(chart, having, settings), data, chart.body);
  }

  #create(title, metric) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption"), body = document.createElement("div");
    const name = document.createElement("span"), path = document.createElement("span");
    name.textContent = title;
    path.textContent = metric;
    path.className = "metric";
    caption.append(name, path);
    figure.append(caption, body);
    figure.dataset.metric = metric;
    this.#place.append(figure);
    const chart = { figure, body, plot: null, key: "", zoomed: false };
    this.#charts.set(metric, chart);
    return chart;
  }

  #options(chart, runs, settings) {
    const style = getComputedStyle(document.documentElement);
    const axis = { stroke: style.getPropertyValue("--quiet"), grid: { stroke: style.getPropertyValue("--line"), width: 1 }, ticks: { show: false } };
    const unit = settings.x === "time" ? " s" : settings.x === "tokens" ? " tokens" : "";
    return {
      width: this.#width(chart),
      height,
      cursor: { sync: { key: "watch" }, points: { size: 6 } },
      scales: { x: { time: false }, y: { distr: settings.log ? 3 : 1 } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((t) => number(t)) }, { ...axis, size: 58, values: (_, ticks) => ticks.map((t) => t === null ? "" : number(t)) }],
      series: [
        { label: settings.x, value: (_, v) => v === null ? "–" : number(v) + unit },
        ...runs.map((run) => ({ label: run.name, stroke: color(run), width: 1.6, spanGaps: true, points: { show: run.metrics.rows.length < 30 }, value: (_, v) => number(v) })),
      ],
      hooks: {
        setSelect: [() => { chart.zoomed = true; }],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => { chart.zoomed = false; })],
      },
    };
  }

  #width(chart) {
    return Math.max(240, chart.figure.clientWidth - 24);
  }
}
