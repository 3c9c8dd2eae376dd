// The table itself: asks the kernel for the rows in view, and draws those that came.

const OVERSCAN = 12;
const FLASH_ROWS_MAX = 40; // more at once would be a flicker, not a hint
const TYPING_MS = 150;
const GONE_MS = 450;

class Grid {
  constructor(model, root) {
    this.model = model;
    this.base = model.get("columns");
    this.columns = this.base;
    this.isTable = model.get("is_table");
    this.isLive = model.get("is_live");
    this.state = { sort: [], filters: {}, search: "", changes: false, paused: false };
    this.settings = { group: false, local: false, filters: false };
    this.request = 0;
    this.asked = "";
    this.first = 0;
    this.order = []; // ids of the rows from `first` on
    this.values = new Map(); // id -> values
    this.drawn = new Map(); // id -> {row, values, style}
    this.style = 0; // counts the changes of how values are written
    this.flash = new Set();
    this.gone = new Set();
    this.last = 0;
    this.acknowledge = 0;
    this.pending = 0;
    this.questions = new Map();
    this.counts = { filtered: 0, kept: 0, seen: 0 };
    this.build(root);
  }

  build(root) {
    this.table = element("table", "snb-table");
    this.table.setAttribute("role", "presentation");
    this.body = element("tbody", "snb-tbody");
    this.body.setAttribute("role", "rowgroup");
    this.head = new Head(this);
    this.scroller = new Scroller(this);
    this.selection = new Selection(this);
    this.tools = new Tools(this);
    this.table.append(this.head.node, this.body);
    const { box } = this.scroller;
    box.append(this.table);
    box.setAttribute("role", "grid");
    box.setAttribute("aria-label", this.model.get("name") || "rows");
    box.setAttribute("aria-multiselectable", "true");
    box.id = `snb-${this.model.get("key")}`;
    this.empty = element("div", "snb-empty", "waiting for the first row");
    this.problem = element("div", "snb-problem");
    this.problem.setAttribute("role", "alert");
    this.problem.hidden = true;
    this.caption = element("div", "snb-caption");
    this.count = element("span", "snb-count");
    this.place = element("span", "snb-place");
    this.caption.append(this.count, this.place);
    this.status = element("div", "snb-status"); // read out, not shown
    this.status.setAttribute("role", "status");
    this.enter(root);
    this.head.build();
    this.tools.mark();
  }

  enter(root) {
    this.root = root;
    root.classList.add("snb");
    root.dataset.lmSuppressShortcuts = "true"; // keys pressed here are not JupyterLab's
    root.append(this.tools.node, this.problem, this.scroller.box, this.empty, this.caption, this.status);
  }

  moveTo(root) {
    this.enter(root);
    const restore = () => {
      if (this.root !== root) return;
      if (!root.isConnected) requestAnimationFrame(restore);
      else {
        this.scroller.place();
        this.schedule();
      }
    };
    restore();
  }

  // What the reader wants

  sortBy(index, further) {
    const { sort } = this.state;
    const now = sort.find(([column]) => column === index);
    const downFirst = ["number", "time"].includes(this.columns[index].kind);
    let next;
    if (!now) next = [index, downFirst];
    else if (now[1] === downFirst) next = [index, !downFirst];
    const others = further ? sort.filter(([column]) => column !== index) : [];
    this.state.sort = next ? [...others, next] : others;
    this.say(next ? `sorted by ${this.columns[index].name}, ${next[1] ? "descending" : "ascending"}` : "sorting ended");
    this.change();
  }

  filterBy(index, text) {
    this.state.filters[index] = text;
    this.later();
  }

  searchFor(text) {
    this.state.search = text;
    this.later();
  }

