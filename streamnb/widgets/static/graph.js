// The graph: shapes of a few kinds, built as SVG elements. Texts become text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = new Set(["rect", "path", "text", "circle"]);
const ATTRIBUTES = new Set(["class", "x", "y", "width", "height", "rx", "cx", "cy", "r", "d"]);

function build(shape) {
  const node = document.createElementNS(SVG, shape.shape);
  for (const [name, value] of Object.entries(shape)) if (ATTRIBUTES.has(name)) node.setAttribute(name, value);
  if (shape.title !== undefined) {
    const title = document.createElementNS(SVG, "title");
    title.textContent = shape.title;
    node.append(title);
  }
  if (shape.text !== undefined) node.append(shape.text);
  return node;
}

function render({ model, el }) {
  el.classList.add("snb-graph");
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "graph of the pipeline");
  el.append(svg);
  const drawAll = () => {
    const { width, height, shapes } = model.get("drawing");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.maxWidth = `${width}px`;
    svg.style.minWidth = `${Math.min(width, Math.max(width * 0.62, 320))}px`;
    svg.replaceChildren(...shapes.filter((shape) => SHAPES.has(shape.shape)).map(build));
  };
  drawAll();
  model.on("change:drawing", drawAll);
  return () => model.off("change:drawing", drawAll);
}

export default { render };
