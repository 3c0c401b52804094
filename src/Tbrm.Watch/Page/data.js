// The runs and their numbers, kept up to date: asks for what is new and nothing twice.
const colors = ["#2f6fed", "#e07b00", "#109a68", "#d0358b", "#7b52d6", "#0d93ab", "#a06a00", "#c0392b", "#5a7d2a", "#4a5a9a"];

export const color = (run) => colors[run.id % colors.length];

export async function ask(path) {
  const answer = await fetch("api/" + path);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error ?? "not found: " + path);
  return content;
}

// Rows of a run as {step, tokens, time, values}: tokens and seconds are added up over the steps.
export class Metrics {
  generation = -1;
  next = 0;
  rows = [];

  async readOn(id) {
    const answer = await ask(`runs/${id}/metrics?from=${this.next}&generation=${this.generation}`);
    if (answer.generation !== this.generation || answer.first === 0) this.rows = [];
    this.generation = answer.generation;
    this.next = answer.next;
    let { tokens, time } = this.rows.at(-1) ?? { tokens: 0, time: 0 };
    for (const values of answer.rows) {
      tokens += values["perf/total_num_tokens"] ?? 0;
      time += (values["timing_s/step"] ?? 0) + (values["timing_s/testing"] ?? 0) + (values["timing_s/warm_start"] ?? 0);
      this.rows.push({ step: values.step, tokens, time, values });
    }
    return answer.rows.length > 0 || answer.first === 0;
  }

  names() {
    const names = new Set();
    for (const row of this.rows) for (const name of Object.keys(row.values)) if (name !== "step") names.add(name);
    return names;
  }

  // Seconds that the steps still to come take, by the last 20; null before the first.
  left(total) {
    const recent = this.rows.filter((row) => row.values["timing_s/step"] !== undefined).slice(-20);
    const done = this.rows.at(-1)?.step ?? 0;
    if (recent.length === 0 || !(total > done)) return null;
    const seconds = recent.reduce((sum, row) => sum + row.values["timing_s/step"] + (row.values["timing_s/testing"] ?? 0), 0);
    return seconds / recent.length * (total - done);
  }
}

export function duration(seconds) {
  if (seconds < 90) return Math.round(seconds) + " s";
  if (seconds < 5400) return Math.round(seconds / 60) + " min";
  return (seconds / 3600).toFixed(1) + " h";
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}