  later() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.change(), TYPING_MS);
  }

  toggleFilters() {
    this.settings.filters = !this.settings.filters;
    this.head.showFilters(this.settings.filters);
    if (this.settings.filters) this.head.inputs[0]?.focus();
    else if (Object.values(this.state.filters).some(Boolean)) {
      this.state.filters = {};
      this.change();
    }
    this.tools.mark();
    this.schedule();
  }

  set(name, value) {
    this.settings[name] = value;
    this.style += 1;
    this.tools.mark();
    this.head.mark();
    this.schedule();
  }

  pause(paused) {
    this.state.paused = paused;
    this.say(paused ? "paused" : "resumed");
    this.ask(true);
    this.tools.mark();
    this.schedule();
  }

  showChanges(changes) {
    if (this.state.changes === changes) return;
    Object.assign(this.state, { changes, sort: [], filters: {}, search: "" });
    this.tools.search.value = "";
    this.change();
  }

  // Another order or choice of rows: begin at its top.
  change() {
    this.announce = true;
    this.scroller.top = 0;
    this.scroller.place();
    this.selection.active = this.selection.anchor = null;
    this.head.mark();
    this.tools.mark();
    this.ask(true);
  }

  moved() {
    this.ask(false);
    this.schedule();
  }

  // Ask for the rows in view, and some around them, unless they are there or asked for already.
  ask(anew) {
    const { top, rows, total } = this.scroller;
    const first = top < 1 ? 0 : Math.max(1, Math.floor(top) - OVERSCAN);
    const count = Math.ceil(rows) + 2 * OVERSCAN;
    if (!anew) {
      const last = Math.min(total, Math.ceil(top + rows) + 2);
      const here = Math.max(0, Math.floor(top) - 2);
      const covered = this.first <= here && last <= this.first + this.order.length;
      if (covered && (first > 0 || this.first === 0)) return;
      const asked = `${this.request}:${first}`;
      if (asked === this.asked) return;
    }
    this.request += 1;
    this.asked = `${this.request}:${first}`;
    this.model.send({ type: "view", r: this.request, first, count, ...this.state });
  }

  // What the kernel says. Each view of a model sees it through an object of its own, whose listeners end with the view.

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
    if (message.type === "frame") this.hearFrame(message, buffers);
    else this.questions.get(message.q)?.(message, buffers[0]);
  }

  hearFrame(message, buffers) {
    if (!message.full && message.n !== this.last + 1) {
      this.model.send({ type: "mount" });
      return;
    }
    this.last = this.acknowledge = message.n;
    this.problem.hidden = !message.problem;
    this.problem.textContent = message.problem ?? "";
    if (!message.problem) this.take(message, new Frame(message, buffers));
    this.schedule();
  }

  take(message, frame) {
    const known = this.last > 1 && message.r === this.answered;
    this.answered = message.r;
    const adopted = message.r > this.request; // of another page, or of this one before it was loaded again
    if (adopted) this.adopt(message);
    if (message.changes !== (this.columns !== this.base)) this.setColumns(message.changes);
    if (message.full && !known) this.values.clear();
    const covered = new Set(this.order);
    frame.rows.forEach((place, i) => {
      const id = frame.order[place];
      const before = this.values.get(id);
      const values = frame.row(i);
      if (known && (before || covered.size === 0 || this.isNear(message.first + place))) this.flash.add(id);
      this.values.set(id, values);
    });
    const shift = message.r === this.request ? message.moved : 0;
    this.first = message.first;
    this.order = Array.from(frame.order);
    const kept = new Set(this.order);
    for (const id of this.values.keys()) if (!kept.has(id)) this.values.delete(id);
    for (const id of message.gone) this.gone.add(id);
    this.counts = message;
    this.scroller.setTotal(message.filtered);
    if (adopted) this.scroller.moveTo(message.first === 0 ? 0 : message.first + OVERSCAN);
    else if (shift !== 0 && this.scroller.top > 0) this.scroller.shift(shift);
    this.selection.follow(shift);
    if (this.announce && message.r === this.request) {
      this.announce = false;
      this.say(this.captionText());
    }
    this.ask(false);
  }

  // Take over how the kernel sorts and filters.
  adopt(message) {
    this.request = message.r;
    Object.assign(this.state, message.state);
    if (Object.values(this.state.filters).some(Boolean)) this.settings.filters = true;
    this.head.showFilters(this.settings.filters);
    this.head.mark();
    this.tools.mark();
  }

  setColumns(changes) {
    this.columns = changes ? [{ name: "change", type: "kind of change", kind: "change", key: false }, ...this.base] : this.base;
    for (const { row } of this.drawn.values()) row.remove();
    this.drawn.clear();
    this.head.build();
    this.measured = false;
  }

  isNear(row) {
    return row >= this.scroller.top - 1 && row <= this.scroller.top + this.scroller.rows + 1;
  }

  idOf(row) {
    return this.order[row - this.first];
  }

  rowOf(id) {
    const place = this.order.indexOf(id);
    return place < 0 ? -1 : this.first + place;
  }

  // Drawing. However many frames arrive, the page is drawn once per repaint; a hidden tab draws when it is seen again.

  schedule() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
      if (this.acknowledge) {
        this.model.send({ type: "ack", n: this.acknowledge });
        this.acknowledge = 0;
      }
    });
  }

  draw() {
    const { scroller } = this;
    const total = scroller.total;
    this.showState(total);
    if (!this.measured && this.root.isConnected && total > 0) {
      this.measured = true;
      this.head.measureNames();
      scroller.measure();
    }
    const first = Math.max(0, Math.floor(scroller.top) - 2);
    const last = Math.min(total, Math.ceil(scroller.top + scroller.rows) + 2);
    const wanted = new Map();
    for (let row = first; row < last; row += 1) wanted.set(this.idOf(row) ?? `row ${row}`, row);
    let place = this.body.firstElementChild;
    for (const [id, { row }] of this.drawn) {
      if (wanted.has(id)) continue;
      if (place === row) place = row.nextElementSibling;
      this.leave(id, row);
    }
    const flashing = this.flash.size <= FLASH_ROWS_MAX;
    const block = this.selection.block();
    let grown = false;
    for (const [id, index] of wanted) {
      const drawn = this.drawRow(id, index, flashing && this.flash.has(id), block);
      grown ||= drawn.grown;
      drawn.grown = false;
      if (drawn.row === place) place = place.nextElementSibling;
      else this.body.insertBefore(drawn.row, place);
    }
    if (grown) this.head.lay();
    this.flash.clear();
    this.gone.clear();
    this.showActive();
  }

  drawRow(id, index, flash, block) {
    const values = this.values.get(id);
    let drawn = this.drawn.get(id);
    const isNew = !drawn;
    if (!drawn) {
      const row = element("tr", "snb-line snb-row");
      row.setAttribute("role", "row");
      this.columns.forEach((column, place) => {
        const cell = element("td", `snb-${column.kind}`);
        cell.setAttribute("role", "gridcell");
        cell.setAttribute("aria-colindex", String(place + 1));
        row.append(cell);
      });
      drawn = { row, values: null, style: this.style, texts: [] };
      this.drawn.set(id, drawn);
    }
    const { row } = drawn;
    const transform = `translateY(${this.scroller.y(index)}px)`;
    if (drawn.transform !== transform) row.style.transform = drawn.transform = transform;
    if (drawn.index !== index) {
      drawn.index = index;
      row.dataset.row = String(index);
      row.setAttribute("aria-rowindex", String(index + 2));
      row.classList.toggle("snb-even", index % 2 === 1);
    }
    row.classList.toggle("snb-wait", !values);
    if (values && (drawn.values !== values || drawn.style !== this.style)) this.fill(drawn, values, flash, isNew);
    if (values && flash && isNew) row.classList.add("snb-new");
    this.select(drawn, index, block);
    return drawn;
  }

  fill(drawn, values, flash, isNew) {
    const { row } = drawn;
    this.columns.forEach((column, place) => {
      const value = values[place];
      if (drawn.values && drawn.style === this.style && drawn.values[place] === value) return;
      const text = cellText(value, column, this.settings);
      if (drawn.texts[place] === text) return;
      drawn.texts[place] = text;
      const cell = row.cells[place];
      cell.textContent = text;
      cell.classList.toggle("snb-null", value === null);
      if (column.kind === "change") cell.dataset.change = text;
      const title = cellTitle(value, column, text);
      if (title) cell.title = title;
      else cell.removeAttribute("title");
      if (this.measured && this.head.grow(place, text)) drawn.grown = true;
      if (flash && !isNew && drawn.style === this.style) {
        // Two classes with the same animation, so that a second change starts it anew.
        const again = cell.classList.contains("snb-flash-a");
        cell.classList.toggle("snb-flash-a", !again);
        cell.classList.toggle("snb-flash-b", again);
      }
    });
    drawn.values = values;
    drawn.style = this.style;
  }

  select(drawn, index, block) {
    const inside = block && index >= block.first && index <= block.last;
    if (!inside && !drawn.selected) return;
    drawn.selected = inside;
    [...drawn.row.cells].forEach((cell, place) => {
      const chosen = Boolean(inside && place >= block.left && place <= block.right);
      cell.classList.toggle("snb-chosen", chosen);
      cell.setAttribute("aria-selected", String(chosen));
    });
  }

  // A row that was deleted fades where it stood; one that is out of view just goes.
  leave(id, row) {
    this.drawn.delete(id);
    if (!this.gone.has(id) || this.gone.size > FLASH_ROWS_MAX) {
      row.remove();
      return;
    }
    row.classList.add("snb-gone");
    row.setAttribute("aria-hidden", "true");
    delete row.dataset.row;
    this.root.querySelector(".snb-table").append(row);
    row.style.top = `${this.scroller.headPx}px`;
    setTimeout(() => row.remove(), GONE_MS);
  }

  showActive() {
    const { active } = this.selection;
    const { box } = this.scroller;
    this.body.querySelector(".snb-active")?.classList.remove("snb-active");
    const drawn = active && this.drawn.get(this.idOf(active.row));
    const cell = drawn?.row.cells[active.column];
    if (cell) {
      cell.classList.add("snb-active");
      cell.id = `${box.id}-active`;
      for (const other of this.body.querySelectorAll(`[id="${cell.id}"]`)) if (other !== cell) other.removeAttribute("id");
      box.setAttribute("aria-activedescendant", cell.id);
    } else box.removeAttribute("aria-activedescendant");
  }

  showState(total) {
    const { box } = this.scroller;
    const waiting = total === 0 && this.counts.kept === 0;
    this.empty.hidden = total > 0;
    this.empty.textContent = waiting ? (this.isLive ? "waiting for the first row" : "no rows") : "no row matches";
    box.classList.toggle("snb-without", total === 0);
    box.hidden = waiting && !this.settings.filters;
    this.tools.node.hidden = waiting && this.isLive && !this.isFiltered();
    this.caption.hidden = waiting;
    box.setAttribute("aria-rowcount", String(total + 1));
    box.setAttribute("aria-colcount", String(this.columns.length));
    const text = this.captionText();
    if (this.count.textContent !== text) this.count.textContent = text;
    const shown = Math.floor(this.scroller.rows + 0.01);
    const first = Math.floor(this.scroller.top + 0.01);
    const place = total > shown ? `${grouped(first + 1)} – ${grouped(Math.min(total, first + shown))}` : "";
    if (this.place.textContent !== place) this.place.textContent = place;
  }

  isFiltered() {
    return this.state.search.trim() !== "" || Object.values(this.state.filters).some((text) => text.trim() !== "");
  }

  captionText() {
    const { filtered, kept, seen } = this.counts;
    const noun = this.columns !== this.base ? "change" : this.isTable || !this.isLive ? "row" : "record";
    const all = noun === "row" ? kept : seen;
    const text = filtered === all ? plural(all, noun) : `showing ${grouped(filtered)} of ${plural(all, noun)}`;
    return this.state.paused ? `paused · ${text}` : text;
  }

  say(text) {
    this.status.textContent = text;
  }

  revealColumn(column) {
    const cell = this.head.cells[column];
    const { box } = this.scroller;
    const left = cell.offsetLeft;
    if (left < box.scrollLeft) box.scrollLeft = left;
    else if (left + cell.offsetWidth > box.scrollLeft + box.clientWidth) box.scrollLeft = left + cell.offsetWidth - box.clientWidth;
  }

  // Questions: whole values come from the kernel, what is drawn may be cut.

  question(message) {
    const q = (this.asking = (this.asking ?? 0) + 1);
    return new Promise((resolve, reject) => {
      this.questions.set(q, (answer, data) => {
        this.questions.delete(q);
        const bytes = data ? new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength) : new Uint8Array();
        if (answer.problem) reject(new Error(answer.problem));
        else resolve({ answer, bytes });
      });
      this.model.send({ ...message, q });
    });
  }

  async copy() {
    const top = Math.floor(this.scroller.top);
    const whole = { first: top, last: Math.min(this.scroller.total, top + Math.floor(this.scroller.rows)) - 1, left: 0, right: this.columns.length - 1 };
    const block = this.selection.block() ?? whole;
    const columns = [];
    for (let column = block.left; column <= block.right; column += 1) columns.push(column);
    const ids = [];
    for (let row = block.first; row <= block.last && row - block.first < 1000; row += 1) ids.push(this.idOf(row));
    const count = block.last - block.first + 1;
    const here = ids.length === count && !ids.includes(undefined);
    const single = count === 1 && columns.length === 1;
    const message = { type: "copy", columns, count, first: block.first, head: !single && columns.length === this.columns.length };
    if (here) message.ids = ids;
    try {
      const { answer, bytes } = await this.question(message);
      await toClipboard(utf8.decode(bytes));
      const left = answer.left_out ? `, ${grouped(answer.left_out)} more are too many: save them as CSV` : "";
      this.say(`copied ${plural(answer.rows, "row")} of ${plural(columns.length, "column")}${left}`);
      this.note();
    } catch (error) {
      this.say(`not copied: ${error.message}`);
      this.note();
    }
  }

  // Show for a moment what was read out.
  note() {
    this.status.classList.add("snb-shown");
    clearTimeout(this.noted);
    this.noted = setTimeout(() => this.status.classList.remove("snb-shown"), 3000);
  }

  async exportAll() {
    if (this.exporting) return;
    this.exporting = true;
    const parts = [];
    try {
      for (let part = 0; ; part += 1) {
        const { answer, bytes } = await this.question({ type: "export", part });
        if (answer.last) break;
        parts.push(await unzip(bytes));
        this.say(`saving ${grouped(answer.done)} of ${plural(answer.rows, "row")}`);
        this.note();
      }
      const link = element("a");
      link.href = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
      link.download = `${(this.model.get("name") || "rows").replace(/[^\w.-]+/g, "_").slice(0, 60)}.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      this.say("saved");
    } catch (error) {
      this.say(`not saved: ${error.message}`);
    }
    this.note();
    this.exporting = false;
  }

  async askValue() {
    const { active } = this.selection;
    const id = active && this.idOf(active.row);
    if (id === undefined || id === null) return;
    const column = this.columns[active.column];
    const { answer, bytes } = await this.question({ type: "cell", id, column: active.column });
    const text = answer.gone ? "this row is gone" : answer.null ? "null" : utf8.decode(bytes);
    showValue(this, column, text);
  }
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", "snb-status");
    area.value = text;
    const before = document.activeElement;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    before?.focus();
    if (!done) throw new Error("the browser does not allow it");
  }
}

function showValue(grid, column, text) {
  grid.root.querySelector(".snb-value")?.remove();
  const box = element("div", "snb-value");
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-label", `value of ${column.name}`);
  const close = () => {
    box.remove();
    grid.scroller.box.focus();
  };
  const head = element("div", "snb-value-head");
  head.append(element("b", "", column.name), element("span", "snb-type", column.type));
  const copy = button("Copy", "copy the value", "copy", () => toClipboard(text).then(() => grid.say("copied")));
  const end = button("", "close (Escape)", "close", close);
  end.setAttribute("aria-label", "close");
  head.append(element("span", "snb-gap"), copy, end);
  const body = element("pre", "", text);
  body.tabIndex = 0;
  box.append(head, body);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  });
  grid.root.append(box);
  body.focus();
}
