// All models at a glance, and one model: its features over time, found, ordered and opened.

function overview() {
  const node = el("div");
  const update = async () => {
    const [{ models, dropped }, incidents, triggers] = await Promise.all([api.models(), api.incidents(), api.triggers()]);
    const open = ({ state }) => state === "open";
    const [faults, requests] = [incidents.filter(open), triggers.filter(open)];
    if (models.length === 0) {
      put(node, empty("No window has been judged yet.", embedded ? "The input holds no window report." : "Models appear here when their first window closes. Until then, Instances says how this one is doing."));
      return;
    }
    const whole = models.filter(({ segment }) => segment.length === 0);
    put(node, 
      el("dl", { class: "tiles" },
        tile("models and versions", count(whole.length), models.length > whole.length ? `${models.length - whole.length} segments` : null),
        tile("open incidents", count(faults.length)),
        tile("retraining asked for", count(requests.length)),
        tile("last window", stamp(latestEnd(models)), embedded ? null : ago(latestEnd(models)))),
      panel("Models at a glance", modelTable(models)),
      requests.length ? panel("Waiting for retraining", requests.map(triggerCard)) : null,
      panel("Open incidents", faults.length ? faults.slice(0, 20).map((one) => incidentCard(one)) : empty("Nothing is open.")),
      dropped.windows || dropped.reports || dropped.events ? el("p", { class: "muted small" },
        `Not shown, because only so much is kept: ${plural(dropped.windows, "older window")}, ${plural(dropped.reports, "report")} of further models, ${plural(dropped.events, "older event")}.`) : null,
    );
  };
  return { node, update };
}

function latestEnd(models) {
  return models.map(({ window }) => window.end).reduce((a, b) => (a > b ? a : b));
}

// How far a window's end is behind the clock of whoever looks.
function ago(time) {
  const behind = Date.now() - new Date(time).getTime();
  return behind >= 0 ? `${span(behind)} ago` : "ahead of the clock";
}

function modelTable(models) {
  const heading = ["model", "state", "last windows", "drift share", "events/s", "last window", "incidents"];
  if (embedded) heading.splice(4, 1);
  const rows = models.map((series) => {
    const cells = [
      el("a", { href: modelHash(series), class: "strong" }, title(series)),
      chip(series.verdict),
      strip(series.recent),
      el("span", {}, meter(series.drift_share), el("small", { class: "muted" }, ` ${series.drifted} of ${series.judgeable}`)),
      number(series.events_per_second),
      el("span", {}, stamp(series.window.end), embedded ? null : el("small", { class: "muted" }, ` ${ago(series.window.end)}`)),
      series.open_incidents ? chip(series.worst_open, count(series.open_incidents)) : "–",
    ];
    if (embedded) cells.splice(4, 1);
    return cells;
  });
  return table(heading, rows);
}

// --- one model -------------------------------------------------------------------------------------

function modelView(key) {
  const top = el("div");
  const middle = el("div", { class: "stack" });
  const heat = el("div");
  const list = el("div");
  const none = empty("No feature is like that.", "Take a filter away to see the others.");
  let data = null;
  let map = null;
  let drawn = null;
  let isAll = false;
  let later = 0;

  const redraw = () => {
    const { filters } = address();
    const rows = arranged(data.features, filters);
    const by = filters.get("by") === "size" ? "size" : "verdict";
    if (map?.by !== by || map?.data !== data) {
      const old = map?.scroll;
      const [scrolled, hadFocus] = [old?.scrollTop ?? 0, old !== undefined && old === document.activeElement];
      const onOpen = (name) => (location.hash = featureHash(key, name));
      map = { by, data, ...heatMap({ windows: data.windows, features: data.features, by, onOpen }) };
      put(heat, map.node, none);
      map.show(rows);
      map.scroll.scrollTop = scrolled;
      if (hadFocus) map.scroll.focus();
    }
    none.hidden = rows.length > 0;
    map.node.hidden = rows.length === 0;
    map.show(rows);
    // The heat map answers at once; the table, which takes longer, when nobody is typing.
    clearTimeout(later);
    later = setTimeout(() => put(list, featureTable(key, rows, isAll, () => {
      isAll = true;
      redraw();
    })), list.firstChild ? 150 : 0);
  };
  const node = isCheck
    ? el("div", {}, top, panel("Features", toolbar(redraw), list), untested())
    : el("div", {}, top, panel("Features over time", toolbar(redraw), heat), panel("Features", list), middle);
  const update = async () => {
    const { models } = await api.models();
    const series = models.find((one) => sameKey(one, key));
    if (!series) {
      put(node, empty(`Nothing is known of ${title(key)}.`, "It may have been forgotten, or never had a window."));
      return;
    }
    if (drawn !== series.revision) {
      data = await api.heatMap(key);
      drawn = series.revision;
      put(top, modelTop(series, models, data));
      redraw();
    }
    const ofKey = ({ event }) => sameKey(event, key);
    const [incidents, triggers, events] = await Promise.all([api.incidents(), api.triggers(), api.events()]);
    const open = incidents.filter((one) => one.state === "open" && ofKey(one));
    const asked = triggers.filter(({ trigger }) => sameKey(trigger, key));
    put(middle, 
      panel("Open incidents", open.length ? open.map((one) => incidentCard(one, true)) : empty("Nothing is open.")),
      asked.length ? panel("Retraining", asked.slice(0, 5).map(triggerCard)) : "",
      panel("Log", logList(events.filter((event) => sameKey(event, key)).slice(0, 30))),
    );
  };
  return { node, update, redraw: () => data && redraw(), recolour: () => map?.recolour() };
}

