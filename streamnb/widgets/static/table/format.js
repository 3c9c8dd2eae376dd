// Values as people read them. A number comes as a number where that is exact, and as its digits where it is not.

const INSTANT_MIN = -62135596800000; // year 1
const INSTANT_MAX = 253402300799999; // year 9999
const DIGITS = /^([+-]?)(\d{4,})(.*)$/;

function groupDigits(text) {
  const match = DIGITS.exec(text);
  return match ? match[1] + match[2].replace(/\B(?=(\d{3})+$)/g, ",") + match[3] : text;
}

function numberText(value, column, group) {
  let text = String(value);
  if (column.type === "DOUBLE" && Number.isInteger(value) && Math.abs(value) < 1e15) {
    text = Object.is(value, -0) ? "-0.0" : value.toFixed(1);
  }
  return group ? groupDigits(text) : text;
}

function instantText(value, column, local) {
  if (typeof value !== "number") return value; // TIME comes as text
  if (!(value >= INSTANT_MIN && value <= INSTANT_MAX)) return String(value);
  const shifted = local && column.type !== "DATE" ? value - new Date(value).getTimezoneOffset() * 60000 : value;
  const text = new Date(Math.floor(shifted)).toISOString();
  if (column.type === "DATE") return text.slice(0, 10);
  return `${text.slice(0, 10)} ${text.slice(11, value % 1000 === 0 ? 19 : 23)}`;
}

function cellText(value, column, settings) {
  if (value === null) return "null";
  if (column.kind === "number") return numberText(value, column, settings.group);
  if (column.kind === "time") return instantText(value, column, settings.local);
  return String(value);
}

function cellTitle(value, column, text) {
  if (value === null) return "";
  if (column.kind === "number") {
    const group = groupDigits(text);
    return group === text ? "" : group;
  }
  if (column.kind === "time" && typeof value === "number" && column.type !== "DATE") {
    return `${instantText(value, column, false)} UTC\n${instantText(value, column, true)} local time`;
  }
  return text.length > 24 ? text : "";
}

function isInstant(column) {
  return column.kind === "time" && column.type !== "DATE" && column.type !== "TIME";
}
