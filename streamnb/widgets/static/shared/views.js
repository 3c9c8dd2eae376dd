// Stands before a view's own files in one module: how a view hears the kernel, and outlives its place in the page.

const REBUILD_MS = 2000; // how long a view without a place waits for a new one

// What the kernel says and hears. Each view of a model sees it through an object of its own, whose listeners end with the view.
class Heard {
  listen(model) {
    this.hears ??= (message, buffers) => this.hear(message, buffers);
    if (this.heard) this.heard.off("msg:custom", this.hears);
    if (model) {
      this.model = model;
      model.on("msg:custom", this.hears);
    }
    this.heard = model;
  }

  // A view outlives its notebook for a moment, and has nobody to send to then.
  send(message) {
    try {
      this.model.send(message);
    } catch (error) {
      if (error.message !== "Cannot send") throw error;
    }
  }
}

// When the kernel renews the still picture of an output, JupyterLab builds its view again and forgets the old one. What
// is on the page then moves into the new place, as it is. A view has `root`, `moveTo`, `listen`, `start` and `stop`.
function takingOver(View) {
  const views = new Map(); // sets, by the key of the model: each view sees its model through another object
  return ({ model, el }) => {
    const key = model.get("key");
    const known = views.get(key) ?? new Set();
    views.set(key, known);
    let view = [...known].find((other) => !other.root.isConnected);
    if (view) {
      view.moveTo(el);
      view.listen(model);
    } else {
      view = new View(model, el);
      known.add(view);
      view.listen(model);
      view.start();
    }
    return () => setTimeout(() => {
      if (view.root !== el) return;
      view.listen(null);
      view.stop();
      known.delete(view);
      if (!known.size && views.get(key) === known) views.delete(key);
    }, REBUILD_MS);
  };
}
