// The page: which view the address asks for, what each shows, and when it is drawn again. A view is made
// once for an address; its `update` fetches and draws what has changed since.

const VIEWS = [["", "Models"], ["log", "Log"], ["references", "References"], ["instances", "Instances"]];

function modelHash({ model, version, segment }) {
  return `#/m/${part(model)}/${part(version)}/${part(JSON.stringify(segment))}`;
}

function featureHash(key, name) {
  return `${modelHash(key)}/f/${part(name)}`;
}

// The address: its parts, and the filters after `?`.
function address() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  let parts = [];
  try {
    parts = path.split("/").map(decodeURIComponent);
  } catch {
    parts = [""];
  }
  return { path, parts, filters: new URLSearchParams(query) };
}

// Sets a filter in the address without another step in the history.
function setFilter(name, value) {
  const { path, filters } = address();
  if (value) filters.set(name, value);
  else filters.delete(name);
  const query = filters.toString();
  history.replaceState(null, "", `#/${path}${query ? `?${query}` : ""}`);
}

// --- all models ------------------------------------------------------------------------------------

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
  const isCheck = embedded?.kind === "check";
  const node = isCheck
    ? el("div", {}, top, panel("Features", toolbar(redraw), list))
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
  const isCheck = embedded?.kind === "check";
  const accept = about("reference.accept_window", { ...series, feature: null });
  return el("div", {},
    el("div", { class: "head" },
      el("h1", {}, title(series)), chip(series.verdict),
      others.length > 1 ? choice("version and segment", String(others.indexOf(series)), others.map((one, at) => [String(at), title(one)]), go) : null,
      el("span", { class: "grow" }),
      action("Accept the last window as reference", accept, { confirm: "From now on, compare with the data of the last window?" })),
    el("dl", { class: "tiles" },
      tile("drift share", percent(series.drift_share), `${series.drifted} of ${series.judgeable} features`),
      tile(isCheck ? "rows" : "events in the window", count(window.events), isCheck ? null : `${number(series.events_per_second)} a second`),
      isCheck ? null : tile("last window", stamp(window.end), `${span(length)} long, ${plain(window.state)}`),
      isCheck ? null : tile("completeness", percent(window.completeness), lost(window)),
      tile("reference", series.reference_id ? el("code", {}, series.reference_id.slice(0, 12)) : "none", series.insufficient ? `${plural(series.insufficient, "feature")} not judged` : null)),
    notices(series),
    data.windows.ends.length > 1 ? el("div", { class: "charts pair" },
      timeChart({ box: LOW, name: "Drift share", times: data.windows.ends, lines: [{ name: "share", values: data.windows.drift_share }], format: percent }),
      timeChart({ box: LOW, name: "Events in the window", times: data.windows.ends, lines: [{ name: "events", values: data.windows.events }] })) : null,
  );
}

function lost(window) {
  const parts = [["late", window.late], ["late after idling", window.idle_late], ["in conflict", window.conflict], ["lost", window.lost]];
  return parts.filter(([, rows]) => rows > 0).map(([name, rows]) => `${count(rows)} ${name}`).join(", ") || "nothing left out";
}

function notices(series) {
  const unknown = Object.entries(series.unknown_features);
  const lines = [
    series.triggers_withheld.length ? `Retraining is held back: ${series.triggers_withheld.map(plain).join(", ")}.` : null,
    unknown.length ? `Columns that the reference does not have: ${unknown.map(([name, rows]) => `${name} (${plural(rows, "row")})`).join(", ")}.` : null,
  ];
  lines.push(...(embedded?.warnings ?? []));
  return lines.filter(Boolean).map((line) => el("p", { class: "notice" }, line));
}

function toolbar(onChange) {
  const { filters } = address();
  const set = (name) => (value) => {
    setFilter(name, value);
    onChange();
  };
  const verdicts = [["", "any verdict"], ["raised", "raised in sight"], ["w", "now warning or worse"], ["d", "now drift or worse"], ["i", "now not judged"]];
  const roles = [["", "any role"], ["feature", "features"], ["prediction", "predictions"], ["label", "labels"], ["quality", "quality"]];
  const orders = [["", "worst first"], ["name", "by name"], ["importance", "by importance"]];
  return el("form", { class: "toolbar", role: "search", onsubmit: (event) => event.preventDefault() },
    el("label", { class: "grow" }, el("span", {}, "find"), el("input", {
      type: "search", id: "find", placeholder: "part of a feature's name", value: filters.get("q") ?? "", oninput: (event) => set("q")(event.target.value),
    })),
    choice("show", filters.get("show") ?? "", verdicts, set("show")),
    choice("role", filters.get("role") ?? "", roles, set("role")),
    choice("order", filters.get("order") ?? "", orders, set("order")),
    choice("colour", filters.get("by") ?? "", [["", "verdict"], ["size", "size of the change"]], set("by")));
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
  const list = table(["feature", "verdict", "kind", "role", "last windows"], shown.map((row) => [
    el("a", { href: featureHash(key, row.feature), class: "strong" }, row.feature),
    chip(VERDICTS[last(row)].name), row.kind, row.role, strip(row.verdicts.slice(-24)),
  ]));
  const rest = rows.length - shown.length;
  return el("div", {}, list, rest ? el("button", { type: "button", class: "quiet", onclick: onAll }, `Show ${plural(rest, "more feature")}`) : null);
}

