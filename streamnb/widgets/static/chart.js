// The live chart: embeds the figure the kernel built, keeps the marks that its frames describe, and draws them.
// BokehJS comes from the kernel once per page; nothing is fetched from a network. `chart_data.js` and
// `chart_parts.js` stand before this file in one module.

const DOTS_MAX = 60; // points of a line that are marked one by one

const LIBRARIES = Symbol.for("streamnb.bokeh");

function library(version) {
  const libraries = (globalThis[LIBRARIES] ??= {});
  if (!libraries[version]) {
    const entry = { bokeh: null };
    entry.ready = new Promise((resolve) => (entry.resolve = resolve));
    libraries[version] = entry;
  }
  return libraries[version];
}

async function load(entry, packed) {
  if (entry.bokeh || entry.loading) return;
  entry.loading = true;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(stream).text();
  // BokehJS hangs itself on `this`: an object of ours, so that another version in the page stays as it is.
  const holder = {};
  new Function(source).call(holder);
  entry.bokeh = holder.Bokeh;
  entry.resolve(entry.bokeh);
}

function colour(node, name, fallback) {
  return getComputedStyle(node).getPropertyValue(name).trim() || fallback;
}

function isDark(back) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = back;
  const parts = probe.fillStyle.match(/[0-9a-f]{2}/gi)?.map((part) => parseInt(part, 16)) ?? [255, 255, 255];
  return parts[0] * 0.3 + parts[1] * 0.59 + parts[2] * 0.11 < 128;
}

class Chart extends Heard {
  constructor(model, root) {
    super();
    this.model = model;
    this.spec = model.get("spec");
    this.entry = library(model.get("bokeh_version"));
    this.last = null; // the number of the newest frame; null before the first full one
    this.marks = new Marks();
    this.groups = [];
    this.factors = [];
    this.rows = [];
    this.hidden = new Set(); // names of groups
    this.chosen = {};
    this.colours = this.spec.light;
    this.drawn = [];
    this.pending = 0;
    this.zoomed = false;
    this.paused = false;
    this.onScreen = true;
    this.build();
    this.moveTo(root);
  }

  build() {
    const { spec } = this;
    this.head = element("div", "snb-head-row");
    const title = element("div", "snb-title");
    title.append(element("b", "", spec.kind === "hist" ? `Distribution of ${spec.y}` : spec.y));
    title.append(element("span", "", spec.color ? ` by ${spec.color}` : ""));
    this.pick = button("snb-tool snb-pick", "", "Take the selection away (Escape)", () => this.select({}));
    this.home = button("snb-tool", "Reset zoom", "Follow the newest data again (double-click)", () => this.follow());
    this.hold = button("snb-tool", "Pause", "Hold the picture; data goes on behind it", () => this.pause());
    this.head.append(title, this.pick, this.home, this.hold);
    this.legend = new Legend((name) => this.hide(name), (name) => this.toggle("groups", name));
    this.place = element("div", "snb-plot");
    this.place.style.minHeight = `${spec.height}px`;
    this.empty = element("div", "snb-wait", "loading the chart");
    this.stage = element("div", "snb-stage");
    this.stage.tabIndex = 0; // so that Escape is heard
    this.stage.setAttribute("role", "group");
    this.stage.setAttribute("aria-label", `${spec.kind} chart of ${title.textContent}`);
    this.stage.append(this.place, this.empty);
    this.tip = new Tooltip(this.stage);
    this.note = element("div", "snb-note");
    this.stage.addEventListener("keydown", (event) => event.key === "Escape" && this.select({}));
    this.buttons();
  }

  buttons() {
    const { span, groups, places } = this.chosen;
    const what = span ? spanText(span[0], span[1], this.spec.scale) : [...(groups ?? places ?? [])].join(", ");
    this.pick.textContent = what ? `${what.length > 60 ? `${what.slice(0, 59)}…` : what}  ✕` : "";
    this.pick.hidden = !what;
    this.home.hidden = !this.zoomed;
    this.hold.textContent = this.paused ? "▶ Resume" : "❚❚ Pause";
    this.hold.setAttribute("aria-pressed", String(this.paused));
  }

  moveTo(root) {
    this.root = root;
    root.classList.add("snb-chart");
    root.append(this.head, this.legend.node, this.stage, this.note);
  }

