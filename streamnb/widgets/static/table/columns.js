// The head of the table: names, types, sort arrows, widths, and the filter of each column.

const WIDTH_MIN = 56;
const WIDTH_FIRST_MAX = 340;
const PAD = 26;

class Head {
  constructor(grid) {
    this.grid = grid;
    this.node = element("thead", "snb-thead");
    this.node.setAttribute("role", "rowgroup");
    this.widths = [];
    this.fixed = new Set(); // columns whose width the reader has set
    this.ruler = document.createElement("canvas").getContext("2d");
  }

  build() {
    const { columns } = this.grid;
    this.widths = columns.map((column) => WIDTH_MIN + (column.name.length > 6 ? (column.name.length - 6) * 7 : 0));
    this.fixed.clear();
    const names = element("tr", "snb-line snb-names");
    names.setAttribute("role", "row");
    names.setAttribute("aria-rowindex", "1");
    this.cells = columns.map((column, index) => this.cell(column, index));
    names.append(...this.cells);
    this.filters = element("tr", "snb-line snb-filters");
    this.filters.setAttribute("role", "presentation");
    this.inputs = columns.map((column, index) => this.filter(column, index));
    this.filters.append(...this.inputs.map((input) => {
      const cell = element("th", "");
      cell.setAttribute("role", "presentation");
      cell.append(input);
      return cell;
    }));
    this.node.replaceChildren(names, this.filters);
    this.showFilters(this.grid.settings.filters);
    this.mark();
    this.lay();
  }

  cell(column, index) {
    const cell = element("th", `snb-${column.kind}`);
    cell.setAttribute("role", "columnheader");
    cell.setAttribute("aria-colindex", String(index + 1));
    cell.scope = "col";
    const head = element("button", "snb-head");
    head.type = "button";
    head.title = `${column.name} ${column.type}${column.key ? ", key" : ""}\nclick to sort, with Shift to sort further`;
    head.append(element("span", column.key ? "snb-name snb-key" : "snb-name", column.name));
    head.append(element("span", "snb-arrow", ""));
    head.append(element("span", "snb-type", column.type));
    head.addEventListener("click", (event) => this.grid.sortBy(index, event.shiftKey));
    const handle = element("span", "snb-handle");
    handle.addEventListener("pointerdown", (event) => this.drag(event, handle, index));
    handle.addEventListener("dblclick", () => this.fit(index));
    cell.append(head, handle);
    return cell;
  }

  filter(column, index) {
    const input = element("input", "snb-input");
    input.type = "text";
    input.spellcheck = false;
    input.setAttribute("aria-label", `filter ${column.name}`);
    input.placeholder = column.kind === "number" || column.kind === "time" ? ">, <, a..b" : column.kind === "boolean" ? "true, false" : "contains";
    input.title = "word, =word, !word, null, !null; numbers and times also 5, >5, <=5, a..b";
    input.value = this.grid.state.filters[index] ?? "";
    input.addEventListener("input", () => this.grid.filterBy(index, input.value));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && input.value) {
        input.value = "";
        this.grid.filterBy(index, "");
        event.stopPropagation();
      } else if (event.key === "ArrowDown" || event.key === "Escape") this.grid.scroller.box.focus();
    });
    return input;
  }

  showFilters(shown) {
    this.filters.hidden = !shown;
    this.grid.scroller.measure();
  }

  // Show what the rows are sorted by, and in which zone times are.
  mark() {
    const { sort } = this.grid.state;
    this.cells.forEach((cell, index) => {
      const place = sort.findIndex(([column]) => column === index);
      const down = place >= 0 && sort[place][1];
      const arrow = place < 0 ? "" : down ? "▼" : "▲";
      cell.querySelector(".snb-arrow").textContent = arrow + (place >= 0 && sort.length > 1 ? String(place + 1) : "");
      cell.setAttribute("aria-sort", place < 0 ? "none" : down ? "descending" : "ascending");
      const column = this.grid.columns[index];
      const zone = isInstant(column) ? (this.grid.settings.local ? " · local" : " · UTC") : "";
      cell.querySelector(".snb-type").textContent = column.type + zone;
    });
    this.inputs.forEach((input, index) => {
      const text = this.grid.state.filters[index] ?? "";
      if (document.activeElement !== input) input.value = text;
      input.classList.toggle("snb-set", text !== "");
    });
  }

  // Columns grow with what they show, up to a bound, until the reader sets a width.
  grow(index, text) {
    if (this.fixed.has(index) || this.widths[index] >= WIDTH_FIRST_MAX) return false;
    if (text.length * 9 + PAD < this.widths[index]) return false;
    const mono = this.grid.columns[index].kind === "nested" ? 1.15 : 1;
    const width = clamp(this.textWidth(text) * mono + PAD, WIDTH_MIN, WIDTH_FIRST_MAX);
    if (width <= this.widths[index]) return false;
    this.widths[index] = Math.ceil(width);
    return true;
  }

  textWidth(text) {
    if (!this.family) {
      const style = getComputedStyle(this.grid.root); // empty while the table is not on the page
      this.family = style.fontFamily;
      if (this.family) this.ruler.font = `${style.fontSize} ${style.fontFamily}`;
    }
    return this.ruler.measureText(text.slice(0, 80)).width;
  }

  measureNames() {
    this.grid.columns.forEach((column, index) => {
      const key = column.key ? 30 : 0;
      const type = Math.min(this.textWidth(this.cells[index].querySelector(".snb-type").textContent) * 0.8, 150);
      const width = Math.max(this.textWidth(column.name) * 1.12 + key + 18, type) + PAD;
      if (!this.fixed.has(index)) this.widths[index] = Math.ceil(clamp(width, this.widths[index], WIDTH_FIRST_MAX));
    });
    this.lay();
  }

  lay() {
    // What is left over goes to the last column that is not a number, so that numbers stand near their names.
    const kinds = this.grid.columns.map((column) => column.kind);
    let wide = kinds.length - 1;
    while (wide > 0 && (kinds[wide] === "number" || this.fixed.has(wide))) wide -= 1;
    const tracks = this.widths.map((width, index) => (index === wide && !this.fixed.has(index) ? `minmax(${width}px, 1fr)` : `${width}px`));
    if (kinds[wide] === "number" || this.fixed.has(wide)) tracks.push("1fr");
    this.grid.table.style.setProperty("--snb-tracks", tracks.join(" "));
    this.grid.table.style.minWidth = `${this.widths.reduce((sum, width) => sum + width, 0)}px`;
  }

  drag(event, handle, index) {
    event.preventDefault();
    event.stopPropagation();
    const from = event.clientX;
    const width = this.cells[index].getBoundingClientRect().width;
    this.fixed.add(index);
    handle.setPointerCapture(event.pointerId);
    const move = (moved) => {
      this.widths[index] = clamp(width + moved.clientX - from, 36, 2000);
      this.lay();
    };
    const end = () => {
      handle.removeEventListener("pointermove", move);
      handle.removeEventListener("pointerup", end);
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", end);
    move(event);
  }

  fit(index) {
    const texts = [...this.grid.body.querySelectorAll(`tr > :nth-child(${index + 1})`)].map((cell) => cell.textContent);
    texts.push(this.grid.columns[index].name + "   ");
    this.widths[index] = Math.ceil(Math.max(WIDTH_MIN, ...texts.map((text) => this.textWidth(text) + PAD)));
    this.fixed.add(index);
    this.lay();
  }
}
