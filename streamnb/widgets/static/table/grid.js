// The table itself: asks the kernel for the rows in view, and draws those that came.

const OVERSCAN = 12;
const TYPING_MS = 100;

class Grid extends Heard {
  constructor(model, root) {
    super();
    this.model = model;
    this.base = model.get("columns");
    this.columns = this.base;
    this.isTable = model.get("is_table");
    this.isLive = model.get("is_live");
    this.state = { sort: [], filters: {}, search: "", changes: false, paused: false };
    this.settings = { group: false, local: false, filters: false };
    this.request = 0;
    this.turned = 0; // the first request for this order and choice of rows
    this.asked = "";
    this.first = 0;
    this.order = []; // ids of the rows from `first` on
    this.values = new Map(); // id -> values
    this.style = 0; // counts the changes of how values are written
    this.flash = new Set();
    this.gone = new Set();
    this.last = 0;
    this.acknowledge = 0;
    this.pending = 0;
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
    this.choice = new Choice(this);
    this.painter = new Painter(this);
    this.questions = new Questions(this);
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
    for (const part of [this.tools.node, box]) this.watchFocus(part);
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

  // What is taken away loses the focus too: a part that is still there a moment later was left by its reader.
  watchFocus(part) {
    part.addEventListener("focusin", (event) => (this.focused = event.target));
    part.addEventListener("focusout", ({ target }) => {
      const { root } = this;
      setTimeout(() => {
        const stayed = this.root === root && target.isConnected && document.hasFocus();
        if (stayed && this.focused === target && document.activeElement !== target) this.focused = null;
      });
    });
  }

  moveTo(root) {
    this.enter(root);
    const restore = () => {
      if (this.root !== root) return;
      if (!root.isConnected) requestAnimationFrame(restore);
      else {
        this.scroller.place();
        if (document.activeElement === document.body) this.focused?.focus({ preventScroll: true });
        this.schedule();
      }
    };
    restore();
  }

  start() {
    this.send({ type: "mount" });
  }

  stop() {
    this.scroller.observer.disconnect();
    if (this.pending) cancelAnimationFrame(this.pending);
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
    this.choice.choose([]);
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
    this.turned = this.request;
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
    this.send({ type: "view", r: this.request, first, count, ...this.state });
  }

  // What the kernel says

  hear(message, buffers) {
    if (message.type === "frame") this.hearFrame(message, buffers);
    else this.questions.answer(message, buffers[0]);
  }

  hearFrame(message, buffers) {
    if (!message.full && message.n !== this.last + 1) {
      this.send({ type: "mount" });
      return;
    }
    this.last = this.acknowledge = message.n;
    this.problem.hidden = !message.problem;
    this.problem.textContent = message.problem ?? "";
    if (!message.problem) this.take(message, new Frame(message, buffers));
    if (message.chosen) this.choice.hear(message.chosen);
    this.schedule();
  }

  take(message, frame) {
    const known = this.last > 1 && message.r === this.answered;
    const goesOn = this.answered >= this.turned && message.r >= this.turned;
    this.answered = message.r;
    const adopted = message.r > this.request; // of another page, or of this one before it was loaded again
    if (adopted) this.adopt(message);
    if (message.changes !== (this.columns !== this.base)) this.setColumns(message.changes);
    if (message.full && !known) this.values.clear();
    const covered = new Set(this.order);
    const changed = new Set();
    frame.rows.forEach((place, i) => {
      const id = frame.order[place];
      const before = this.values.get(id);
      const values = frame.row(i);
      if (before && values.every((value, column) => value === before[column])) return; // a full frame repeats what is here
      changed.add(id);
      if (known && (before || covered.size === 0 || this.isNear(message.first + place))) this.flash.add(id);
      this.values.set(id, values);
    });
    const order = Array.from(frame.order);
    const shift = goesOn && this.scroller.top >= 1 ? this.shiftOf(message, order, changed) : 0;
    this.first = message.first;
    this.order = order;
    const kept = new Set(this.order);
    for (const id of this.values.keys()) if (!kept.has(id)) this.values.delete(id);
    for (const id of message.gone) this.gone.add(id);
    this.counts = message;
    this.scroller.setTotal(message.filtered, shift);
    if (adopted) this.scroller.moveTo(message.first === 0 ? 0 : message.first + OVERSCAN);
    this.selection.follow(shift);
    if (this.announce && message.r === this.request) {
      this.announce = false;
      this.say(this.captionText());
    }
    this.ask(false);
  }

  // How far the rows on show moved: as far as one of them that is the same; if none is here before and after, as far as
  // the kernel says of the rows that it knows, if those on show lie behind.
  shiftOf(message, order, changed) {
    const places = new Map(order.map((id, i) => [id, message.first + i]));
    const { top, rows } = this.scroller;
    for (let row = Math.floor(top); row < top + rows; row++) {
      const id = this.idOf(row);
      if (!changed.has(id) && places.has(id)) return places.get(id) - row;
    }
    return top >= message.first - message.moved ? message.moved : 0;
  }

  // Take over how the kernel sorts and filters.
  adopt(message) {
    this.request = this.turned = message.r;
    Object.assign(this.state, message.state);
    if (Object.values(this.state.filters).some(Boolean)) this.settings.filters = true;
    this.head.showFilters(this.settings.filters);
    this.head.mark();
    this.tools.mark();
  }

  setColumns(changes) {
    this.columns = changes ? [{ name: "change", type: "kind of change", kind: "change", key: false }, ...this.base] : this.base;
    this.painter.reset();
    this.head.build();
  }

  isNear(row) {
    return row >= this.scroller.top - 1 && row <= this.scroller.top + this.scroller.rows + 1;
  }

  idOf(row) {
    return this.order[row - this.first];
  }

  idsOf(first, count) {
    return Array.from({ length: count }, (_, i) => this.idOf(first + i));
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
      this.painter.draw();
      if (this.acknowledge) {
        this.send({ type: "ack", n: this.acknowledge });
        this.acknowledge = 0;
      }
    });
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

  // Read out, and show for a moment.
  tell(text) {
    this.say(text);
    this.status.classList.add("snb-shown");
    clearTimeout(this.noted);
    this.noted = setTimeout(() => this.status.classList.remove("snb-shown"), 3000);
  }
}
