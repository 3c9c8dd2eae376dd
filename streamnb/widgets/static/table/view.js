// When the kernel renews the still picture of an output, JupyterLab builds its view again and forgets the old one.
// The table on the page then moves into the new place, with its rows, its sorting and where it was scrolled to.

const REBUILD_MS = 2000; // how long a table without a place waits for a new one
const tables = new Map(); // by the key of the model: each view sees its model through another object

function render({ model, el }) {
  const key = model.get("key");
  let table = tables.get(key);
  if (table && !table.root.isConnected) {
    table.moveTo(el);
    table.listen(model);
  } else {
    table = new Grid(model, el);
    tables.set(key, table);
    table.listen(model);
    model.send({ type: "mount" });
  }
  return () => setTimeout(() => {
    if (table.root !== el) return;
    table.listen(null);
    table.scroller.observer.disconnect();
    if (table.pending) cancelAnimationFrame(table.pending);
    if (tables.get(key) === table) tables.delete(key);
  }, REBUILD_MS);
}

export default { render };
