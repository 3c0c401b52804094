// The readout under the pointer: the nearest point of every curve. The page is whole without it.
for (const figure of document.querySelectorAll("figure.chart")) {
  const axis = figure.dataset.x || "step", svg = figure.querySelector("svg"), plot = figure.querySelector(".plot");
  const curves = JSON.parse(figure.querySelector("script").textContent);
  const box = svg.viewBox.baseVal;
  const rule = document.createElementNS(svg.namespaceURI, "path");
  rule.setAttribute("class", "rule");
  svg.append(rule);
  const readout = document.createElement("div");
  readout.className = "readout";
  readout.hidden = true;
  plot.append(readout);

  const nearest = (xs, x) => {
    let low = 0, high = xs.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] > x) high = middle; else low = middle;
    }
    return Math.abs(xs[high] - x) < Math.abs(xs[low] - x) ? high : low;
  };

  const show = (event) => {
    const place = svg.getBoundingClientRect();
    const x = (event.clientX - place.left) / place.width * box.width;
    let best = null;
    for (const curve of curves) {
      const i = nearest(curve.x, x);
      if (best === null || Math.abs(curve.x[i] - x) < Math.abs(best.x - x)) best = { x: curve.x[i], step: curve.step[i] };
    }
    if (best === null) return;
    readout.replaceChildren();
    const head = document.createElement("b");
    head.textContent = axis + " " + best.step;
    readout.append(head);
    for (const curve of curves) {
      const i = nearest(curve.x, best.x);
      const line = document.createElement("div"), dot = document.createElement("i");
      dot.className = "s" + curve.color;
      const at = curve.step[i] === best.step ? "" : " (" + axis + " " + curve.step[i] + ")";
      line.append(dot, curve.label + " " + curve.text[i] + at);
      readout.append(line);
    }
    rule.setAttribute("d", "M" + best.x + " 10V" + (box.height - 26));
    readout.hidden = false;
    const left = best.x / box.width * place.width, width = readout.offsetWidth;
    readout.style.left = Math.max(0, Math.min(place.width - width, left > place.width / 2 ? left - width - 10 : left + 10)) + "px";
  };
  const hide = () => {
    readout.hidden = true;
    rule.removeAttribute("d");
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", hide);
}
