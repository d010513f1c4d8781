// Plots as SVG: lines over time with bands and rules, and bars of two sides. A plot is a figure with a
// title in words, a line that says what is under the pointer or the arrow keys, and no more.

const PLOT = { width: 440, height: 170, left: 44, right: 8, top: 8, bottom: 22 };
const LOW = { ...PLOT, width: 640, height: 140 };
const WIDE = { ...PLOT, width: 640, height: 230 };

// About `most` round numbers between two others.
function ticks(low, high, most) {
  const step = 10 ** Math.floor(Math.log10((high - low) / most || 1));
  const size = [1, 2, 5, 10].map((by) => by * step).find((by) => (high - low) / by <= most) ?? step * 10;
  const found = [];
  for (let at = Math.ceil(low / size) * size; at <= high + size / 1e6; at += size) found.push(Math.abs(at) < size / 1e6 ? 0 : at);
  return found;
}

function scale(from, to, low, high) {
  const by = (high - low) / (to - from || 1);
  return (value) => low + (value - from) * by;
}

// The path of the values that are there; a gap where one is missing.
function path(values, x, y) {
  let text = "";
  let pen = false;
  values.forEach((value, at) => {
    if (value === null || value === undefined) pen = false;
    else {
      text += `${pen ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      // A value without neighbours would be a line without length.
      if (!pen && (values[at + 1] ?? null) === null) text += "h0.01";
      pen = true;
    }
  });
  return text;
}

function area(low, high, x, y) {
  let text = "";
  for (let from = 0; from < low.length; from += 1) {
    if ((low[from] ?? null) === null || (high[from] ?? null) === null) continue;
    let to = from;
    while (to + 1 < low.length && (low[to + 1] ?? null) !== null && (high[to + 1] ?? null) !== null) to += 1;
    const there = Array.from({ length: to - from + 1 }, (_, at) => from + at);
    const point = (side) => (at) => `${x(at).toFixed(1)} ${y(side[at]).toFixed(1)}`;
    text += `M${there.map(point(high)).join("L")}L${there.reverse().map(point(low)).join("L")}Z`;
    from = to;
  }
  return text;
}

function frame(box, name, note) {
  const readout = el("output", { class: "readout" });
  const plot = svg("svg", {
    viewBox: `0 0 ${box.width} ${box.height}`, role: "img", "aria-label": `${name}. ${note ?? ""}`, tabindex: "0", class: "plot",
  });
  const figure = el("figure", { class: "chart" }, el("figcaption", {}, el("b", {}, name), readout), plot);
  return { figure, plot, readout };
}

function grid(box, plot, y, marks, format) {
  for (const at of marks) {
    plot.append(
      svg("line", { x1: box.left, x2: box.width - box.right, y1: y(at), y2: y(at), class: "grid" }),
      svg("text", { x: box.left - 6, y: y(at) + 3.5, class: "tick", "text-anchor": "end" }, format(at)),
    );
  }
}

function timeTicks(box, plot, times, x) {
  const most = Math.min(Math.floor(box.width / 100), times.length);
  let last = "";
  for (let mark = 0; mark < most; mark += 1) {
    const at = most === 1 ? 0 : Math.round((mark * (times.length - 1)) / (most - 1));
    const text = when(times[at]);
    if (text === last) continue;
    last = text;
    const anchor = most === 1 ? "middle" : mark === 0 ? "start" : mark === most - 1 ? "end" : "middle";
    plot.append(svg("text", { x: x(at), y: box.height - 6, class: "tick", "text-anchor": anchor }, text));
  }
}

// Lines over time. `lines`: name, values, class; `band`: name, low, high; `rules`: value, label, class.
// `zero` has the axis begin there.
function timeChart({ name, times, lines, band = null, rules = [], format = number, zero = true, box = PLOT }) {
  const { figure, plot, readout } = frame(box, name, `${plural(times.length, "window")}`);
  const values = [...lines.map((line) => line.values), band?.low ?? [], band?.high ?? [], rules.map((rule) => rule.value)]
    .flat()
    .filter(Number.isFinite);
  if (values.length === 0) {
    plot.append(svg("text", { x: box.width / 2, y: box.height / 2, class: "tick", "text-anchor": "middle" }, "no values yet"));
    return figure;
  }
  let low = values.reduce((a, b) => Math.min(a, b));
  let high = values.reduce((a, b) => Math.max(a, b));
  if (zero) [low, high] = [Math.min(0, low), Math.max(0, high)];
  if (low === high) high = low + (Math.abs(low) || (format === percent ? 0.01 : 1));
  const room = (high - low) * 0.06;
  [low, high] = [zero && low === 0 ? 0 : low - room, high + room];
  const y = scale(low, high, box.height - box.bottom, box.top);
  const x =
    times.length < 2
      ? () => (box.left + box.width - box.right) / 2
      : scale(0, times.length - 1, box.left + 2, box.width - box.right);
  grid(box, plot, y, ticks(low, high, 4), format);
  timeTicks(box, plot, times, x);
  if (band) plot.append(svg("path", { d: area(band.low, band.high, x, y), class: "band" }));
  for (const rule of rules) {
    plot.append(
      svg("line", { x1: box.left, x2: box.width - box.right, y1: y(rule.value), y2: y(rule.value), class: `rule ${rule.class ?? ""}` }),
      svg("text", { x: box.width - box.right - 2, y: y(rule.value) - 3, class: "rule-label", "text-anchor": "end" }, rule.label),
    );
  }
  for (const line of lines) plot.append(svg("path", { d: path(line.values, x, y), class: `line ${line.class ?? ""}` }));
  pointAt(box, plot, readout, times, x, (at) => {
    const said = lines.map((line) => (lines.length > 1 ? `${line.name} ` : "") + format(line.values[at] ?? null));
    if (band) said.push(`${band.name} ${format(band.low[at] ?? null)} to ${format(band.high[at] ?? null)}`);
    return `${when(times[at])} · ${said.join(" · ")}`;
  });
  return figure;
}

// Lets pointer and arrow keys walk over the windows; shows the last one until then.
function pointAt(box, plot, readout, times, x, say) {
  const cursor = svg("line", { y1: box.top, y2: box.height - box.bottom, class: "cursor" });
  plot.append(cursor);
  let at = times.length - 1;
  const show = (next, isShown) => {
    at = Math.max(0, Math.min(times.length - 1, next));
    cursor.setAttribute("x1", x(at));
    cursor.setAttribute("x2", x(at));
    cursor.style.visibility = isShown ? "visible" : "hidden";
    readout.textContent = say(at);
  };
  plot.addEventListener("pointermove", (event) => {
    const drawn = plot.getBoundingClientRect();
    const across = ((event.clientX - drawn.left) / drawn.width) * box.width;
    const [from, to] = [x(0), x(times.length - 1)];
    show(Math.round(((across - from) / (to - from || 1)) * (times.length - 1)), true);
  });
  plot.addEventListener("pointerleave", () => show(times.length - 1, false));
  plot.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -times.length, End: times.length }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    show(at + by, true);
  });
  plot.addEventListener("blur", () => show(times.length - 1, false));
  show(at, false);
}

// The end of an interval's label, such as 71 of `(60, 71]`; none where it has no end.
const INTERVAL = /^[([](?:-inf|[-\d.e+]+), (\+inf|[-\d.e+]+)[\])]$/;

function shares(counts) {
  const all = counts.reduce((a, b) => a + b, 0) || 1;
  return counts.map((rows) => rows / all);
}

// Shares of two sides by bin: the reference as an outline, the window filled. Between intervals stands the
// number that parts them, under categories their name.
function shareChart({ name, labels, reference, current }) {
  const areIntervals = labels.every((label) => INTERVAL.test(label));
  const isTurned = !areIntervals && labels.some((label) => label.length * labels.length > 70);
  const box = { ...WIDE, bottom: isTurned ? 56 : WIDE.bottom };
  const { figure, plot, readout } = frame(box, name, "Shares of the reference and of the window by bin.");
  const [before, now] = [shares(reference), shares(current)];
  const most = [...before, ...now].reduce((a, b) => Math.max(a, b), 0) * 1.06 || 1;
  const y = scale(0, most, box.height - box.bottom, box.top);
  const width = (box.width - box.left - box.right) / labels.length;
  grid(box, plot, y, ticks(0, most, 4), percent);
  const say = (at) => `${labels[at]} · reference ${percent(before[at])} · ${CURRENT} ${percent(now[at])}`;
  labels.forEach((label, at) => {
    const left = box.left + at * width;
    const bar = (value, inset, css) =>
      svg("rect", {
        x: left + width * inset, width: width * (1 - 2 * inset), y: y(value), height: Math.max(0, y(0) - y(value)), class: css,
      });
    const room = svg("rect", { x: left, width, y: box.top, height: y(0) - box.top, class: "room" });
    const group = svg("g", {}, svg("title", {}, say(at)), room, bar(now[at], 0.16, "now"), bar(before[at], 0.07, "before"));
    group.addEventListener("pointerenter", () => (readout.textContent = say(at)));
    plot.append(group);
    if (areIntervals) {
      const end = INTERVAL.exec(label)[1];
      if (at + 1 < labels.length) plot.append(svg("text", { x: left + width, y: box.height - 6, class: "tick", "text-anchor": "middle" }, number(Number(end))));
      return;
    }
    const middle = left + width / 2 + (isTurned ? 4 : 0);
    const down = box.height - box.bottom + 14;
    const turned = isTurned ? { transform: `rotate(-28 ${middle} ${down - 4})` } : {};
    const text = label.length > 16 ? `${label.slice(0, 15)}…` : label;
    plot.append(svg("text", { x: middle, y: down, class: "tick", "text-anchor": isTurned ? "end" : "middle", ...turned }, text));
  });
  let at = 0;
  plot.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    at = Math.max(0, Math.min(labels.length - 1, at + by));
    readout.textContent = say(at);
  });
  figure.append(el("p", { class: "key" }, el("span", {}, el("i", { class: "swatch before" }), "reference"), el("span", {}, el("i", { class: "swatch now" }), CURRENT)));
  return figure;
}

// A row of small blocks, one a window: a path for each verdict.
function strip(verdicts) {
  const width = 4;
  const letters = [...new Set(verdicts)];
  const block = (at) => `M${at * width} 0h${width - 1}v16h${1 - width}z`;
  const paths = letters.map((letter) => {
    const d = [...verdicts].map((other, at) => (other === letter ? block(at) : "")).join("");
    return svg("path", { d, class: `cell ${VERDICTS[letter].name}` });
  });
  const words = letters.map((letter) => plain(VERDICTS[letter].name)).join(", ");
  const size = { width: verdicts.length * width, height: 16, viewBox: `0 0 ${verdicts.length * width || 1} 16` };
  return svg("svg", { ...size, class: "strip", role: "img", "aria-label": `the last ${plural(verdicts.length, "window")}: ${words}` }, paths);
}

// Both sides of a feature small enough for a row of a table: the reference as an outline, the other filled.
function smallShares({ labels, reference, current }) {
  const [width, height] = [88, 24];
  const [before, now] = [shares(reference), shares(current)];
  const y = scale(0, Math.max(...before, ...now) || 1, height, 1);
  const step = width / labels.length;
  const bars = (values, inset, css) => values.map((value, at) =>
    svg("rect", { x: (at + inset) * step, width: step * (1 - 2 * inset), y: y(value), height: height - y(value), class: css }));
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "small", role: "img", "aria-label": "shares by bin" },
    bars(now, 0.12, "now"), bars(before, 0.04, "before"));
}