  // BokehJS draws only below <body>, and a widget's view is built before it is put there.
  async attached() {
    while (!this.gone && !this.place.isConnected) await new Promise(requestAnimationFrame);
  }

  async start() {
    if (!this.entry.bokeh) this.send({ type: "library" });
    const bokeh = await this.entry.ready;
    await this.attached();
    if (this.gone) return;
    this.views = await bokeh.embed.embed_item(structuredClone(this.model.get("figure")), this.place);
    const doc = (this.document = this.views.roots[0].model.document);
    this.plot = doc.get_model_by_name("plot");
    this.xRange = doc.get_model_by_name("x range");
    this.yRange = doc.get_model_by_name("y range");
    this.band = doc.get_model_by_name("selected");
    this.mapper = doc.get_model_by_name("colours");
    this.sources = [];
    for (let slot = 0; slot <= SLOT_OTHER; slot++) {
      const [series, dots] = ["series", "dots"].map((name) => doc.get_model_by_name(`${name} ${slot}`));
      if (series || dots) this.sources.push({ series, dots });
    }
    this.renderers = this.plot.renderers.filter((renderer) => /^drawn/.test(renderer.name ?? ""));
    this.watch();
    this.dress();
    this.empty.textContent = "waiting for the first row";
    if (this.last !== null) this.schedule();
    this.send({ type: "mount" });
  }

  watch() {
    this.theme = new MutationObserver(() => this.dress());
    this.theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
    this.sight = new IntersectionObserver(([entry]) => {
      this.onScreen = entry.isIntersecting;
      if (this.onScreen && this.stale) this.schedule();
    }, { rootMargin: "200px" });
    this.sight.observe(this.stage);
    this.plot.on_event("mousemove", (event) => { this.mouse = event; this.point(); });
    this.plot.on_event("mouseleave", () => { this.mouse = null; this.tip.hide(); });
    this.plot.on_event("rangesupdate", () => { this.zoomed = true; this.buttons(); });
    this.plot.on_event("reset", () => this.follow());
    this.plot.on_event("doubletap", () => this.follow());
    this.plot.on_event("tap", (event) => this.tap(event));
    this.plot.on_event("selectiongeometry", ({ geometry, final }) => {
      if (!final || !(geometry.x1 > geometry.x0)) return;
      if (this.spec.scale !== "category") this.select({ span: [geometry.x0, geometry.x1] });
      else {
        const [first, last] = [geometry.x0, geometry.x1].map((x) => Math.floor(x));
        this.select({ places: this.factors.slice(Math.max(0, first), last + 1) });
      }
    });
  }

  dress() {
    const text = colour(this.place, "--jp-ui-font-color1", "#1f2328");
    const soft = colour(this.place, "--jp-ui-font-color2", "#656d76");
    const back = colour(this.place, "--jp-layout-color0", "#ffffff");
    const font = colour(this.place, "--jp-ui-font-family", "system-ui, sans-serif");
    const dark = isDark(back);
    const line = dark ? "rgba(255,255,255,0.10)" : "rgba(20,30,50,0.09)";
    this.colours = dark ? this.spec.dark : this.spec.light;
    for (const item of this.document._all_models.values()) {
      if (item.type === "Grid") item.setv({ grid_line_color: item.grid_line_color === null ? null : line });
      else if (item.type.endsWith("Axis")) {
        item.setv({
          axis_label_text_color: soft, major_label_text_color: soft, axis_label_text_font: font,
          major_label_text_font: font, axis_label_text_font_style: "normal", axis_label_text_font_size: "11px",
          major_label_text_font_size: "11px",
        });
        if (item === this.plot.below[0] && this.spec.kind !== "heatmap") item.setv({ axis_line_color: dark ? "rgba(255,255,255,0.25)" : "rgba(20,30,50,0.25)" });
      } else if (item.type === "ColorBar") {
        item.setv({ background_fill_color: null, major_label_text_color: soft, major_label_text_font: font, major_label_text_font_size: "11px" });
      }
    }
    const accent = colour(this.place, "--jp-brand-color1", "#1976d2");
    this.band.setv({ fill_color: accent, line_color: accent });
    if (this.mapper) this.mapper.palette = dark ? [...this.spec.ramp].reverse() : this.spec.ramp;
    this.renderers.forEach((renderer) => {
      if (this.mapper) return;
      const tint = this.colours[Number(renderer.name.slice(6))];
      for (const glyph of [renderer.glyph, renderer.muted_glyph]) {
        if (!glyph) continue;
        if ("fill_color" in glyph) glyph.fill_color = { value: tint };
        if ("line_color" in glyph && glyph.type === "Line") glyph.line_color = { value: tint };
      }
    });
    this.text = text;
    if (this.last !== null) this.schedule();
  }

