// The state of a chart in the page, and how it becomes what is drawn. No DOM and no Bokeh here.

const SLOT_OTHER = 10;
const TYPES = { at: Uint32Array, set: Float64Array, x: Float64Array, y: Float64Array, w: Float64Array, g: Uint8Array };

// Buffers of a message may start anywhere, arrays of numbers may not: copied.
function arrayOf(name, view) {
  const end = view.byteOffset + view.byteLength;
  return new TYPES[name](view.buffer.slice(view.byteOffset, end));
}

function joined(old, drop, more) {
  const result = new old.constructor(old.length - drop + more.length);
  result.set(drop ? old.subarray(drop) : old);
  result.set(more, old.length - drop);
  return result;
}

class Marks {
  constructor() {
    this.clear();
  }

  clear() {
    this.x = new Float64Array(0);
    this.y = new Float64Array(0);
    this.w = new Float64Array(0);
    this.g = new Uint8Array(0);
  }

  get length() {
    return this.y.length;
  }

  // Apply a frame as `marks.change_of` describes it.
  apply(frame, buffers) {
    const part = {};
    frame.names.forEach((name, i) => (part[name] = arrayOf(name, buffers[i])));
    if (frame.all) this.clear();
    const drop = frame.drop;
    if (part.at) part.at.forEach((at, i) => (this.y[drop + at] = part.set[i]));
    if (!part.x && !drop) return;
    const more = part.x ? part : { x: new Float64Array(0), y: new Float64Array(0), g: new Uint8Array(0) };
    this.x = joined(this.x, drop, more.x);
    this.y = joined(this.y, drop, more.y);
    this.g = joined(this.g, drop, more.g);
    this.w = joined(this.w, drop, more.w ?? new Float64Array(more.x.length));
  }

  // The numbers of the marks of each slot, those on show only, in the order of x.
  bySlot(slots, isShown) {
    const lists = Array.from({ length: slots }, () => []);
    for (let i = 0; i < this.length; i++) lists[this.g[i]].push(i);
    lists.forEach((list, slot) => {
      if (!isShown(slot)) list.length = 0;
      for (let k = 1; k < list.length; k++) {
        if (this.x[list[k]] < this.x[list[k - 1]]) {
          list.sort((a, b) => this.x[a] - this.x[b] || a - b);
          break;
        }
      }
    });
    return lists;
  }
}

// How wide the bars without a window are: as their nearest neighbours allow.
function barWidth(marks, scale) {
  if (scale === "category") return 1;
  const places = Float64Array.from(new Set(marks.x)).sort();
  let nearest = Infinity;
  for (let i = 1; i < places.length; i++) nearest = Math.min(nearest, places[i] - places[i - 1]);
  return Number.isFinite(nearest) ? nearest : scale === "time" ? 1000 : 1;
}

// Bars: `left`, `right`, `bottom`, `top` for each slot, side by side or on top of each other.
function barsOf(marks, lists, spec, isFaded) {
  const width = barWidth(marks, spec.scale);
  const drawn = lists.map((list, slot) => (list.length ? slot : -1)).filter((slot) => slot >= 0);
  const beside = spec.kind === "bar" && drawn.length > 1;
  const margin = spec.kind === "hist" ? 0.02 : spec.scale === "category" ? 0.14 : 0.06;
  const tops = new Map();
  return lists.map((list, slot) => {
    const n = list.length;
    const data = { left: new Float64Array(n), right: new Float64Array(n), bottom: new Float64Array(n),
      top: new Float64Array(n), alpha: new Float64Array(n) };
    list.forEach((i, k) => {
      const full = marks.w[i] || width;
      const start = marks.w[i] || spec.scale === "category" ? marks.x[i] : marks.x[i] - full / 2;
      const room = full * (1 - 2 * margin);
      const share = beside ? room / drawn.length : room;
      data.left[k] = start + full * margin + (beside ? drawn.indexOf(slot) * share : 0);
      data.right[k] = data.left[k] + share * (beside && share > 0 ? 0.94 : 1);
      const y = marks.y[i];
      let base = 0;
      if (!beside && drawn.length > 1) {
        const side = y >= 0 ? 0 : 1;
        const heights = tops.get(marks.x[i]) ?? [0, 0];
        base = heights[side];
        heights[side] += y;
        tops.set(marks.x[i], heights);
      }
      data.bottom[k] = base;
      data.top[k] = base + y;
      data.alpha[k] = isFaded(slot, marks.x[i]) ? 0.15 : 0.92;
    });
    return data;
  });
}

function linesOf(marks, lists) {
  return lists.map((list) => ({ x: Float64Array.from(list, (i) => marks.x[i]), y: Float64Array.from(list, (i) => marks.y[i]) }));
}

function cellsOf(marks, spec, isFaded) {
  const width = barWidth(marks, spec.scale);
  const n = marks.length;
  const data = { left: new Float64Array(n), right: new Float64Array(n), bottom: new Float64Array(n),
    top: new Float64Array(n), value: marks.y.slice(), alpha: new Float64Array(n) };
  for (let i = 0; i < n; i++) {
    const full = marks.w[i] || width;
    const start = marks.w[i] || spec.scale === "category" ? marks.x[i] : marks.x[i] - full / 2;
    data.left[i] = start + full * 0.015;
    data.right[i] = start + full * 0.985;
    data.bottom[i] = marks.g[i] + 0.03;
    data.top[i] = marks.g[i] + 0.97;
    data.alpha[i] = isFaded(marks.g[i], marks.x[i]) ? 0.2 : 1;
  }
  return data;
}

function extent(arrays) {
  let low = Infinity;
  let high = -Infinity;
  for (const values of arrays) {
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [low, high];
}

// Where the vertical axis starts and ends; bars and areas stand on zero, and lines that come near it as well.
function heightRange(low, high, onZero) {
  if (!(low <= high)) return [0, 1];
  if (onZero || (low >= 0 && low < 0.5 * high)) low = Math.min(low, 0);
  if (onZero || (high <= 0 && high > 0.5 * low)) high = Math.max(high, 0);
  const pad = (high - low) * 0.07 || Math.abs(high) * 0.1 || 1;
  return [low === 0 ? 0 : low - pad, high === 0 && low < 0 ? 0 : high + pad];
}

// An axis that trembles with every frame is hard to read: it grows at once, and shrinks when much is empty.
function steady(before, start, end) {
  if (!before) return [start, end];
  const size = end - start;
  const holds = before[0] <= start && before[1] >= end && before[1] - before[0] < size * 1.35;
  return holds ? before : [start, end];
}

// The index of the value nearest to a target in a sorted array.
function nearest(sorted, target) {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < target) low = middle + 1;
    else high = middle;
  }
  return low > 0 && target - sorted[low - 1] <= sorted[low] - target ? low - 1 : low;
}

function numberText(value) {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return value.toLocaleString("en-US", { maximumSignificantDigits: 6 });
}

function timeText(ms) {
  const moment = new Date(ms);
  if (Number.isNaN(moment.getTime())) return String(ms);
  const text = moment.toISOString().replace("T", " ").replace("Z", "");
  return text.endsWith(".000") ? text.slice(0, -4) : text;
}

// From one time to another, with the day said once.
function spanText(start, end, scale) {
  if (scale !== "time") return `${numberText(start)} – ${numberText(end)}`;
  const [from, to] = [timeText(start), timeText(end)];
  return `${from} – ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to}`;
}
