// The active cell, the block of selected cells, and the keys that move them.

class Selection {
  constructor(grid) {
    this.grid = grid;
    this.active = null; // {row, column, id}
    this.anchor = null; // the other corner of the block
    const { box } = grid.scroller;
    box.addEventListener("keydown", (event) => this.key(event));
    grid.body.addEventListener("pointerdown", (event) => this.press(event));
    grid.body.addEventListener("pointermove", (event) => event.buttons === 1 && this.anchor && this.sweep(event));
    grid.body.addEventListener("dblclick", () => this.grid.questions.askValue());
  }

  clear() {
    this.active = this.anchor = null;
    this.grid.choice.choose([]);
    this.grid.schedule();
  }

  at(event) {
    const cell = event.target.closest?.("td");
    const row = cell?.parentElement;
    return row && row.dataset.row !== undefined ? { row: Number(row.dataset.row), column: cell.cellIndex } : null;
  }

  press(event) {
    const place = this.at(event);
    if (!place || event.button !== 0) return;
    this.go(place.row, place.column, event.shiftKey, false);
  }

  sweep(event) {
    const place = this.at(event);
    if (place && (place.row !== this.active.row || place.column !== this.active.column)) {
      this.go(place.row, place.column, true, false);
    }
  }

  go(row, column, extend, reveal = true) {
    const { total } = this.grid.scroller;
    if (total === 0) return;
    row = clamp(row, 0, total - 1);
    column = clamp(column, 0, this.grid.columns.length - 1);
    this.active = { row, column, id: this.grid.idOf(row) };
    if (!extend || !this.anchor) this.anchor = { ...this.active };
    if (reveal) {
      this.grid.scroller.reveal(row);
      this.grid.painter.revealColumn(column);
    }
    this.grid.schedule();
  }

  // Rows moved: the active cell stays with its row if that is in view, else by so many places.
  follow(shift) {
    for (const corner of [this.active, this.anchor]) {
      if (!corner) continue;
      const row = corner.id === undefined ? -1 : this.grid.rowOf(corner.id);
      corner.row = row >= 0 ? row : clamp(corner.row + shift, 0, Math.max(0, this.grid.scroller.total - 1));
      if (corner.id === undefined) corner.id = this.grid.idOf(corner.row);
    }
  }

  block() {
    if (!this.active) return null;
    const { active, anchor } = this;
    return {
      first: Math.min(active.row, anchor.row),
      last: Math.max(active.row, anchor.row),
      left: Math.min(active.column, anchor.column),
      right: Math.max(active.column, anchor.column),
    };
  }

  key(event) {
    if (event.target !== this.grid.scroller.box) return;
    const control = event.ctrlKey || event.metaKey;
    const { total } = this.grid.scroller;
    const page = Math.max(1, Math.floor(this.grid.scroller.rows) - 1);
    const { row, column } = this.active ?? { row: Math.floor(this.grid.scroller.top), column: 0 };
    const first = !this.active;
    const steps = {
      ArrowDown: () => [control ? total - 1 : first ? row : row + 1, column],
      ArrowUp: () => [control ? 0 : first ? row : row - 1, column],
      ArrowRight: () => [row, control ? this.grid.columns.length - 1 : first ? column : column + 1],
      ArrowLeft: () => [row, control ? 0 : first ? column : column - 1],
      PageDown: () => [row + page, column],
      PageUp: () => [row - page, column],
      Home: () => (control ? [0, 0] : [row, 0]),
      End: () => (control ? [total - 1, this.grid.columns.length - 1] : [row, this.grid.columns.length - 1]),
    };
    const step = steps[event.key];
    if (step) this.go(...step(), event.shiftKey);
    else if (control && event.key === "a") {
      this.anchor = { row: 0, column: 0 };
      this.active = { row: total - 1, column: this.grid.columns.length - 1 };
      this.grid.schedule();
    } else if (control && event.key === "c") this.grid.questions.copy();
    else if (event.key === "Enter" && this.active) this.grid.questions.askValue();
    else if (event.key === " ") this.grid.choice.key(event.shiftKey);
    else if (event.key === "Escape" && (this.active || this.grid.choice.ids.size)) this.clear();
    else if (event.key === "/") this.grid.tools.search.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