  hear(message, buffers) {
    if (message.type === "library") {
      load(this.entry, buffers[0]);
    } else if (message.type === "frame") {
      if (!message.full && message.n !== this.last + 1) {
        if (this.last !== null) this.send({ type: "mount" });
        return;
      }
      this.last = message.n;
      this.marks.apply(message, buffers ?? []);
      for (const name of ["groups", "factors", "rows"]) if (message[name]) this[name] = message[name];
      if (message.chosen) this.chosen = message.chosen;
      this.newest = message.newest;
      this.caption = message.caption;
      if (this.document) this.schedule();
    }
  }

  // Frames change the marks at once and are drawn when the browser paints, so that none is lost and none piles up.
  schedule() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.stale = this.paused || !this.onScreen;
      if (!this.stale) this.draw();
      else if (this.paused) this.note.textContent = `paused; ${this.caption}`;
      if (this.last !== this.told) this.send({ type: "ack", n: (this.told = this.last) });
    });
  }

  isShown(slot) {
    return !this.hidden.has(this.groups[slot]);
  }

  isFaded(slot, x) {
    const { groups, places } = this.chosen;
    const name = this.spec.kind === "heatmap" ? this.rows[slot] : this.groups[slot];
    return Boolean((groups && !groups.includes(name)) || (places && !places.includes(this.factors[x])));
  }

  draw() {
    const { spec, marks } = this;
    const faded = (slot, x) => this.isFaded(slot, x);
    if (spec.scale === "category") this.setFactors();
    if (spec.kind === "heatmap") this.drawCells(cellsOf(marks, spec, faded));
    else {
      const lists = marks.bySlot(this.sources.length, (slot) => this.isShown(slot));
      if (["bar", "stacked", "hist"].includes(spec.kind)) this.drawBars(barsOf(marks, lists, spec, faded));
      else this.drawLines(linesOf(marks, lists));
    }
    if (!this.zoomed) this.setRanges();
    const { span, groups } = this.chosen;
    this.band.setv(span ? { left: span[0], right: span[1], visible: true } : { visible: false });
    this.legend.show(this.groups, this.colours, this.hidden, groups ? new Set(groups) : null);
    this.empty.hidden = marks.length > 0;
    this.note.textContent = this.caption;
    this.buttons();
    if (this.mouse) this.point();
  }

  drawBars(data) {
    this.drawn = data;
    data.forEach((columns, slot) => this.put(this.sources[slot].series, columns, "left"));
    this.heights = extent(data.flatMap((columns) => [columns.bottom, columns.top]));
    this.widths = extent(data.flatMap((columns) => [columns.left, columns.right]));
  }

  drawLines(data) {
    this.drawn = data;
    const scatter = this.spec.kind === "scatter";
    data.forEach((columns, slot) => {
      const shown = scatter || columns.x.length <= DOTS_MAX;
      if (!scatter) this.put(this.sources[slot].series, columns, "x");
      this.put(this.sources[slot].dots, shown ? columns : { x: new Float64Array(0), y: new Float64Array(0) }, "x");
    });
    for (const renderer of this.renderers) renderer.muted = this.isFaded(Number(renderer.name.slice(6)), NaN);
    this.heights = extent(data.map((columns) => columns.y));
    this.widths = extent(data.map((columns) => columns.x));
  }

  drawCells(data) {
    this.drawn = [data];
    this.put(this.sources[0].series, data, "left");
    const [low, high] = extent([data.value]);
    if (low <= high) {
      const start = low > 0 ? 0 : low;
      this.mapper.setv({ low: start, high: high > start ? high : start + 1 });
    }
    if (String(this.yRange.factors) !== String(this.rows)) this.yRange.factors = [...this.rows];
    this.widths = extent([data.left, data.right]);
  }

  // A source that stays empty is left alone: with ten slots that is most of them.
  put(source, columns, name) {
    if (columns[name].length || source.data[name].length) source.data = columns;
  }

  setFactors() {
    if (String(this.xRange.factors) === String(this.factors)) return;
    this.xRange.factors = [...this.factors];
    const longest = Math.max(...this.factors.map((factor) => factor.length), 1);
    const fits = this.factors.length * (longest * 6.5 + 12) < this.place.clientWidth - 60;
    this.document.get_model_by_name("category axis").major_label_orientation = fits ? "horizontal" : 0.7;
  }

  setRanges() {
    const { spec } = this;
    if (spec.scale !== "category" && this.widths[0] <= this.widths[1]) {
      let [start, end] = this.widths;
      if (spec.window) {
        end = Math.max(end, this.newest ?? end);
        start = end - spec.window;
      } else if (["line", "area"].includes(spec.kind) && start === end) [start, end] = [start - 1, end + 1];
      else if (spec.kind === "scatter") {
        const pad = (end - start) * 0.02 || 1;
        [start, end] = [start - pad, end + pad];
      } else if (["bar", "stacked"].includes(spec.kind)) {
        const pad = (end - start) * 0.01;
        [start, end] = [start - pad, end + pad];
      }
      if (this.xRange.start !== start || this.xRange.end !== end) this.xRange.setv({ start, end });
    }
    if (spec.kind === "heatmap") return;
    const onZero = ["bar", "stacked", "hist", "area"].includes(spec.kind);
    this.axis = steady(this.axis, ...heightRange(...this.heights, onZero));
    const [start, end] = this.axis;
    if (this.yRange.start !== start || this.yRange.end !== end) this.yRange.setv({ start, end });
  }

  point() {
    const view = this.views?.roots[0];
    if (!view || !this.mouse) return;
    const { frame } = view;
    const at = this.mouse;
    const { bbox } = frame;
    if (at.sx < bbox.left || at.sx > bbox.right || at.sy < bbox.top || at.sy > bbox.bottom) return this.tip.hide();
    const [xs, ys] = [frame.x_scale, frame.y_scale];
    const scales = { sx: (x) => xs.compute(x), sy: (y) => ys.compute(y) };
    // The event's own place is that of the moment it came; the axis may have moved since.
    const tip = tipAt(this, { ...{ sx: at.sx, sy: at.sy }, x: xs.invert(at.sx), y: ys.invert(at.sy) }, scales);
    if (tip) this.tip.show(tip, at, bbox);
    else this.tip.hide();
  }

  tap({ x, y }) {
    const { spec } = this;
    if (spec.kind === "heatmap") {
      const row = this.rows[Math.floor(y)];
      if (row !== undefined) this.toggle("groups", row);
    } else if (spec.scale === "category" && ["bar", "stacked"].includes(spec.kind)) {
      const factor = this.factors[Math.floor(x)];
      if (factor !== undefined) this.toggle("places", factor);
    }
  }

  hide(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.redraw();
  }

  toggle(what, name) {
    const names = new Set(this.chosen[what] ?? []);
    if (name === "other" && this.groups[SLOT_OTHER] === name) return;
    if (!names.delete(name)) names.add(name);
    this.select(names.size ? { [what]: [...names] } : {});
  }

  select(chosen) {
    this.chosen = chosen;
    this.send({ type: "select", ...chosen });
    this.redraw();
  }

  follow() {
    this.zoomed = false;
    this.axis = null;
    this.redraw();
    // A reset of Bokeh's tells of the new range after the event; ours comes last.
    queueMicrotask(() => { this.zoomed = false; this.redraw(); });
  }

  pause() {
    this.paused = !this.paused;
    this.buttons();
    this.redraw();
  }

  redraw() {
    if (this.document) this.schedule();
  }

  stop() {
    this.gone = true;
    if (this.pending) cancelAnimationFrame(this.pending);
    this.theme?.disconnect();
    this.sight?.disconnect();
    this.views?.clear?.();
    // BokehJS keeps a list of all documents, and with it their data.
    const documents = this.entry.bokeh?.documents ?? [];
    if (documents.includes(this.document)) documents.splice(documents.indexOf(this.document), 1);
  }
}

const render = takingOver(Chart);

export default { render };
