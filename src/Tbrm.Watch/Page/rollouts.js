// Prompts with all their responses; the log-probs of a response's tokens on request.
import { ask, number } from "./data.js";

const element = (name, className, text) => {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

export class Rollouts {
  #run = null;
  #page = 0;
  #turn = 0;
  #$ = (id) => document.getElementById(id);

  constructor() {
    this.#$("rollout-run").addEventListener("change", () => this.choose(Number(this.#$("rollout-run").value)));
    this.#$("kind").addEventListener("change", () => this.#steps());
    this.#$("rollout-step").addEventListener("change", () => this.#load(0));
    this.#$("previous").addEventListener("click", () => this.#load(this.#page - 1));
    this.#$("next").addEventListener("click", () => this.#load(this.#page + 1));
    let pause;
    this.#$("search").addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(() => this.#load(0), 250);
    });
    this.#$("rollout-controls").addEventListener("submit", (event) => event.preventDefault());
  }

  // The runs to choose from; the first is chosen when the one before is gone.
  async offer(runs) {
    const select = this.#$("rollout-run");
    select.replaceChildren(...runs.map((run) => {
      const option = element("option", "", run.name);
      option.value = run.id;
      option.selected = run.id === this.#run;
      return option;
    }));
    if (runs.length > 0 && !runs.some((run) => run.id === this.#run)) await this.choose(runs[0].id);
    else if (runs.length > 0) await this.#steps(true);
  }

  async choose(id) {
    this.#run = id;
    await this.#steps();
  }

  // Keeps what is on the screen when a step was only added.
  async #steps(keep = false) {
    if (this.#run === null) return;
    const steps = (await ask(`runs/${this.#run}/dumps`))[this.#$("kind").value];
    const select = this.#$("rollout-step"), before = select.value, newest = select.options[0]?.value;
    select.replaceChildren(...steps.toReversed().map((step) => {
      const option = element("option", "", step);
      option.value = step;
      return option;
    }));
    const stays = keep && steps.map(String).includes(before);
    if (stays) select.value = before;
    if (!stays || (before === newest && newest !== select.options[0]?.value && this.#page === 0 && window.scrollY < 200)) {
      if (select.options.length > 0) select.value = select.options[0].value;
      await this.#load(0);
    }
  }

  async #load(page) {
    const turn = ++this.#turn, place = this.#$("groups"), step = this.#$("rollout-step").value;
    if (step === "") {
      place.replaceChildren();
      this.#$("rollout-count").textContent = "Nothing is written yet (trainer.dump_rollouts).";
      this.#pager({ page: 0, pages: 1 });
      return;
    }
    const query = new URLSearchParams({ q: this.#$("search").value, page });
    const answer = await ask(`runs/${this.#run}/dumps/${this.#$("kind").value}/${step}?${query}`);
    if (turn !== this.#turn) return;
    this.#page = answer.page;
    this.#$("rollout-count").textContent = answer.prompts === answer.of ? `${answer.of} prompts` : `${answer.prompts} of ${answer.of} prompts`;
    place.replaceChildren(...answer.groups.map((group) => this.#group(group)));
    this.#pager(answer);
  }

  #pager(answer) {
    this.#$("page-number").textContent = `page ${answer.page + 1} of ${answer.pages}`;
    this.#$("previous").disabled = answer.page === 0;
    this.#$("next").disabled = answer.page >= answer.pages - 1;
  }

  #group(group) {
    const article = element("article", "group");
    article.append(element("pre", "prompt", group.input));
    const truth = typeof group.gts === "string" ? group.gts : JSON.stringify(group.gts);
    article.append(element("p", "answer", "right answer: " + truth));
    const responses = element("div", "responses");
    responses.append(...group.responses.map((response) => this.#response(response)));
    article.append(responses);
    return article;
  }

  #response(response) {
    const box = element("div", "response"), facts = element("div", "facts"), text = element("pre", "", response.output);
    facts.append(element("span", response.score > 0 ? "score right" : "score", "score " + number(response.score)));
    for (const [name, value] of [["", response.status], ["ended: ", response.finish], ["tokens: ", response.response_tokens], ["read: ", response.extracted]]) {
      if (value !== null && value !== undefined) facts.append(element("span", "", name + (typeof value === "object" ? JSON.stringify(value) : value)));
    }
    if (response.tokens) {
      const button = element("button", "", "log-probs");
      button.type = "button";
      const kind = this.#$("kind").value, step = this.#$("rollout-step").value, run = this.#run;
      button.addEventListener("click", async () => {
        button.disabled = true;
        text.replaceWith(this.#tokens(await ask(`runs/${run}/dumps/${kind}/${step}/${response.row}`)));
      });
      facts.append(button);
    }
    box.append(facts, text);
    return box;
  }

  // Underlined by surprise: from nothing at probability 1 to full at 1 % and less.
  #tokens(row) {
    const pre = element("pre", "tokens");
    row.response_ids.forEach((id, i) => {
      const logp = row.logp?.[i];
      const span = element("span", "", row.token_texts?.[i] ?? `[${id}]`);
      if (typeof logp === "number") {
        const surprise = Math.min(1, -logp / Math.log(100));
        span.style.borderBottomColor = `rgb(208 53 139 / ${surprise})`;
        span.title = `id ${id}, log-prob ${number(logp)}` + (typeof row.ref_logp?.[i] === "number" ? `, reference ${number(row.ref_logp[i])}` : "");
      }
      pre.append(span);
    });
    return pre;
  }
}
