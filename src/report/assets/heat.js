// The heat map: features down, windows across. It is drawn on a canvas, the rows in sight only, from a
// picture of one pixel a cell that is made anew when the rows, the colours or the width change. Where
// windows are more than pixels, a pixel shows the worst of its windows.

const ROW = 18;
const AXIS = 24;

// `rows`: of the heat map, in their order. `by`: `verdict` or `size`. `onOpen` gets a feature's name.
function heatMap({ windows, rows, by, onOpen }) {
  const canvas = el("canvas", { "aria-hidden": "true" });
  const spacer = el("div", { class: "heat-space" });
  const readout = el("output", { class: "readout", "aria-live": "polite" });
  const scroll = el("div", {
    class: "heat", tabindex: "0", role: "application",
    "aria-label": `Heat map of ${plural(rows.length, "feature")} over ${plural(windows.ends.length, "window")}. Arrow keys move, Enter opens a feature.`,
  }, canvas, spacer);
  const pen = canvas.getContext("2d");
  let cursor = null;
  let picture = null;
  let columns = 1;
  let size = { width: 0, height: 0, gutter: 0 };

  function layout() {
    const width = scroll.clientWidth;
    if (width === 0) return;
    const height = Math.min(rows.length * ROW, 30 * ROW) + AXIS;
    const gutter = Math.min(190, Math.round(width * 0.32));
    const dense = window.devicePixelRatio || 1;
    size = { width, height, gutter };
    scroll.style.height = `${height}px`;
    spacer.style.height = `${rows.length * ROW + AXIS - height}px`;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    columns = Math.max(1, Math.min(windows.ends.length, Math.floor(width - gutter)));
    picture = paint();
    draw();
  }

  // One pixel a feature and column.
  function paint() {
    if (rows.length === 0) return null;
    const sheet = document.createElement("canvas");
    sheet.width = columns;
    sheet.height = rows.length;
    const ink = sheet.getContext("2d");
    const image = ink.createImageData(columns, rows.length);
    const pixels = new Uint32Array(image.data.buffer);
    const { values, rank } = palette(by);
    const total = windows.ends.length;
    rows.forEach((row, down) => {
      const text = (by === "size" && row.sizes) || row.verdicts;
      for (let column = 0; column < columns; column += 1) {
        const end = Math.max(Math.floor((column * total) / columns) + 1, Math.floor(((column + 1) * total) / columns));
        let worst = 46;
        for (let at = Math.floor((column * total) / columns); at < end; at += 1) {
          const code = text.charCodeAt(at);
          if (rank[code] > rank[worst]) worst = code;
        }
        pixels[down * columns + column] = values[worst];
      }
    });
    ink.putImageData(image, 0, 0);
    return sheet;
  }

  function draw() {
    if (picture === null && rows.length > 0) return;
    const { width, height, gutter } = size;
    const first = Math.floor(scroll.scrollTop / ROW);
    const shift = scroll.scrollTop % ROW;
    const shown = Math.min(rows.length - first, Math.ceil((height - AXIS) / ROW) + 1);
    pen.clearRect(0, 0, width, height);
    if (rows.length === 0) return;
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, width, height - AXIS);
    pen.clip();
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, 0, first, columns, shown, gutter, -shift, width - gutter, shown * ROW);
    pen.strokeStyle = colour("panel");
    pen.lineWidth = 1;
    pen.beginPath();
    for (let row = 0; row <= shown; row += 1) {
      pen.moveTo(gutter, row * ROW - shift + 0.5);
      pen.lineTo(width, row * ROW - shift + 0.5);
    }
    const cell = (width - gutter) / windows.ends.length;
    for (let at = 0; cell >= 7 && at <= windows.ends.length; at += 1) {
      pen.moveTo(gutter + at * cell - 0.5, 0);
      pen.lineTo(gutter + at * cell - 0.5, height);
    }
    pen.stroke();
    pen.font = `12px ${getComputedStyle(scroll).fontFamily}`;
    pen.textBaseline = "middle";
    for (let row = 0; row < shown; row += 1) {
      const down = row * ROW - shift;
      const isHere = cursor?.row === first + row;
      pen.fillStyle = colour(isHere ? "accent" : "ink");
      pen.fillText(shortened(rows[first + row].feature, gutter - 14), 2, down + ROW / 2 + 0.5);
    }
    if (cursor) {
      pen.strokeStyle = colour("ink");
      pen.lineWidth = 1.5;
      pen.strokeRect(gutter + cursor.at * cell, cursor.row * ROW - scroll.scrollTop + 0.5, Math.max(cell, 3), ROW - 1);
    }
    pen.restore();
    axis(cell);
  }

  function axis(cell) {
    const { width, height, gutter } = size;
    const total = windows.ends.length;
    pen.fillStyle = colour("muted");
    pen.font = `11px ${getComputedStyle(scroll).fontFamily}`;
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
  return { node: el("div", {}, scroll, el("div", { class: "under" }, legend(by), readout)), redraw: layout };
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
