// The live table. Data reaches the page as text nodes and attributes only, never as HTML.
// The files of this folder are one module, put together in the order that the table's Python class names.

const ICONS = {
  search: "M7 2a5 5 0 1 0 3 9l3.3 3.3 1-1L11 10a5 5 0 0 0-4-8zm0 1.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z",
  filter: "M2 3h12L9.5 8.5V13l-3 1.500V8.500z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  play: "M4 2.500l9 5.500-9 5.500z",
  copy: "M5 1.500h8v9.500H5zM6.500 3v6.500h5V3zM3 5v8h6.500v1.500H1.500V5z",
  save: "M7.250 1.500h1.500v7l2.200-2.200 1 1L8 11.300 4.050 7.300l1-1 2.200 2.200zM2 12.500h12V14H2z",
  close: "M3.600 2.600 8 7l4.400-4.400 1 1L9 8l4.400 4.400-1 1L8 9l-4.400 4.400-1-1L7 8 2.600 3.600z",
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  picture.append(path);
  return picture;
}

function button(label, title, iconName, onClick) {
  const node = element("button", "snb-button");
  node.type = "button";
  node.title = title;
  if (iconName) node.append(icon(iconName));
  if (label) node.append(element("span", "", label));
  node.addEventListener("click", onClick);
  return node;
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}

const grouped = (number) => number.toLocaleString("en-US");

function plural(number, noun) {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}
