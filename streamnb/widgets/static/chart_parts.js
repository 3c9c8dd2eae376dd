// The parts of a chart around its figure: heading, legend, tooltip. All texts are text nodes.

function button(name, text, title, onClick) {
  const node = element("button", name, text);
  node.type = "button";
  node.title = title;
  node.addEventListener("click", onClick);
  return node;
}

// Chips with the names of the groups: a click hides a group, with Shift or Alt it selects it in all linked views.
class Legend {
  constructor(onHide, onSelect) {
    this.node = element("div", "snb-legend");
    this.node.setAttribute("role", "group");
    this.node.setAttribute("aria-label", "groups");
    this.onHide = onHide;
    this.onSelect = onSelect;
    this.chips = new Map();
  }

  show(names, colours, hidden, chosen) {
    for (const slot of [...this.chips.keys()]) {
      if (names[slot] == null) {
        this.chips.get(slot).remove();
        this.chips.delete(slot);
      }
    }
    names.forEach((name, slot) => {
      if (name === null) return;
      const chip = this.chips.get(slot) ?? this.make(slot);
      chip.lastChild.textContent = name;
      chip.title = `${name}: click to hide or show, shift-click to select`;
      chip.firstChild.style.background = colours[slot];
      chip.setAttribute("aria-pressed", String(!hidden.has(name)));
      chip.classList.toggle("snb-faded", chosen !== null && !chosen.has(name));
    });
    this.node.hidden = this.chips.size === 0;
  }

  make(slot) {
    const chip = button("snb-chip", undefined, "", (event) => {
      const name = chip.lastChild.textContent;
      if (event.shiftKey || event.altKey) this.onSelect(name);
      else this.onHide(name);
    });
    chip.append(element("span", "snb-dot"), element("span", "snb-name"));
    const after = [...this.chips.keys()].filter((other) => other > slot).sort((a, b) => a - b)[0];
    this.node.insertBefore(chip, after === undefined ? null : this.chips.get(after));
    this.chips.set(slot, chip);
    return chip;
  }
}

// A box beside the cursor: a heading and lines of colour, name, value.
class Tooltip {
  constructor(place) {
    this.node = element("div", "snb-tip");
    this.node.hidden = true;
    this.line = element("div", "snb-cursor");
    this.line.hidden = true;
    place.append(this.line, this.node);
    this.place = place;
  }

  show(tip, at, frame) {
    const lines = tip.lines.map(({ colour, name, value }) => {
      const line = element("div", "snb-tip-line");
      const dot = element("span", "snb-dot");
      if (colour) dot.style.background = colour;
      else dot.style.visibility = "hidden";
      line.append(dot, element("span", "snb-name", name), element("span", "snb-value", value));
      return line;
    });
    this.node.replaceChildren(element("div", "snb-tip-head", tip.head), ...lines);
    this.node.hidden = false;
    const width = this.node.offsetWidth;
    const height = this.node.offsetHeight;
    const right = at.sx + 16 + width <= this.place.clientWidth;
    this.node.style.left = `${Math.max(0, right ? at.sx + 16 : at.sx - 16 - width)}px`;
    this.node.style.top = `${Math.max(0, Math.min(at.sy - height / 2, this.place.clientHeight - height))}px`;
    this.line.hidden = tip.line === undefined;
    if (tip.line !== undefined) {
      this.line.style.left = `${tip.line}px`;
      this.line.style.top = `${frame.top}px`;
      this.line.style.height = `${frame.height}px`;
    }
  }

  hide() {
    this.node.hidden = true;
    this.line.hidden = true;
  }
}

const TIP_LINES = 12;
const NEAR_PX = 40;

// What a tooltip says about a place: {head, lines, line}; null where there is nothing. `chart` has what is drawn.
function tipAt(chart, at, scales) {
  const { kind } = chart.spec;
  if (kind === "heatmap") return cellTip(chart, at);
  if (kind === "scatter") return pointTip(chart, at, scales);
  if (kind === "line" || kind === "area") return linesTip(chart, at, scales);
  return barTip(chart, at, scales);
}

