// The bar above the rows: search, filters, what is shown and how, copy and export.

class Tools {
  constructor(grid) {
    this.grid = grid;
    this.node = element("div", "snb-tools");
    this.node.setAttribute("role", "toolbar");
    this.node.setAttribute("aria-label", "table");
    const field = element("label", "snb-search");
    field.append(icon("search"));
    this.search = element("input", "snb-input");
    this.search.type = "search";
    this.search.spellcheck = false;
    this.search.placeholder = "search all columns";
    this.search.setAttribute("aria-label", "search all columns");
    this.search.addEventListener("input", () => grid.searchFor(this.search.value));
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") grid.scroller.box.focus();
    });
    field.append(this.search);
    this.filter = button("", "filter by column", "filter", () => grid.toggleFilters());
    this.filter.setAttribute("aria-label", "filter by column");
    this.node.append(field, this.filter);
    if (grid.isTable && grid.isLive) this.node.append(this.kinds());
    this.node.append(grid.choice.chip, element("span", "snb-gap"));
    this.group = button("1,000", "thousands separators", null, () => grid.set("group", !grid.settings.group));
    this.zone = button("UTC", "times in UTC or in local time", null, () => grid.set("local", !grid.settings.local));
    this.pause = button("Pause", "let new rows wait", "pause", () => grid.pause(!grid.state.paused));
    this.copy = button("", "copy the selected cells, or the rows on show (Ctrl+C)", "copy", () => grid.questions.copy());
    this.copy.setAttribute("aria-label", "copy");
    this.csv = button("CSV", "save all rows of this view as a CSV file", "save", () => grid.questions.exportAll());
    this.node.append(this.group, this.zone);
    if (grid.isLive) this.node.append(this.pause);
    this.node.append(this.copy, this.csv);
  }

  // A table's rows, or the changes that made them.
  kinds() {
    const box = element("span", "snb-switch");
    box.setAttribute("role", "radiogroup");
    box.setAttribute("aria-label", "what is shown");
    this.choices = [["Rows", "the current row of each key", false], ["Changes", "the newest changes, one below the other", true]].map(
      ([label, title, changes]) => {
        const choice = button(label, title, null, () => this.grid.showChanges(changes));
        choice.setAttribute("role", "radio");
        choice.dataset.changes = String(changes);
        return choice;
      },
    );
    box.append(...this.choices);
    return box;
  }

  mark() {
    const { state, settings, columns } = this.grid;
    if (document.activeElement !== this.search) this.search.value = state.search;
    const filtered = Object.values(state.filters).some((text) => text !== "");
    this.filter.setAttribute("aria-pressed", String(settings.filters));
    this.filter.classList.toggle("snb-set", filtered);
    this.group.setAttribute("aria-pressed", String(settings.group));
    this.group.hidden = !columns.some((column) => column.kind === "number");
    this.zone.hidden = !columns.some(isInstant);
    this.zone.querySelector("span").textContent = settings.local ? "local" : "UTC";
    this.pause.setAttribute("aria-pressed", String(state.paused));
    this.pause.replaceChildren(icon(state.paused ? "play" : "pause"), element("span", "", state.paused ? "Resume" : "Pause"));
    for (const choice of this.choices ?? []) {
      choice.setAttribute("aria-checked", String(choice.dataset.changes === String(state.changes)));
    }
  }
}