// --- one feature -----------------------------------------------------------------------------------

const MEASURE_NAMES = {
  psi: "Population stability index", ks: "Kolmogorov-Smirnov distance", jensen_shannon: "Jensen-Shannon distance", hellinger: "Hellinger distance",
  wasserstein: "Wasserstein distance, in standard deviations", chi_square: "Chi-square statistic", z_score: "z of the means", missing_z_score: "z of the missing",
};

function featureView(key, name) {
  const node = el("div");
  let drawn = null;
  const update = async () => {
    const { models } = await api.models();
    const series = models.find((one) => sameKey(one, key));
    if (series && drawn === series.revision) return;
    const found = await api.feature(key, name);
    if (!found) {
      const isCut = embedded && !embedded.is_whole;
      put(node, backTo(key), empty(`There is no history of ${name} here.`, isCut ? "This report would be too large with the history of every feature: it has those of the features that were raised first." : null));
      return;
    }
    drawn = series?.revision;
    const isOurs = (event) => event.feature === name && sameKey(event, key);
    const [events, incidents] = [(await api.events()).filter(isOurs), (await api.incidents()).filter(({ event }) => isOurs(event))];
    const open = incidents.filter(({ state }) => state === "open").map((one) => incidentCard(one, true));
    put(node, featureTop(key, found), open.length ? panel(null, open) : null, featureCharts(found), facts(found.latest), events.length ? panel("Log", logList(events.slice(0, 20))) : "");
  };
  return { node, update };
}

function backTo(key) {
  return el("p", { class: "crumbs" }, el("a", { href: "#/" }, "Models"), " › ", el("a", { href: modelHash(key) }, title(key)));
}

function featureTop(key, found) {
  const name = found.feature;
  const { latest } = found;
  return el("div", {}, backTo(key),
    el("div", { class: "head" },
      el("h1", {}, name), chip(VERDICTS[found.verdicts.at(-1) ?? "."].name),
      el("span", { class: "tag" }, found.kind), el("span", { class: "tag" }, found.role),
      found.importance === 1 ? null : el("span", { class: "tag" }, `importance ${number(found.importance)}`),
      el("span", { class: "grow" }),
      action("Mute for a day", about("mute", { ...key, feature: name }), { fields: inADay })),
    latest?.warnings.includes("heavy_tail") ? el("p", { class: "notice" }, "A few far values make the reference's standard deviation: by it, the Wasserstein distance is small.") : null);
}

function featureCharts({ windows, columns, latest, kind }) {
  const times = windows.ends;
  const charts = [];
  const large = [];
  if (latest?.distribution) large.push(shareChart({ name: "Last window over reference", ...latest.distribution }));
  if (times.length > 1) {
    const before = latest?.summary.reference;
    if (columns.p50) {
      const rules = ["p05", "p50", "p95"].filter((q) => Number.isFinite(before?.[q])).map((q) => ({ value: before[q], label: `reference ${q}`, class: "reference" }));
      large.push(timeChart({ box: WIDE, name: "Median and 5 to 95 %", times, zero: false, rules, lines: [{ name: "median", values: columns.p50 }], band: { name: "5 to 95 %", low: columns.p05 ?? [], high: columns.p95 ?? [] } }));
    }
    for (const [measure, name] of Object.entries(MEASURE_NAMES)) {
      if (!columns[measure]) continue;
      const threshold = latest?.measures[measure]?.threshold;
      const rules = Number.isFinite(threshold) ? [{ value: threshold, label: `drift from ${number(threshold)}` }] : [];
      charts.push(timeChart({ name, times, rules, lines: [{ name: measure, values: columns[measure] }] }));
    }
    const missing = before?.missing_rate;
    charts.push(timeChart({
      name: "Missing and invalid", times, format: percent,
      rules: Number.isFinite(missing) ? [{ value: missing, label: "missing in the reference", class: "reference" }] : [],
      lines: [{ name: "missing", values: columns.missing_rate ?? [] }, { name: "invalid", values: columns.invalid_rate ?? [], class: "second" }],
    }));
    if (kind === "categorical") large.push(timeChart({ box: WIDE, name: "Never seen before", times, format: percent, lines: [{ name: "unseen", values: columns.unseen_rate ?? [] }] }));
    charts.push(timeChart({ name: "Rows with a value", times, lines: [{ name: "rows", values: columns.rows ?? [] }] }));
  }
  return el("div", {}, el("div", { class: "charts pair" }, large), el("div", { class: "charts" }, charts));
}

