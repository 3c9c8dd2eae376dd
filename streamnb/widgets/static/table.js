// The live table. Data reaches the page as text nodes and title attributes only, never as HTML.

const FLASH_ROWS_MAX = 40; // more at once would be a flicker, not a hint

const REBUILD_MS = 2000; // how long a table without a place waits for a new one

const NUMERIC = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (NUMERIC.test(a) && NUMERIC.test(b)) {
    const difference = Number(a) - Number(b);
    return difference !== 0 ? difference : a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

class Table {
  constructor(model, root) {
    this.model = model;
    this.columns = model.get("columns");
    this.cells = new Map(); // row number -> texts
    this.drawn = new Map(); // row number -> {row, texts}
    this.order = [];
    this.flash = new Set();
    this.last = 0;
    this.acknowledge = 0;
    this.pending = 0;
    this.sort = null; // {column, down}
    this.build(root);
  }

  build(root) {
    this.scroller = element("div", "snb-scroll");
    this.scroller.tabIndex = 0;
    const table = element("table", "snb-table");
    const head = table.createTHead().insertRow();
    this.heads = this.columns.map((column, index) => {
      const cell = element("th", `snb-${column.kind}`);
      cell.scope = "col";
      const button = element("button", "snb-head");
      button.type = "button";
      button.title = `${column.name} ${column.type}${column.key ? ", key" : ""}; click to sort`;
      button.append(element("span", column.key ? "snb-name snb-key" : "snb-name", column.name));
      button.append(element("span", "snb-arrow", ""));
      button.append(element("span", "snb-type", column.type.length > 24 ? column.type.slice(0, 23) + "…" : column.type));
      button.addEventListener("click", () => this.sortBy(index));
      cell.append(button);
      head.append(cell);
      return cell;
    });
    this.body = table.createTBody();
    this.scroller.append(table);
    this.empty = element("div", "snb-empty", "waiting for the first row");
    this.caption = element("div", "snb-caption", "");
    this.scrolled = 0;
    this.scroller.addEventListener("scroll", () => {
      if (this.scroller.isConnected) this.scrolled = this.scroller.scrollTop;
    });
    this.enter(root);
  }

  enter(root) {
    this.root = root;
    root.classList.add("snb");
    root.append(this.scroller, this.empty, this.caption);
  }

  moveTo(root) {
    const scrolled = this.scrolled;
    this.enter(root);
    const restore = () => {
      if (this.root !== root) return;
      if (!root.isConnected) requestAnimationFrame(restore);
      else this.scroller.scrollTop = scrolled;
    };
    restore();
  }

  sortBy(index) {
    if (!this.sort || this.sort.column !== index) this.sort = { column: index, down: this.columns[index].kind === "number" };
    else if (this.sort.first === undefined) this.sort = { column: index, down: !this.sort.down, first: false };
    else this.sort = null;
    this.heads.forEach((head, i) => {
      const active = this.sort && i === this.sort.column;
      head.querySelector(".snb-arrow").textContent = active ? (this.sort.down ? "▼" : "▲") : "";
      head.setAttribute("aria-sort", active ? (this.sort.down ? "descending" : "ascending") : "none");
    });
    this.schedule();
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

  hear(message) {
    if (message.type !== "frame") return;
    if (!message.full && message.n !== this.last + 1) {
      this.model.send({ type: "mount" });
      return;
    }
    const fresh = this.last === 0;
    this.last = message.n;
    this.acknowledge = message.n;
    if (message.full) this.cells.clear();
    for (const [number, ...texts] of message.rows) {
      if (!message.full && !fresh) this.flash.add(number);
      this.cells.set(number, texts);
    }
    this.order = message.order;
    if (this.cells.size > this.order.length) {
      const kept = new Set(this.order);
      for (const number of this.cells.keys()) if (!kept.has(number)) this.cells.delete(number);
    }
    this.caption.textContent = message.caption;
    this.schedule();
  }

  // However many frames arrive, the page is drawn once per repaint; a hidden tab draws when it is seen again.
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
    let order = this.order;
    if (this.sort) {
      const { column, down } = this.sort;
      const sign = down ? -1 : 1;
      order = [...order].sort((a, b) => sign * compare(this.cells.get(a)[column], this.cells.get(b)[column]));
    }
    const flashing = this.flash.size <= FLASH_ROWS_MAX;
    let place = this.body.firstElementChild;
    const kept = new Set(order);
    for (const [number, { row }] of this.drawn) {
      if (kept.has(number)) continue;
      if (place === row) place = row.nextElementSibling;
      row.remove();
      this.drawn.delete(number);
    }
    for (const number of order) {
      const row = this.row(number, flashing && this.flash.has(number));
      if (row === place) place = place.nextElementSibling;
      else this.body.insertBefore(row, place);
    }
    this.flash.clear();
    this.empty.hidden = order.length > 0;
    this.scroller.hidden = order.length === 0;
  }

  row(number, flash) {
    const texts = this.cells.get(number);
    let drawn = this.drawn.get(number);
    if (!drawn) {
      const row = element("tr", flash ? "snb-new" : "");
      for (const column of this.columns) row.append(element("td", `snb-${column.kind}`));
      drawn = { row, texts: [] };
      this.drawn.set(number, drawn);
      flash = false; // a new row lights up as a whole
    }
    if (drawn.texts === texts) return drawn.row;
    texts.forEach((text, index) => {
      if (drawn.texts[index] === text) return;
      const cell = drawn.row.cells[index];
      cell.textContent = text === null ? "null" : text;
      cell.classList.toggle("snb-null", text === null);
      if (text !== null && text.length > 24) cell.title = text;
      else cell.removeAttribute("title");
      if (flash) {
        // Two classes with the same animation, so that a second change starts it anew.
        const again = cell.classList.contains("snb-flash-a");
        cell.classList.toggle("snb-flash-a", !again);
        cell.classList.toggle("snb-flash-b", again);
      }
    });
    drawn.texts = texts;
    return drawn.row;
  }
}

// When the kernel renews the still picture of an output, JupyterLab builds its view again and forgets the old one.
// The table on the page then moves into the new place, with its rows, its sorting and where it was scrolled to.
const tables = new Map(); // by the key of the model: each view sees its model through another object

function render({ model, el }) {
  const key = model.get("key");
  let table = tables.get(key);
  if (table && !table.root.isConnected) {
    table.moveTo(el);
    table.listen(model);
  } else {
    table = new Table(model, el);
    tables.set(key, table);
    table.listen(model);
    model.send({ type: "mount" });
  }
  return () => setTimeout(() => {
    if (table.root !== el) return;
    table.listen(null);
    if (table.pending) cancelAnimationFrame(table.pending);
    if (tables.get(key) === table) tables.delete(key);
  }, REBUILD_MS);
}

export default { render };
