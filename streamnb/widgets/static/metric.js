// Metric tiles: a label, a big number, what changed, and a small line. All texts are text nodes.

const SVG = "http://www.w3.org/2000/svg";
const LINE = { width: 120, height: 30 };

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e12) return value.toExponential(2);
  for (const [unit, name] of [[1e9, " G"], [1e6, " M"]]) {
    if (size >= unit) return (value / unit).toLocaleString("en-US", { maximumSignificantDigits: 4 }) + name;
  }
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}

// The way of the values as a path; the range of the tile's own values, from zero where they come near it.
function pathOf(values) {
  let low = Math.min(...values);
  const high = Math.max(...values);
  if (low >= 0 && low < 0.5 * high) low = 0;
  const size = high - low || 1;
  const step = LINE.width / Math.max(1, values.length - 1);
  return values.map((value, i) => {
    const y = high === low ? LINE.height / 2 : LINE.height - 2 - ((value - low) / size) * (LINE.height - 4);
    return `${i ? "L" : "M"}${(i * step).toFixed(1)},${y.toFixed(1)}`;
  }).join("");
}

class Tile {
  constructor(unit) {
    this.node = element("div", "snb-tile");
    this.node.setAttribute("role", "listitem");
    this.label = element("div", "snb-tile-label");
    this.value = element("div", "snb-tile-value");
    this.foot = element("div", "snb-tile-foot");
    this.change = element("span", "snb-tile-change");
    this.foot.append(element("span", "snb-tile-unit", unit), this.change);
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", `0 0 ${LINE.width} ${LINE.height}`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("aria-hidden", "true");
    drawing.setAttribute("class", "snb-tile-line");
    this.fill = document.createElementNS(SVG, "path");
    this.fill.setAttribute("class", "snb-tile-fill");
    this.line = document.createElementNS(SVG, "path");
    this.line.setAttribute("vector-effect", "non-scaling-stroke");
    drawing.append(this.fill, this.line);
    this.node.append(this.label, this.value, this.foot, drawing);
  }

  show([label, value, change, trail]) {
    this.label.textContent = label;
    this.label.title = label;
    this.value.textContent = short(value);
    this.value.title = String(value);
    this.change.textContent = change ? `${change > 0 ? "▲" : "▼"} ${short(Math.abs(change))}` : "";
    const path = trail.length > 1 ? pathOf(trail) : "";
    this.line.setAttribute("d", path);
    this.fill.setAttribute("d", path && `${path}L${LINE.width},${LINE.height}L0,${LINE.height}Z`);
  }
}

class Tiles extends Heard {
  constructor(model, root) {
    super();
    this.model = model;
    this.spec = model.get("spec");
    this.last = null;
    this.tiles = new Map();
    this.pending = 0;
    this.grid = element("div", "snb-tiles");
    this.grid.setAttribute("role", "list");
    this.empty = element("div", "snb-wait", "waiting for the first row");
    this.note = element("div", "snb-note");
    this.moveTo(root);
  }

  moveTo(root) {
    this.root = root;
    root.classList.add("snb-metric");
    root.append(this.empty, this.grid, this.note);
  }

  hear(frame) {
    if (frame.type !== "frame") return;
    if (!frame.full && frame.n !== this.last + 1) {
      if (this.last !== null) this.send({ type: "mount" });
      return;
    }
    this.last = frame.n;
    if (frame.full) this.data = new Map();
    for (const tile of frame.tiles) this.data.set(tile[0], tile);
    for (const label of this.data.keys()) if (!frame.order.includes(label)) this.data.delete(label);
    this.order = frame.order;
    this.caption = frame.caption;
    this.pending ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.pending = 0;
    for (const [label, tile] of this.tiles) {
      if (this.data.has(label)) continue;
      tile.node.remove();
      this.tiles.delete(label);
    }
    this.order.forEach((label, place) => {
      const tile = this.tiles.get(label) ?? new Tile(label === this.spec.y ? "" : this.spec.y);
      this.tiles.set(label, tile);
      tile.show(this.data.get(label));
      if (this.grid.children[place] !== tile.node) this.grid.insertBefore(tile.node, this.grid.children[place] ?? null);
    });
    this.empty.hidden = this.order.length > 0;
    this.note.textContent = this.caption;
    this.send({ type: "ack", n: this.last });
  }

  start() {
    this.send({ type: "mount" });
  }

  stop() {
    if (this.pending) cancelAnimationFrame(this.pending);
  }
}

const render = takingOver(Tiles);

export default { render };
