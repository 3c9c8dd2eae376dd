// Drawing the rows in view: each change of the document is one that can be seen.

const FLASH_ROWS_MAX = 40; // more alight at once would be a flicker, not a hint
const FLASH_MS = 1200;
const GONE_MS = 450;

class Painter {
  constructor(grid) {
    this.grid = grid;
    this.drawn = new Map(); // id -> {row, values, style}
    this.measured = false;
    this.changed = []; // of each of the last drawings: when it was, and how many rows had changed
  }

  // The columns are others now.
  reset() {
    for (const { row } of this.drawn.values()) row.remove();
    this.drawn.clear();
    this.measured = false;
  }

  // The id of the row that is drawn so; undefined while its values are on their way.
  idOf(row) {
    for (const [id, drawn] of this.drawn) if (drawn.row === row && drawn.values) return id;
    return undefined;
  }

  draw() {
    const { scroller } = this.grid;
    const total = scroller.total;
    this.showState(total);
    if (!this.measured && this.grid.root.isConnected && total > 0) {
      this.measured = true;
      this.grid.head.measureNames();
      scroller.measure();
    }
    const first = Math.max(0, Math.floor(scroller.top) - 2);
    const last = Math.min(total, Math.ceil(scroller.top + scroller.rows) + 2);
    const wanted = new Map();
    for (let row = first; row < last; row += 1) wanted.set(this.grid.idOf(row) ?? `row ${row}`, row);
    const spare = this.release(wanted);
    const flashing = this.isCalm();
    const block = this.grid.selection.block();
    let place = this.grid.body.firstElementChild;
    let grown = false;
    for (const [id, index] of wanted) {
      const drawn = this.drawRow(id, index, flashing && this.grid.flash.has(id), block, spare);
      grown ||= drawn.grown;
      drawn.grown = false;
      if (drawn.row === place) place = place.nextElementSibling;
      else this.grid.body.insertBefore(drawn.row, place);
    }
    for (const { row } of spare) row.remove();
    if (grown) this.grid.head.lay();
    this.grid.flash.clear();
    this.grid.gone.clear();
    this.showActive();
  }

  // Let go of the rows that are not wanted any more: those that were deleted fade, the others are there to be filled
  // with what comes, from the top.
  release(wanted) {
    const spare = [];
    for (const [id, drawn] of this.drawn) {
      if (wanted.has(id)) continue;
      this.drawn.delete(id);
      if (this.grid.gone.has(id) && this.grid.gone.size <= FLASH_ROWS_MAX) this.fade(drawn.row);
      else spare.push(drawn);
    }
    return spare.sort((a, b) => a.index - b.index);
  }

  // Tell whether so few rows change that lighting them up says something.
  isCalm() {
    const now = performance.now();
    this.changed = this.changed.filter(([then]) => now - then < FLASH_MS);
    this.changed.push([now, this.grid.flash.size]);
    return this.changed.reduce((sum, [, count]) => sum + count, 0) <= FLASH_ROWS_MAX;
  }

  drawRow(id, index, flash, block, spare) {
    const values = this.grid.values.get(id);
    let drawn = this.drawn.get(id);
    const isNew = !drawn;
    if (!drawn) {
      drawn = values && !flash && spare.length ? this.reuse(spare.shift()) : this.build();
      this.drawn.set(id, drawn);
    }
    const { row } = drawn;
    const transform = `translateY(${this.grid.scroller.y(index)}px)`;
    if (drawn.transform !== transform) row.style.transform = drawn.transform = transform;
    if (drawn.index !== index) {
      drawn.index = index;
      row.dataset.row = String(index);
      row.setAttribute("aria-rowindex", String(index + 2));
      row.classList.toggle("snb-even", index % 2 === 1);
    }
    row.classList.toggle("snb-wait", !values);
    if (values && (drawn.values !== values || drawn.style !== this.grid.style)) this.fill(drawn, values, flash, isNew);
    if (values && flash && isNew) row.classList.add("snb-new");
    drawn.lit ||= flash;
    this.select(drawn, index, block);
    const chosen = this.grid.choice.ids.has(id);
    if (drawn.chosen !== chosen) {
      drawn.chosen = chosen;
      row.setAttribute("aria-selected", String(chosen));
    }
    return drawn;
  }

