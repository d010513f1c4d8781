// The heat map: features down, windows across. It is drawn on a canvas, the rows in sight only, from a
// sheet of one pixel a cell, whose rows are painted when they first come into sight. Where windows are
// more than pixels, a pixel shows the worst of its windows.

const ROW = 18;
const AXIS = 24;

// `features`: the rows of the heat map. `by`: `verdict` or `size`. `onOpen` gets a feature's name. What is
// returned shows some of the rows, in their order.
function heatMap({ windows, features, by, onOpen }) {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const spacer = el("div", { class: "heat-space" });
  const readout = el("output", { class: "readout", "aria-live": "polite" });
  const scroll = el("div", { class: "heat", tabindex: "0", role: "application" }, canvas, spacer);
  const pen = canvas.getContext("2d");
  const font = getComputedStyle(document.body).fontFamily;
  const numbers = new Map(features.map((row, at) => [row, at]));
  let rows = features;
  let cursor = null;
  let sheet = null;
  let size = { width: 0, height: 0, gutter: 0, columns: 1 };

  function layout() {
    const width = scroll.clientWidth;
    if (width === 0) return;
    const height = Math.min(rows.length * ROW, 30 * ROW) + AXIS;
    const gutter = Math.min(190, Math.round(width * 0.32));
    const columns = Math.max(1, Math.min(windows.ends.length, Math.floor(width - gutter)));
    const dense = window.devicePixelRatio || 1;
    if (sheet === null || columns !== size.columns) sheet = blankSheet(columns);
    scroll.style.height = `${height}px`;
    spacer.style.height = `${rows.length * ROW + AXIS - height}px`;
    if (width !== size.width || height !== size.height) {
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
      pen.setTransform(dense, 0, 0, dense, 0, 0);
    }
    size = { width, height, gutter, columns };
    draw();
  }

  function blankSheet(columns) {
    const picture = document.createElement("canvas");
    picture.width = columns;
    picture.height = features.length;
    return { picture, ink: picture.getContext("2d", { willReadFrequently: true }), painted: new Uint8Array(features.length), palette: palette(by) };
  }

  // The place of a row on the sheet, where it is painted now.
  function painted(row) {
    const at = numbers.get(row);
    if (sheet.painted[at]) return at;
    sheet.painted[at] = 1;
    const { columns } = size;
    const image = sheet.ink.createImageData(columns, 1);
    const pixels = new Uint32Array(image.data.buffer);
    const { values, rank } = sheet.palette;
    const total = windows.ends.length;
    const text = (by === "size" && row.sizes) || row.verdicts;
    for (let column = 0; column < columns; column += 1) {
      const from = Math.floor((column * total) / columns);
      const end = Math.max(from + 1, Math.floor(((column + 1) * total) / columns));
      let worst = text.charCodeAt(from);
      for (let window = from + 1; window < end; window += 1) {
        const code = text.charCodeAt(window);
        if (rank[code] > rank[worst]) worst = code;
      }
      pixels[column] = values[worst];
    }
    sheet.ink.putImageData(image, 0, at);
    return at;
  }

  function draw() {
    if (sheet === null) return;
    const { width, height, gutter, columns } = size;
    const [panel, ink, accent] = [colour("panel"), colour("ink"), colour("accent")];
    const first = Math.floor(scroll.scrollTop / ROW);
    const shift = scroll.scrollTop % ROW;
    const shown = rows.slice(first, first + Math.ceil((height - AXIS) / ROW) + 1);
    // All of them before the first is drawn: a canvas that is painted after it was drawn is copied whole.
    const places = shown.map(painted);
    const cell = (width - gutter) / windows.ends.length;
    pen.clearRect(0, 0, width, height);
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, width, height - AXIS);
    pen.clip();
    pen.imageSmoothingEnabled = false;
    pen.font = `12px ${font}`;
    pen.textBaseline = "middle";
    shown.forEach((row, at) => {
      const down = at * ROW - shift;
      pen.drawImage(sheet.picture, 0, places[at], columns, 1, gutter, down, width - gutter, ROW - 1);
      pen.fillStyle = cursor?.row === first + at ? accent : ink;
      pen.fillText(shortened(row.feature, gutter - 14), 2, down + ROW / 2 + 0.5);
    });
    if (cell >= 7) {
      pen.fillStyle = panel;
      windows.ends.forEach((_, at) => pen.fillRect(gutter + at * cell - 1, 0, 1, height));
    }
    if (cursor) {
      pen.strokeStyle = ink;
      pen.lineWidth = 1.5;
      pen.strokeRect(gutter + cursor.at * cell, cursor.row * ROW - scroll.scrollTop + 0.5, Math.max(cell, 3), ROW - 2);
    }
    pen.restore();
    axis(cell);
  }

  function axis(cell) {
    const { width, height, gutter } = size;
    const total = windows.ends.length;
    pen.fillStyle = colour("muted");
    pen.font = `11px ${font}`;
    pen.textBaseline = "alphabetic";
    const marks = Math.max(1, Math.min(6, Math.floor((width - gutter) / 110), total));
    for (let mark = 0; mark < marks; mark += 1) {
      const at = marks === 1 ? total - 1 : Math.round((mark * (total - 1)) / (marks - 1));
      pen.textAlign = marks === 1 ? "right" : mark === 0 ? "left" : mark === marks - 1 ? "right" : "center";
      const across = pen.textAlign === "left" ? gutter : pen.textAlign === "right" ? width : gutter + (at + 0.5) * cell;
      pen.fillText(when(windows.ends[at]), across, height - 7);
    }
    pen.textAlign = "left";
  }

  function shortened(text, room) {
    if (pen.measureText(text).width <= room) return text;
    let length = Math.floor((text.length * room) / pen.measureText(text).width);
    while (length > 1 && pen.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
    return `${text.slice(0, length)}…`;
  }

  function point(next) {
    cursor = next && rows.length ? {
      row: Math.max(0, Math.min(rows.length - 1, next.row)),
      at: Math.max(0, Math.min(windows.ends.length - 1, next.at)),
    } : null;
    if (cursor) {
      const row = rows[cursor.row];
      const { name } = VERDICTS[row.verdicts[cursor.at] ?? "."];
      readout.textContent = `${row.feature} · ${when(windows.ends[cursor.at])} · ${plain(name)}`;
    } else readout.textContent = "";
    draw();
  }

  function under(event) {
    const box = canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top + scroll.scrollTop) / ROW);
    const across = (event.clientX - box.left - size.gutter) / (size.width - size.gutter);
    const isInside = event.clientY - box.top < size.height - AXIS && row < rows.length;
    return isInside ? { row, at: Math.floor(Math.max(0, across) * windows.ends.length) } : null;
  }

  scroll.addEventListener("scroll", () => draw());
  scroll.addEventListener("pointermove", (event) => point(under(event)));
  scroll.addEventListener("pointerleave", () => point(null));
  scroll.addEventListener("click", (event) => {
    const found = under(event);
    if (found) onOpen(rows[found.row].feature);
  });
  scroll.addEventListener("keydown", (event) => {
    const from = cursor ?? { row: 0, at: windows.ends.length - 1 };
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-20, 0], PageDown: [20, 0], Home: [-1e6, 0], End: [1e6, 0] };
    if (event.key === "Enter" && cursor) return onOpen(rows[cursor.row].feature);
    const move = moves[event.key];
    if (!move) return undefined;
    event.preventDefault();
    point(cursor ? { row: from.row + move[0], at: from.at + move[1] } : from);
    const top = cursor.row * ROW;
    const inner = size.height - AXIS - ROW;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    if (top > scroll.scrollTop + inner) scroll.scrollTop = top - inner;
    return undefined;
  });
  new ResizeObserver(layout).observe(scroll);
  const show = (wanted) => {
    rows = wanted;
    cursor = null;
    scroll.setAttribute("aria-label", `Heat map of ${plural(rows.length, "feature")} over ${plural(windows.ends.length, "window")}. Arrow keys move, Enter opens a feature.`);
    layout();
  };
  // Colours are others now.
  const recolour = () => {
    sheet = null;
    layout();
  };
  return { node: el("div", {}, scroll, el("div", { class: "under" }, legend(by), readout)), scroll, show, recolour };
}