function placeText(chart, x, w) {
  const { spec } = chart;
  if (spec.scale === "category") return chart.factors[Math.floor(x)] ?? "";
  if (w) return spanText(x, x + w, spec.scale);
  return spec.scale === "time" ? timeText(x) : `${spec.x} ${numberText(x)}`;
}

function groupLines(chart, found) {
  const rest = found.length - TIP_LINES;
  const lines = found.slice(0, rest > 1 ? TIP_LINES : found.length).map(([slot, y]) => ({
    colour: chart.colours[slot], name: chart.groups[slot] ?? chart.spec.y, value: numberText(y),
  }));
  if (rest > 1) lines.push({ name: `and ${rest} more`, value: "" });
  return lines;
}

function linesTip(chart, at, { sx }) {
  const found = [];
  chart.drawn.forEach((data, slot) => {
    if (!data.x.length) return;
    const k = nearest(data.x, at.x);
    found.push({ slot, x: data.x[k], y: data.y[k], away: Math.abs(sx(data.x[k]) - at.sx) });
  });
  const closest = found.reduce((a, b) => (b.away < a.away ? b : a), { away: NEAR_PX });
  if (closest.x === undefined) return null;
  const near = found.filter((f) => Math.abs(sx(f.x) - sx(closest.x)) < 4).sort((a, b) => b.y - a.y);
  return { head: placeText(chart, closest.x, 0), lines: groupLines(chart, near.map((f) => [f.slot, f.y])), line: sx(closest.x) };
}

function barTip(chart, at, { sx }) {
  const { marks, spec } = chart;
  const width = barWidth(marks, spec.scale);
  let place;
  const found = [];
  for (let i = marks.length - 1; i >= 0; i--) {
    const full = marks.w[i] || width;
    const start = marks.w[i] || spec.scale === "category" ? marks.x[i] : marks.x[i] - full / 2;
    if (at.x < start || at.x >= start + full || !chart.isShown(marks.g[i])) continue;
    place ??= { x: marks.x[i], w: marks.w[i], middle: start + full / 2 };
    if (marks.x[i] === place.x) found.push([marks.g[i], marks.y[i]]);
  }
  if (!found.length) return null;
  const lines = groupLines(chart, spec.kind === "bar" ? found.reverse() : found);
  if (found.length > 1 && spec.kind !== "bar") {
    lines.push({ name: "total", value: numberText(found.reduce((sum, [, y]) => sum + y, 0)) });
  }
  if (spec.kind === "hist") lines.forEach((line) => (line.name = line.name === spec.y ? "count" : line.name));
  return { head: placeText(chart, place.x, place.w), lines, line: sx(place.middle) };
}

function pointTip(chart, at, { sx, sy }) {
  let best = { away: 18 * 18 };
  chart.drawn.forEach((data, slot) => {
    for (let k = 0; k < data.x.length; k++) {
      const dx = sx(data.x[k]) - at.sx;
      if (Math.abs(dx) > 18) continue;
      const dy = sy(data.y[k]) - at.sy;
      const away = dx * dx + dy * dy;
      if (away < best.away) best = { away, slot, x: data.x[k], y: data.y[k] };
    }
  });
  if (best.x === undefined) return null;
  const head = chart.groups[best.slot] ?? placeText(chart, best.x, 0);
  const x = chart.spec.scale === "time" ? timeText(best.x) : placeText(chart, best.x, 0);
  const lines = [{ colour: chart.colours[best.slot], name: chart.spec.y, value: numberText(best.y) }];
  if (head !== x) lines.push({ name: chart.spec.x, value: chart.spec.scale === "number" ? numberText(best.x) : x });
  return { head, lines };
}

function cellTip(chart, at) {
  const data = chart.drawn[0];
  for (let i = 0; i < data.left.length; i++) {
    if (at.x < data.left[i] || at.x > data.right[i] || at.y < data.bottom[i] || at.y > data.top[i]) continue;
    const { marks } = chart;
    const lines = [{ name: chart.rows[marks.g[i]], value: "" }, { name: chart.spec.y, value: numberText(marks.y[i]) }];
    return { head: placeText(chart, marks.x[i], marks.w[i]), lines };
  }
  return null;
}
