// The head of a dashboard's card: title, state, rate and error. Texts reach the page as text nodes and titles only.

function render({ model, el }) {
  el.classList.add("snb-card-head");
  const title = element("div", "snb-card-title");
  const state = element("div", "snb-card-state");
  const error = element("div", "snb-card-error");
  error.setAttribute("role", "alert");
  const draw = () => {
    title.textContent = model.get("title");
    state.hidden = !model.get("state");
    state.textContent = model.get("rate") || model.get("state").toLowerCase();
    state.dataset.state = model.get("state");
    state.title = model.get("detail");
    error.textContent = model.get("error");
    error.hidden = !model.get("error");
  };
  el.append(title, state, error);
  draw();
  model.on("change", draw);
  return () => model.off("change", draw);
}

export default { render };