function modelTop(series, models, data) {
  const { window } = series;
  const length = new Date(window.end) - new Date(window.start);
  const others = models.filter(({ model }) => model === series.model);
  const go = (at) => (location.hash = modelHash(others[Number(at)]));
  return el("div", {},
    el("div", { class: "head" },
      el("h1", {}, isCheck ? "Current data and reference" : title(series)), chip(series.verdict),
      others.length > 1 ? choice("version and segment", String(others.indexOf(series)), others.map((one, at) => [String(at), title(one)]), go) : null,
      el("span", { class: "grow" }),
      acceptAction(series)),
    el("dl", { class: "tiles" },
      tile("drift share", percent(series.drift_share), `${series.drifted} of ${series.judgeable} features`),
      tile(isCheck ? "rows" : "events in the window", count(window.events), isCheck ? `${count(referenceRows(series))} in the reference` : `${number(series.events_per_second)} a second`),
      isCheck ? tile("features", count(series.features), kinds(series)) : null,
      isCheck ? null : tile("last window", stamp(window.end), `${span(length)} long, ${plain(window.state)}`),
      isCheck ? null : tile("completeness", percent(window.completeness), lost(window)),
      tile("reference", series.reference_id ? el("code", {}, series.reference_id.slice(0, 12)) : "none", series.insufficient ? `${plural(series.insufficient, "feature")} not judged` : null)),
    notices(series),
    data.windows.ends.length > 1 ? el("div", { class: "charts pair" },
      timeChart({ box: LOW, name: "Drift share", times: data.windows.ends, lines: [{ name: "share", values: data.windows.drift_share }], format: percent }),
      timeChart({ box: LOW, name: "Events in the window", times: data.windows.ends, lines: [{ name: "events", values: data.windows.events }] })) : null,
  );
}

function referenceRows(series) {
  const rows = inside(series).features.map(({ latest }) => latest.reference_rows + latest.reference_missing);
  return Math.max(0, ...rows);
}

function kinds(series) {
  const all = inside(series).features.map(({ kind }) => kind);
  return [...new Set(all)].map((kind) => `${all.filter((one) => one === kind).length} ${kind}`).join(", ");
}

// A reference is of all traffic, and a window can follow one only.
function acceptAction(series) {
  if (series.segment.length || !series.reference_id) return null;
  const meaning = `Make the window of ${title(series)} that ends next its reference? The last one has ${plural(series.window.events, "event")}.\n\n`
    + "Later windows are compared with it: what has drifted by now is normal from then on, and open incidents end. "
    + "Early sight is off for it. `driftline reference rollback` goes back.";
  return action("Accept this window as reference", about("reference.accept_window", { ...series, segment: null, feature: null }), { confirm: meaning });
}

function lost(window) {
  const parts = [["late", window.late], ["late after idling", window.idle_late], ["in conflict", window.conflict], ["lost", window.lost]];
  return parts.filter(([, rows]) => rows > 0).map(([name, rows]) => `${count(rows)} ${name}`).join(", ") || "nothing left out";
}

function notices(series) {
  const unknown = Object.entries(series.unknown_features);
  const lines = [
    series.triggers_withheld.length ? `Retraining is held back: ${series.triggers_withheld.map((reason) => WITHHELD[reason] ?? plain(reason)).join("; ")}.` : null,
    ...series.mutes.map(({ scope, until, actor, reason }) => `${scope.feature ?? "All features"} muted by ${actor} until ${when(until)}${reason ? `: ${reason}` : ""}.`),
    unknown.length ? `Columns that the reference does not have: ${unknown.map(([name, rows]) => `${name} (${plural(rows, "row")})`).join(", ")}.` : null,
  ];
  lines.push(...(embedded?.warnings ?? []));
  return lines.filter(Boolean).map((line) => el("p", { class: "notice" }, line));
}

