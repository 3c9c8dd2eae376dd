// Scrolling through more rows than a page can be high: the scroll bar is scaled, the wheel and the keys are not.

const ROW_PX = 26;
const CANVAS_MAX_PX = 8_000_000;
const ROWS_SHOWN_MAX = 14;

class Scroller {
  constructor(grid) {
    this.grid = grid;
    this.box = element("div", "snb-scroll");
    this.box.tabIndex = 0;
    this.total = 0;
    this.top = 0; // the row at the upper edge, with its fraction
    this.expected = 0;
    this.headPx = 0;
    this.viewPx = 0;
    this.box.addEventListener("scroll", () => this.scrolled());
    this.box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.observer = new ResizeObserver(() => {
      this.measure();
      this.grid.moved();
    });
    this.observer.observe(this.box);
  }

  measure() {
    this.headPx = this.grid.head.node.offsetHeight;
    const rows = Math.min(this.total, ROWS_SHOWN_MAX);
    const height = `${this.headPx + rows * ROW_PX + this.barPx()}px`;
    if (this.box.style.height !== height) this.box.style.height = height;
    this.viewPx = Math.max(ROW_PX, this.box.clientHeight - this.headPx);
  }

  barPx() {
    return Math.max(0, this.box.offsetHeight - this.box.clientHeight); // of the horizontal scroll bar, and the border
  }

  get rows() {
    return this.viewPx / ROW_PX;
  }

  get topMax() {
    return Math.max(0, this.total - Math.floor(this.rows + 0.01));
  }

  get scaled() {
    return this.total * ROW_PX > CANVAS_MAX_PX;
  }

  get scrollMax() {
    return Math.max(1, Math.min(this.total * ROW_PX, CANVAS_MAX_PX) - this.viewPx);
  }

  // Rows came or went, `shift` of them before those on show, which stay where they are.
  setTotal(total, shift) {
    if (total === this.total && shift === 0) return;
    this.total = total;
    this.top += shift;
    this.grid.body.style.height = `${Math.min(total * ROW_PX, CANVAS_MAX_PX)}px`;
    this.measure();
    if (this.top !== clamp(this.top, 0, this.topMax)) this.moveTo(this.top);
    else if (this.scaled || shift !== 0) this.place();
  }

  scrolled() {
    if (!this.box.isConnected || Math.abs(this.box.scrollTop - this.expected) < 1.5) return;
    this.expected = this.box.scrollTop;
    this.top = this.scaled ? (this.expected / this.scrollMax) * this.topMax : this.expected / ROW_PX;
    this.top = clamp(this.top, 0, this.topMax);
    this.grid.moved();
  }

  wheel(event) {
    if (!this.scaled || event.ctrlKey || event.shiftKey || event.deltaY === 0) return;
    const rows = event.deltaMode === 1 ? event.deltaY : event.deltaMode === 2 ? event.deltaY * this.rows : event.deltaY / ROW_PX;
    const next = clamp(this.top + rows, 0, this.topMax);
    if (next === this.top) return; // the page scrolls on
    event.preventDefault();
    this.moveTo(next);
  }

  moveTo(top) {
    this.top = clamp(top, 0, this.topMax);
    this.place();
    this.grid.moved();
  }

  // Put the scroll bar where the top row is, without hearing of it.
  place() {
    const wanted = this.scaled ? (this.top / Math.max(1, this.topMax)) * this.scrollMax : this.top * ROW_PX;
    this.box.scrollTop = wanted;
    this.expected = this.box.scrollTop;
  }

  reveal(row) {
    if (row < this.top) this.moveTo(row);
    else if (row + 1 > this.top + Math.floor(this.rows + 0.01)) this.moveTo(row + 1 - Math.floor(this.rows + 0.01));
  }

  // Where a row is drawn, in pixels from the top of the body.
  y(row) {
    return (row - this.top) * ROW_PX + this.expected;
  }
}
