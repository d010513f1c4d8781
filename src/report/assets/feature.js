// One feature: its distribution beside the reference's, every measure over time, and the last report.

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
  return el("p", { class: "crumbs" }, el("a", { href: "#/" }, isCheck ? "All features" : "Models"), isCheck ? null : [" › ", el("a", { href: modelHash(key) }, title(key))]);
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
  if (latest?.distribution) large.push(shareChart({ name: isCheck ? "Current data over reference" : "Last window over reference", ...latest.distribution }));
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
    panel(`Reference and ${CURRENT}`, table(["", "reference", CURRENT], rows)),
    panel("Measures", table(["measure", "value", "certain", "drift from"], measures.map(([name, { value, corrected, threshold }]) => [plain(name), number(value), number(corrected), number(threshold)]))),
    panel("Tests", tests.length ? table(["question", "p", "level"], tests.map(([name, test]) => [name, number(test.p_certain), number(test.level)])) : empty("No question could be asked."),
      latest.dependence ? el("p", { class: "muted small" }, `${number(latest.dependence)} rows count as one.`) : null),
    latest.distribution ? panel("Rows by bin", bins(latest.distribution)) : null,
    latest.new_categories.length ? panel("New categories", table(["category", "rows"], latest.new_categories.map(({ category, rows }) => [category, count(rows)]))) : null);
}

function bins({ labels, reference, current }) {
  const [before, now] = [shares(reference), shares(current)];
  const said = (rows, share) => `${count(rows)} (${percent(share)})`;
  return table(["bin", "reference", CURRENT], labels.map((label, at) => [label, said(reference[at], before[at]), said(current[at], now[at])]));
}