// The colour of each character as a pixel, and which of two characters is shown.
function palette(by) {
  const values = new Uint32Array(128);
  const rank = new Int8Array(128);
  const set = (letter, name, order) => {
    const at = letter.charCodeAt(0);
    values[at] = pixel(colour(name));
    rank[at] = order;
  };
  [...RANK].forEach((letter, order) => set(letter, VERDICTS[letter].name, order));
  if (by === "size") [..."0123456789"].forEach((digit, order) => set(digit, `size-${digit}`, order + 1));
  return { values, rank };
}

// `#rrggbb` as a pixel of an image.
function pixel(text) {
  const parsed = Number.parseInt(text.slice(1), 16);
  return ((255 << 24) | ((parsed & 255) << 16) | (parsed & 0xff00) | (parsed >> 16)) >>> 0;
}

function legend(by) {
  const verdicts = ["ok", "warning", "drift", "critical", "insufficient"];
  const named = (css, text) => el("span", {}, el("i", { class: `swatch ${css}` }), text);
  if (by === "verdict") return el("p", { class: "key" }, verdicts.map((name) => named(name, plain(name))));
  const steps = Array.from({ length: 10 }, (_, at) => el("i", { class: `swatch size-${at}` }));
  return el("p", { class: "key" }, el("span", {}, "no change ", steps, " 1.8 × the threshold or more"));
}
