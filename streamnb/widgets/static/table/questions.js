// Questions to the kernel: whole values come from there, what is drawn may be cut.

class Questions {
  constructor(grid) {
    this.grid = grid;
    this.open = new Map(); // by number, what to do with the answer
    this.asked = Math.floor(Math.random() * 2 ** 40); // other pages on this kernel ask too
  }

  answer(message, data) {
    this.open.get(message.q)?.(message, data);
  }

  question(message) {
    const q = (this.asked += 1);
    return new Promise((resolve, reject) => {
      this.open.set(q, (answer, data) => {
        this.open.delete(q);
        const bytes = data ? new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength) : new Uint8Array();
        if (answer.problem) reject(new Error(answer.problem));
        else resolve({ answer, bytes });
      });
      this.grid.send({ ...message, q });
    });
  }

  async copy() {
    const top = Math.floor(this.grid.scroller.top);
    const whole = { first: top, last: Math.min(this.grid.scroller.total, top + Math.floor(this.grid.scroller.rows)) - 1, left: 0, right: this.grid.columns.length - 1 };
    const block = this.grid.selection.block() ?? whole;
    const columns = [];
    for (let column = block.left; column <= block.right; column += 1) columns.push(column);
    const count = block.last - block.first + 1;
    const ids = this.grid.idsOf(block.first, Math.min(count, 1000));
    const here = ids.length === count && !ids.includes(undefined);
    const single = count === 1 && columns.length === 1;
    const message = { type: "copy", columns, count, first: block.first, head: !single && columns.length === this.grid.columns.length };
    if (here) message.ids = ids;
    try {
      const { answer, bytes } = await this.question(message);
      await toClipboard(utf8.decode(bytes));
      const left = answer.left_out ? `, ${grouped(answer.left_out)} more are too many: save them as CSV` : "";
      this.grid.tell(`copied ${plural(answer.rows, "row")} of ${plural(columns.length, "column")}${left}`);
    } catch (error) {
      this.grid.tell(`not copied: ${error.message}`);
    }
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
        this.grid.tell(`saving ${grouped(answer.done)} of ${plural(answer.rows, "row")}`);
      }
      const link = element("a");
      link.href = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
      link.download = `${(this.grid.model.get("name") || "rows").replace(/[^\w.-]+/g, "_").slice(0, 60)}.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      this.grid.tell("saved");
    } catch (error) {
      this.grid.tell(`not saved: ${error.message}`);
    }
    this.exporting = false;
  }

  async askValue() {
    const { active } = this.grid.selection;
    const id = active && this.grid.idOf(active.row);
    if (id === undefined || id === null) return;
    const column = this.grid.columns[active.column];
    const { answer, bytes } = await this.question({ type: "cell", id, column: active.column });
    const text = answer.gone ? "this row is gone" : answer.null ? "null" : utf8.decode(bytes);
    showValue(this.grid, column, text);
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