// The last report of a feature in figures.
function facts(latest) {
  if (!latest) return panel("Last window", empty("The last window says nothing of this feature."));
  const { reference, current } = latest.summary;
  const rows = [
    ["rows with a value", count(latest.reference_rows), count(latest.rows)],
    ["missing", count(latest.reference_missing), count(latest.missing)],
    ["invalid", "–", count(latest.invalid)],
    ...["mean", "std", "min", "p05", "p25", "p50", "p75", "p95", "max"].filter((name) => Number.isFinite(current[name])).map((name) => [name, number(reference[name]), number(current[name])]),
  ];
  const tests = Object.entries(latest.tests).filter(([, test]) => test !== null);
  const measures = Object.entries(latest.measures).filter(([, value]) => value !== null);
  return el("div", { class: "columns" },
    panel("Reference and window", table(["", "reference", "window"], rows)),
    panel("Measures", table(["measure", "value", "certain, corrected", "drift from"], measures.map(([name, { value, corrected, threshold }]) => [plain(name), number(value), number(corrected), number(threshold)]))),
    panel("Tests", tests.length ? table(["question", "p", "level"], tests.map(([name, test]) => [name, number(test.p_certain), number(test.level)])) : empty("No question could be asked."),
      latest.dependence ? el("p", { class: "muted small" }, `${number(latest.dependence)} rows count as one.`) : null),
    latest.new_categories.length ? panel("New categories", table(["category", "rows"], latest.new_categories.map(({ category, rows }) => [category, count(rows)]))) : null);
}

// --- the log, references, instances ----------------------------------------------------------------

function logList(events) {
  return events.length ? el("ol", { class: "log" }, events.map(eventLine)) : empty("Nothing has happened yet.");
}

function logView() {
  const node = el("div", {}, el("h1", {}, "Log"));
  const body = el("div", { class: "stack" });
  const filter = choice("show", address().filters.get("state") ?? "", [["", "events"], ["incidents", "incidents"], ["triggers", "retraining"]], (value) => {
    setFilter("state", value);
    update();
  });
  node.append(el("form", { class: "toolbar" }, filter), body);
  const update = async () => {
    const state = address().filters.get("state");
    if (state === "incidents") {
      const incidents = await api.incidents();
      put(body, panel(null, incidents.length ? incidents.slice(0, 200).map((one) => incidentCard(one)) : empty("There was no incident.")));
    } else if (state === "triggers") {
      const triggers = await api.triggers();
      put(body, panel(null, triggers.length ? triggers.slice(0, 200).map(triggerCard) : empty("Retraining was never asked for.")));
    } else put(body, panel(null, logList((await api.events()).slice(0, 500))));
  };
  return { node, update };
}

function referencesView() {
  const node = el("div");
  const update = async () => {
    const { references, activations } = await api.references();
    const rows = new Map(references.map((one) => [one.id, one.rows]));
    put(node, 
      el("h1", {}, "References"),
      panel("Put in force", activations.length ? table(["model", "from", "reference", "rows", "origin", "by", "why"], activations.map((one) => [
        [one.model, one.version].filter(Boolean).join("/"), stamp(one.effective_from), el("code", { title: one.reference_id }, one.reference_id.slice(0, 12)),
        count(rows.get(one.reference_id)), plain(one.origin), one.actor, one.reason ?? "–",
      ])) : empty("No reference was put in force.", "`driftline reference publish` does.")),
      panel("Profiles", references.length ? table(["reference", "rows", "features", "file of"], references.map((one) => [
        el("code", {}, one.id), count(one.rows), count(Object.keys(one.features).length), one.file_of.join(", ") || "–",
      ])) : empty("There is none.")));
  };
  return { node, update };
}

function instancesView() {
  const node = el("div");
  const update = async () => {
    const instances = await api.instances();
    put(node, el("h1", {}, "Instances"), ...instances.map((one) => panel(one.instance || "this instance",
      el("dl", { class: "tiles" },
        tile("ready", one.readiness.ready ? "yes" : "no", `${plural(one.readiness.assigned, "partition")}, ${one.readiness.restoring} being restored`),
        tile("alive", one.liveness.alive ? "yes" : "no", one.liveness.loops.map((loop) => loop.stage).join(", ")),
        tile("lag", `${count(one.lag.records)} records`, one.lag.watermark_seconds === null ? null : `watermark ${span(one.lag.watermark_seconds * 1000)} behind the clock`),
        tile("version", one.version, one.application_id)))),
    el("p", { class: "muted small" }, "Each instance speaks for itself; all of them show all models."));
  };
  return { node, update };
}