  build() {
    const row = element("tr", "snb-line snb-row");
    row.setAttribute("role", "row");
    this.grid.columns.forEach((column, place) => {
      const cell = element("td", `snb-${column.kind}`);
      cell.setAttribute("role", "gridcell");
      cell.setAttribute("aria-colindex", String(place + 1));
      cell.append("");
      row.append(cell);
    });
    return { row, values: null, style: this.grid.style, texts: [], lit: false };
  }

  // Take a row that shows other values: of its cells only those are written whose text is another.
  reuse(drawn) {
    if (drawn.lit) {
      drawn.row.classList.remove("snb-new");
      for (const cell of drawn.row.cells) cell.classList.remove("snb-flash-a", "snb-flash-b");
      drawn.lit = false;
    }
    return drawn;
  }

  fill(drawn, values, flash, isNew) {
    const { row } = drawn;
    this.grid.columns.forEach((column, place) => {
      const value = values[place];
      if (drawn.values && drawn.style === this.grid.style && drawn.values[place] === value) return;
      const text = cellText(value, column, this.grid.settings);
      const before = drawn.values?.[place];
      if (drawn.texts[place] === text && (before === null) === (value === null)) return;
      drawn.texts[place] = text;
      const cell = row.cells[place];
      cell.firstChild.data = text;
      cell.classList.toggle("snb-null", value === null);
      if (column.kind === "change") cell.dataset.change = text;
      const title = cellTitle(value, column, text);
      if (title) cell.title = title;
      else cell.removeAttribute("title");
      if (this.measured && this.grid.head.grow(place, text)) drawn.grown = true;
      if (flash && !isNew && drawn.style === this.grid.style) {
        // Two classes with the same animation, so that a second change starts it anew.
        const again = cell.classList.contains("snb-flash-a");
        cell.classList.toggle("snb-flash-a", !again);
        cell.classList.toggle("snb-flash-b", again);
      }
    });
    drawn.values = values;
    drawn.style = this.grid.style;
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

  // A row that was deleted fades where it stood.
  fade(row) {
    row.classList.add("snb-gone");
    row.setAttribute("aria-hidden", "true");
    delete row.dataset.row;
    this.grid.root.querySelector(".snb-table").append(row);
    row.style.top = `${this.grid.scroller.headPx}px`;
    setTimeout(() => row.remove(), GONE_MS);
  }

  showActive() {
    const { active } = this.grid.selection;
    const { box } = this.grid.scroller;
    this.grid.body.querySelector(".snb-active")?.classList.remove("snb-active");
    const drawn = active && this.drawn.get(this.grid.idOf(active.row));
    const cell = drawn?.row.cells[active.column];
    if (cell) {
      cell.classList.add("snb-active");
      cell.id = `${box.id}-active`;
      for (const other of this.grid.body.querySelectorAll(`[id="${cell.id}"]`)) if (other !== cell) other.removeAttribute("id");
      box.setAttribute("aria-activedescendant", cell.id);
    } else box.removeAttribute("aria-activedescendant");
  }

  showState(total) {
    const { box } = this.grid.scroller;
    const waiting = total === 0 && this.grid.counts.kept === 0;
    this.grid.empty.hidden = total > 0;
    this.grid.empty.textContent = waiting ? (this.grid.isLive ? "waiting for the first row" : "no rows") : "no row matches";
    box.classList.toggle("snb-without", total === 0);
    box.hidden = waiting && !this.grid.settings.filters;
    this.grid.tools.node.hidden = waiting && this.grid.isLive && !this.grid.isFiltered();
    this.grid.caption.hidden = waiting;
    box.setAttribute("aria-rowcount", String(total + 1));
    box.setAttribute("aria-colcount", String(this.grid.columns.length));
    const text = this.grid.captionText();
    if (this.grid.count.textContent !== text) this.grid.count.textContent = text;
    const shown = Math.floor(this.grid.scroller.rows + 0.01);
    const first = Math.floor(this.grid.scroller.top + 0.01);
    const place = total > shown ? `${grouped(first + 1)} – ${grouped(Math.min(total, first + shown))}` : "";
    if (this.grid.place.textContent !== place) this.grid.place.textContent = place;
  }

  revealColumn(column) {
    const cell = this.grid.head.cells[column];
    const { box } = this.grid.scroller;
    const left = cell.offsetLeft;
    if (left < box.scrollLeft) box.scrollLeft = left;
    else if (left + cell.offsetWidth > box.scrollLeft + box.clientWidth) box.scrollLeft = left + cell.offsetWidth - box.clientWidth;
  }
}
