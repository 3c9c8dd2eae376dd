// The title bar of a dashboard. Texts reach the page as text nodes only.

const SEARCH_MS = 150; // a pause in typing after which the search goes out

// When the kernel renews the still picture, JupyterLab builds the view again: the reader goes on typing where they were.
const typing = new Map(); // by the model's id: the caret of a search box that has the focus

function searchBox(model) {
  const field = element("input", "snb-dash-search");
  field.type = "search";
  field.placeholder = "Search";
  field.title = "Show the rows that this occurs in";
  field.setAttribute("aria-label", "Search the dashboard");
  field.spellcheck = false;
  field.autocomplete = "off";
  field.value = model.get("search");
  let timer = 0;
  const send = () => {
    clearTimeout(timer);
    if (model.get("search") === field.value) return;
    model.set("search", field.value);
    model.save_changes();
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(send, field.value ? SEARCH_MS : 0);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") send();
    else if (event.key === "Escape") {
      field.value = "";
      send();
    } else return;
    event.stopPropagation();
  });
  const id = model.get("key");
  field.addEventListener("focus", () => typing.set(id, field));
  // A field that is taken away loses the focus too: one that is still there a moment later was left by its reader.
  field.addEventListener("blur", () => setTimeout(() => {
    if (field.isConnected && document.hasFocus() && typing.get(id) === field) typing.delete(id);
  }));
  const before = typing.get(id);
  if (before) {
    field.value = before.value;
    const focus = () => {
      if (!field.isConnected) requestAnimationFrame(focus);
      else {
        field.focus({ preventScroll: true });
        field.setSelectionRange(before.selectionStart, before.selectionEnd);
      }
    };
    requestAnimationFrame(focus);
  }
  return field;
}

function render({ model, el }) {
  el.classList.add("snb-dash-bar");
  const title = element("div", "snb-dash-title");
  title.setAttribute("role", "heading");
  title.setAttribute("aria-level", "2");
  const text = document.createTextNode("");
  const state = element("span", "snb-dash-state");
  state.setAttribute("role", "status");
  title.append(text, state);
  const draw = () => {
    text.data = model.get("title");
    state.textContent = model.get("summary");
    state.dataset.state = model.get("state");
    state.hidden = !model.get("summary");
  };
  el.append(title);
  if (model.get("searchable")) el.append(searchBox(model));
  draw();
  const names = ["title", "summary", "state"];
  for (const name of names) model.on(`change:${name}`, draw);
  return () => names.forEach((name) => model.off(`change:${name}`, draw));
}

export default { render };
