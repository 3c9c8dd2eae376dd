// The live chart: embeds the figure the kernel built, then applies its frames to the figure's data sources.
// BokehJS comes from the kernel once per page; nothing is fetched from a network.

const REBUILD_MS = 2000; // how long a chart without a place waits for a new one

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

class Chart {
  constructor(model, root) {
    this.model = model;
    this.entry = library(model.get("bokeh_version"));
    this.last = 0;
    this.waiting = null; // the newest full frame that came before the figure was there
    this.frames = [];
    this.pending = 0;
    this.place = document.createElement("div");
    this.place.className = "snb-plot";
    this.note = document.createElement("div");
    this.note.className = "snb-note";
    this.note.textContent = "loading the chart";
    this.enter(root);
  }

  enter(root) {
    this.root = root;
    root.classList.add("snb-chart");
    root.append(this.place, this.note);
  }

  // BokehJS draws only below <body>, and a widget's view is built before it is put there.
  async attached() {
    while (!this.gone && !this.place.isConnected) await new Promise(requestAnimationFrame);
  }

  async start() {
    if (!this.entry.bokeh) this.model.send({ type: "library" });
    const bokeh = await this.entry.ready;
    await this.attached();
    if (this.gone) return;
    this.views = await bokeh.embed.embed_item(structuredClone(this.model.get("figure")), this.place);
    const document_ = this.views.roots[0].model.document;
    this.document = document_;
    this.sources = [];
    this.legends = [];
    for (let slot = 0; ; slot++) {
      const source = document_.get_model_by_name(`series ${slot}`);
      if (!source) break;
      this.sources.push(source);
      this.legends.push(document_.get_model_by_name(`legend ${slot}`));
    }
    this.dress();
    this.theme = new MutationObserver(() => this.dress());
    this.theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
    this.note.textContent = "";
    if (this.waiting) {
      this.last = this.waiting.n;
      this.frames.push(this.waiting);
      this.waiting = null;
      this.schedule();
    }
    this.model.send({ type: "mount" });
  }

  dress() {
    const text = colour(this.place, "--jp-ui-font-color1", "#1f2328");
    const soft = colour(this.place, "--jp-ui-font-color2", "#656d76");
    const line = colour(this.place, "--jp-border-color2", "#d8dee4");
    const back = colour(this.place, "--jp-layout-color0", "#ffffff");
    const font = colour(this.place, "--jp-ui-font-family", "system-ui, sans-serif");
    for (const item of this.document._all_models.values()) {
      if (item.type === "Figure") item.setv({ background_fill_color: back, border_fill_color: back, outline_line_color: line });
      else if (item.type === "Grid") item.setv({ grid_line_color: item.grid_line_color === null ? null : line });
      else if (item.type.endsWith("Axis")) {
        item.setv({
          axis_label_text_color: soft, major_label_text_color: text, axis_line_color: line, major_tick_line_color: line,
          minor_tick_line_color: null, axis_label_text_font: font, major_label_text_font: font,
          axis_label_text_font_style: "normal", axis_label_text_font_size: "12px",
        });
      } else if (item.type === "Legend") {
        item.setv({
          background_fill_color: back, border_line_color: null, label_text_color: text, label_text_font: font,
          title_text_color: soft, title_text_font: font, title_text_font_style: "normal", title_text_font_size: "11px",
        });
      }
    }
  }

  // Each view of a model sees it through an object of its own, whose listeners end with the view.
  listen(model) {
    this.hears ??= (message, buffers) => this.hear(message, buffers);
    if (this.heard) this.heard.off("msg:custom", this.hears);
    if (model) {
      this.model = model;
      model.on("msg:custom", this.hears);
    }
    this.heard = model;
  }

  hear(message, buffers) {
    if (message.type === "library") {
      load(this.entry, buffers[0]);
    } else if (message.type === "frame") {
      if (!this.sources) {
        if (message.full) this.waiting = message;
        return;
      }
      if (!message.full && message.n !== this.last + 1) {
        this.model.send({ type: "mount" });
        return;
      }
      this.last = message.n;
      if (message.full) this.frames = [];
      this.frames.push(message);
      this.schedule();
    }
  }

  schedule() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      const frames = this.frames;
      this.frames = [];
      for (const frame of frames) this.apply(frame);
      this.model.send({ type: "ack", n: this.last });
    });
  }

  apply(frame) {
    if (frame.factors) {
      this.document.get_model_by_name("categories").factors = frame.factors;
      this.document.get_model_by_name("category axis").major_label_orientation = frame.factors.length <= 8 ? "horizontal" : 0.6;
    }
    for (const change of frame.changes) this.change(this.sources[change.slot], change);
    if (frame.legend) {
      frame.legend.forEach((name, slot) => {
        if (this.legends[slot]) this.legends[slot].setv({ label: { value: name ?? "" }, visible: name !== null });
      });
    }
    this.note.textContent = frame.caption;
  }

  change(source, change) {
    if (change.op === "data") source.data = change.data;
    else {
      if (change.op === "patch") source.patch(change.patches);
      if (change.data) source.stream(change.data, change.keep);
    }
  }

  stop() {
    this.gone = true;
    if (this.pending) cancelAnimationFrame(this.pending);
    this.theme?.disconnect();
    this.views?.clear?.();
  }
}

// As with the table: a view that is built again takes over the chart that is there, instead of drawing it anew.
const charts = new Map(); // by the key of the model: each view sees its model through another object

function render({ model, el }) {
  const key = model.get("key");
  let chart = charts.get(key);
  if (chart && !chart.root.isConnected) {
    chart.enter(el);
    chart.listen(model);
  } else {
    chart = new Chart(model, el);
    charts.set(key, chart);
    chart.listen(model);
    chart.start();
  }
  return () => setTimeout(() => {
    if (chart.root !== el) return;
    chart.listen(null);
    chart.stop();
    if (charts.get(key) === chart) charts.delete(key);
  }, REBUILD_MS);
}

export default { render };
