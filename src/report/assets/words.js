// Words, numbers and times for people, and the one way in which elements are made: text is always
// text, so that no name can become markup.

const VERDICTS = {
  o: { name: "ok", mark: "●" },
  w: { name: "warning", mark: "▲" },
  d: { name: "drift", mark: "◆" },
  c: { name: "critical", mark: "■" },
  i: { name: "insufficient", mark: "○" },
  n: { name: "no_reference", mark: "○" },
  ".": { name: "absent", mark: "·" },
};
// From the least worth a look to the most.
const RANK = ".noiwdc";
const LETTER = Object.fromEntries(Object.entries(VERDICTS).map(([letter, { name }]) => [name, letter]));

// An element with attributes, listeners (`onclick`), properties of style (`style: {…}`) and children.
function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

// The same for SVG.
function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

// Puts children in the place of those that a node has; what is not there is left out.
function put(node, ...children) {
  node.replaceChildren(...children.flat(9).filter(isThere));
}

function isThere(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style") Object.entries(value).forEach(([name, is]) => node.style.setProperty(name, is));
    else if (key === "value") node.value = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter(isThere));
  return node;
}

// Four digits that say something, `–` for none.
function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(1).replace("e+", "e");
  const decimals = Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(Math.max(size, 1e-3)))));
  const text = value.toFixed(decimals);
  return text.includes(".") ? text.replace(/\.?0+$/, "").replace(/^-0$/, "0") : text;
}

function percent(share) {
  return share === null || share === undefined || !Number.isFinite(share)
    ? "–"
    : `${number(Math.round(share * 1e4) / 100)} %`;
}

// A whole number with thin spaces between its thousands.
function count(value) {
  return value === null || value === undefined ? "–" : String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

function plural(amount, what) {
  return `${count(amount)} ${what}${amount === 1 ? "" : "s"}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// `4 Mar 11:00`, in UTC as all event times are; with seconds where there are some.
function when(time) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return "–";
  const two = (part) => String(part).padStart(2, "0");
  const seconds = at.getUTCSeconds() ? `:${two(at.getUTCSeconds())}` : "";
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}${seconds}`;
}

function stamp(time) {
  return el("time", { datetime: time, title: `${time} (UTC)` }, when(time));
}

// A span of milliseconds in its largest units.
function span(ms) {
  const units = [["d", 86400e3], ["h", 3600e3], ["min", 60e3], ["s", 1e3]];
  const [unit, size] = units.find(([, size]) => Math.abs(ms) >= size) ?? units[3];
  return `${number(Math.round((ms / size) * 10) / 10)} ${unit}`;
}

function plain(word) {
  return String(word).replaceAll("_", " ");
}

// Why retraining is not asked for although it is due, by the reasons of window reports.
const WITHHELD = {
  inherited_reference: "the reference is another version's",
  bootstrap_reference: "the reference is made of the version's own first rows",
  min_traffic_share: "too little of the model's traffic goes to it",
  warmup: "it has not been seen for long enough",
  settle: "the drift is too young",
  min_rows_since_onset: "too few rows have come since the drift began",
  block_on: "the data themselves are broken or incomplete",
  muted: "all that has drifted is muted",
  rejected: "someone has rejected it",
  open_trigger: "it is asked for already",
  cooldown: "it was asked for a short time ago",
  daily_budget: "today's requests are used up",
  max_attempts: "all attempts have failed",
};

// The name of a model, version and segment.
function title({ model, version, segment }) {
  return [model, version].filter((part) => part !== "").join("/") + (segment.length ? ` · ${segment.join(", ")}` : "");
}

function sameKey(a, b) {
  return a.model === b.model && a.version === b.version && JSON.stringify(a.segment) === JSON.stringify(b.segment);
}

function chip(verdict, label) {
  const { mark } = VERDICTS[LETTER[verdict] ?? "."];
  return el("span", { class: `chip ${verdict}` }, el("span", { "aria-hidden": "true" }, mark), ` ${label ?? plain(verdict)}`);
}

// A verdict's colour as it is now, for a canvas.
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