// What a check could not ask, and why.
function untested() {
  const lines = embedded?.untested ?? [];
  if (lines.length === 0) return null;
  return el("details", { class: "panel" }, el("summary", {}, `Not tested: ${plural(lines.length, "question")}`), el("ul", {}, lines.map((line) => el("li", {}, line))));
}

function toolbar(onChange) {
  const { filters } = address();
  const set = (name) => (value) => {
    setFilter(name, value);
    onChange();
  };
  const verdicts = isCheck
    ? [["", "any verdict"], ["w", "warning or worse"], ["d", "drift or worse"], ["i", "not judged"]]
    : [["", "any verdict"], ["raised", "raised in sight"], ["w", "now warning or worse"], ["d", "now drift or worse"], ["i", "now not judged"]];
  const roles = [["", "any role"], ["feature", "features"], ["prediction", "predictions"], ["label", "labels"], ["quality", "quality"]];
  const orders = [["", "worst first"], ["name", "by name"], ["importance", "by importance"]];
  return el("form", { class: "toolbar", role: "search", onsubmit: (event) => event.preventDefault() },
    el("label", { class: "grow" }, el("span", {}, "find"), el("input", {
      type: "search", id: "find", placeholder: "part of a feature's name", value: filters.get("q") ?? "", oninput: (event) => set("q")(event.target.value),
    })),
    choice("show", filters.get("show") ?? "", verdicts, set("show")),
    choice("role", filters.get("role") ?? "", roles, set("role")),
    choice("order", filters.get("order") ?? "", orders, set("order")),
    isCheck ? null : choice("colour", filters.get("by") ?? "", [["", "verdict"], ["size", "size of the change"]], set("by")));
}

function last(row) {
  return row.verdicts.at(-1) ?? ".";
}

// The features that the filters want, in the order they want.
function arranged(features, filters) {
  const find = (filters.get("q") ?? "").toLowerCase();
  const [show, role, order] = [filters.get("show"), filters.get("role"), filters.get("order")];
  const shows = {
    raised: (row) => /[wdc]/.test(row.verdicts),
    w: (row) => "wdc".includes(last(row)),
    d: (row) => "dc".includes(last(row)),
    i: (row) => "in".includes(last(row)),
  };
  const size = (row) => Number(row.sizes.at(-1) ?? ".") || 0;
  const byName = (a, b) => (a.feature < b.feature ? -1 : 1);
  const orders = {
    name: byName,
    importance: (a, b) => b.importance - a.importance || byName(a, b),
  };
  const worst = (a, b) => RANK.indexOf(last(b)) - RANK.indexOf(last(a)) || size(b) - size(a) || byName(a, b);
  return features
    .filter((row) => row.feature.toLowerCase().includes(find) && (!role || row.role === role) && (shows[show]?.(row) ?? true))
    .sort(orders[order] ?? worst);
}

const ROWS_AT_FIRST = 25;

function featureTable(key, rows, isAll, onAll) {
  if (rows.length === 0) return "";
  const shown = isAll ? rows : rows.slice(0, ROWS_AT_FIRST);
  const heading = ["feature", "verdict", "kind", "role", ...(isCheck ? ["reference, current", "psi", "p", "missing", "median"] : ["last windows"])];
  const list = table(heading, shown.map((row) => [
    el("a", { href: featureHash(key, row.feature), class: "strong" }, row.feature),
    chip(VERDICTS[last(row)].name), row.kind, row.role,
    ...(isCheck ? changes(key, row.feature) : [strip(row.verdicts.slice(-24))]),
  ]));
  const rest = rows.length - shown.length;
  return el("div", {}, list, rest ? el("button", { type: "button", class: "quiet", onclick: onAll }, `Show ${plural(rest, "more feature")}`) : null);
}

// What a check found of a feature: both sides, psi, the least p, and how the missing and the median moved.
function changes(key, name) {
  const latest = inside(key)?.features.find(({ feature }) => feature === name)?.latest;
  if (!latest) return ["–", "–", "–", "–", "–"];
  const { reference, current } = latest.summary;
  const p = Object.values(latest.tests).map((test) => test?.p_certain).filter(Number.isFinite);
  const moved = (before, now) => (before === now ? before : `${before} → ${now}`);
  return [
    latest.distribution ? smallShares(latest.distribution) : "–", number(latest.measures.psi?.value), number(p.length ? Math.min(...p) : null),
    moved(percent(reference.missing_rate), percent(current.missing_rate)), moved(number(reference.p50), number(current.p50)),
  ];
}