// --- the frame -------------------------------------------------------------------------------------

let current = null;
// Whether the form to sign in stands where the view would.
let isAsking = false;

function viewOf({ parts }) {
  const [kind, model, version, segment, sub, feature] = parts;
  if (kind === "m" && model !== undefined) {
    let values = [];
    try {
      values = JSON.parse(segment || "[]");
    } catch {
      values = [];
    }
    const key = { model, version: version ?? "", segment: values };
    return sub === "f" ? featureView(key, feature ?? "") : modelView(key);
  }
  if (embedded?.kind === "check") return modelView(embedded.models.models[0]);
  const views = { log: logView, references: referencesView, instances: embedded ? overview : instancesView };
  return (views[kind] ?? overview)();
}

async function show() {
  if (isAsking) return;
  const at = address();
  const main = document.getElementById("main");
  if (current?.path !== at.path) {
    current = { path: at.path, ...viewOf(at) };
    put(main, el("p", { class: "loading" }, "Loading"));
    window.scrollTo(0, 0);
  }
  const { node, update } = current;
  for (const item of document.querySelectorAll("#nav a")) {
    const isHere = item.hash.slice(2) === (at.parts[0] === "m" ? "" : at.parts[0]);
    if (isHere) item.setAttribute("aria-current", "page");
    else item.removeAttribute("aria-current");
  }
  try {
    await update();
    if (current.node === node && node.parentNode !== main) {
      put(main, node);
      current.redraw?.();
    }
  } catch (error) {
    if (error.status === 401) askToSignIn(main);
    else put(main, empty("This can't be shown now.", error.message), el("button", { type: "button", class: "quiet", onclick: show }, "Try again"));
  }
}

function askToSignIn(main) {
  [current, isAsking] = [null, true];
  const field = el("input", { type: "password", autocomplete: "current-password", required: true, id: "token" });
  const sign = async (event) => {
    event.preventDefault();
    try {
      await post("api/session", { token: field.value });
      await begin();
    } catch (error) {
      toast(error.message, true);
    }
  };
  put(main, el("form", { class: "panel sign-in", onsubmit: sign }, el("h1", {}, "Sign in"),
    el("p", { class: "muted" }, "This address is read with the token of the server's configuration."),
    el("label", {}, el("span", {}, "token"), field), el("button", { type: "submit" }, "Sign in")));
  field.focus();
}

const THEMES = { "": "auto", light: "light", dark: "dark" };

function theme(next) {
  try {
    if (next !== undefined) localStorage.setItem("theme", next);
    next ??= localStorage.getItem("theme") ?? "";
  } catch {
    next ??= "";
  }
  document.documentElement.dataset.theme = next;
  const button = document.getElementById("theme");
  button.textContent = `Theme: ${THEMES[next] ?? "auto"}`;
  button.onclick = () => {
    const names = Object.keys(THEMES);
    theme(names[(names.indexOf(next) + 1) % names.length]);
    current?.recolour?.();
  };
}

function account() {
  const button = document.getElementById("account");
  button.hidden = Boolean(embedded) || !session.needs_token;
  button.textContent = session.act ? "Sign out" : "Sign in";
  button.onclick = async () => {
    if (!session.act) return askToSignIn(document.getElementById("main"));
    await post("api/session", {}, "DELETE");
    return begin();
  };
}

// Asks who we are, then draws. The line to the server is opened once.
async function begin() {
  const live = document.getElementById("live");
  if (embedded) live.textContent = "report";
  else {
    session = await ask("api/session");
    account();
    begin.line ??= session.read && listen(show, (isOpen) => {
      live.textContent = isOpen ? "live" : "reconnecting";
      live.classList.toggle("off", !isOpen);
    });
  }
  [current, isAsking] = [null, false];
  await show();
}

theme();
for (const [path, name] of VIEWS) {
  if (!(embedded && path === "instances")) document.getElementById("nav").append(el("a", { href: `#/${path}` }, name));
}
document.getElementById("foot").textContent = embedded ? `driftline ${embedded.tool_version} · all times are UTC` : "all times are UTC";
window.addEventListener("hashchange", () => {
  isAsking = false;
  show();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => current?.recolour?.());
begin().catch((error) => put(document.getElementById("main"), empty("The server can't be reached.", error.message)));
