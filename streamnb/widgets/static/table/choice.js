// The rows that the reader has selected: the kernel restricts the other views of the query to them, and follows them.

const SELECTED_MAX = 200; // as in streamnb/widgets/choice.py

class Choice {
  constructor(grid) {
    this.grid = grid;
    this.ids = new Set();
    this.label = element("span", "snb-pick-text");
    this.chip = button("", "Take the selection away (Escape)", null, () => {
      this.choose([]);
      grid.scroller.box.focus();
    });
    this.chip.classList.add("snb-pick");
    this.chip.append(this.label, icon("close"));
    this.chip.hidden = true;
    grid.body.addEventListener("click", (event) => this.click(event));
  }

  get possible() {
    return this.grid.isLive && !this.grid.state.changes;
  }

  // A press that swept over other cells has marked these for copying, and is no click on any of them.
  click(event) {
    const row = event.target.closest?.("td")?.parentElement;
    const id = row && this.grid.painter.idOf(row);
    if (id === undefined || !this.possible) return;
    if (event.shiftKey) this.chooseBlock();
    else if (event.ctrlKey || event.metaKey) this.toggle(id);
    else this.choose(this.ids.size === 1 && this.ids.has(id) ? [] : [id]);
  }

  // Space selects the active row beside the others, with Shift all rows of the block of cells.
  key(shift) {
    const { active } = this.grid.selection;
    if (!active || !this.possible) return;
    const id = this.grid.idOf(active.row);
    if (shift) this.chooseBlock();
    else if (id !== undefined) this.toggle(id);
  }

  toggle(id) {
    const ids = new Set(this.ids);
    if (!ids.delete(id)) ids.add(id);
    this.choose([...ids]);
  }

  chooseBlock() {
    const { first, last } = this.grid.selection.block();
    const count = Math.min(SELECTED_MAX, last - first + 1);
    const ids = this.grid.idsOf(first, count);
    if (ids.includes(undefined)) this.choose(ids.filter((id) => id !== undefined), { first, count });
    else this.choose(ids);
    if (last - first >= SELECTED_MAX) this.grid.tell(`the first ${SELECTED_MAX} rows are selected`);
  }

  // What is known here is marked at once; the kernel's answer says how it is.
  choose(ids, wanted = { ids }) {
    if (!ids.length && !this.ids.size) return;
    this.show(ids, "");
    this.grid.send({ type: "select", ...wanted });
    this.grid.say(ids.length ? `${plural(wanted.count ?? ids.length, "row")} selected` : "no row selected");
  }

  hear({ ids, text }) {
    this.show(ids, text);
  }

  show(ids, text) {
    this.ids = new Set(ids);
    this.label.textContent = text || plural(ids.length, "row");
    this.chip.hidden = ids.length === 0;
    this.grid.schedule();
  }
}
