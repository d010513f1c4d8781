// Parts that several views are made of.

function tile(name, value, note) {
  return el("div", { class: "tile" }, el("dt", {}, name), el("dd", {}, value, note ? el("small", {}, note) : null));
}

function empty(text, hint) {
  return el("div", { class: "empty" }, el("p", {}, text), hint ? el("p", { class: "muted" }, hint) : null);
}

function panel(name, ...children) {
  return el("section", { class: "panel" }, name ? el("h2", {}, name) : null, children);
}

function meter(share) {
  const width = `${Math.round((share ?? 0) * 100)}%`;
  return el("span", { class: "meter" }, el("i", { style: { width } }), el("b", {}, percent(share)));
}

function table(heading, rows) {
  const head = el("tr", {}, heading.map((name) => el("th", { scope: "col" }, name)));
  const body = rows.map((cells) => el("tr", {}, cells.map((cell, at) => el("td", { "data-name": heading[at] }, cell))));
  return el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, body)));
}

function toast(text, isBad = false) {
  const node = el("div", { class: isBad ? "toast bad" : "toast" }, text);
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), 6000);
}

// A button that sends a command. Where the server takes none, or not from here, there is none.
function action(label, body, { confirm: question = null, fields = null } = {}) {
  if (!session.act || !session.commands) return null;
  const send = async (event) => {
    if (question && !window.confirm(question)) return;
    const button = event.currentTarget;
    button.disabled = true;
    try {
      const said = await command({ ...body, ...(fields ? fields() : {}) });
      toast(`${label}: ${plain(said.status)}${said.reason ? `, ${said.reason}` : ""}`, said.status === "refused");
    } catch (error) {
      toast(`${label}: ${error.message}`, true);
    } finally {
      button.disabled = false;
    }
  };
  return el("button", { type: "button", class: "quiet action", onclick: send }, label);
}

// Commands name what they are about in full; what does not concern one is null.
function about(type, { model, version = null, segment = null, feature = null, target = null }, more = {}) {
  return { type, model, version, segment, feature, target, outcome: null, until: null, run_url: null, reason: null, actor: "page", ...more };
}

function inADay() {
  return { until: new Date(Date.now() + 86400e3).toISOString() };
}

function link(event) {
  const key = { model: event.model, version: event.version, segment: event.segment };
  const name = event.feature === null ? title(key) : event.feature;
  return el("a", { href: event.feature === null ? modelHash(key) : featureHash(key, event.feature) }, name);
}

// Only addresses of the web become links: a name must not become a script.
function outside(address, label) {
  return /^https?:\/\//i.test(address ?? "") ? el("a", { href: address, rel: "noreferrer", target: "_blank" }, label) : null;
}

function incidentCard({ state, acknowledged, muted, event }, isBrief = false) {
  const { incident } = event;
  const isOpen = state === "open";
  const until = incident.closed_at ?? event.decided_at;
  return el("article", { class: `card ${event.severity}` },
    el("header", {},
      chip(event.severity, `${plain(event.severity)}${isOpen ? "" : ", closed"}`),
      el("b", {}, link(event)),
      isBrief ? null : el("span", { class: "muted" }, title(event)),
      el("span", { class: "tag" }, plain(event.category)),
      event.early ? el("span", { class: "tag" }, "early sight") : null,
      muted || event.muted ? el("span", { class: "tag" }, "muted") : null,
      acknowledged ? el("span", { class: "tag", title: when(acknowledged.at) }, "acknowledged", acknowledged.actor ? ` by ${acknowledged.actor}` : "") : null,
    ),
    el("p", {}, event.explanation || `${plain(event.transition)} ${plain(event.category)}`),
    event.features.length ? el("p", { class: "muted" }, "worst: ", event.features.map(({ feature }) => feature).join(", ")) : null,
    el("p", { class: "muted small" },
      "since ", stamp(incident.onset_estimate), ", opened ", stamp(incident.opened_at),
      isOpen ? null : [", closed ", stamp(until), event.reason ? ` (${plain(event.reason)})` : ""],
      event.owner ? ` · ${event.owner}` : "", " ", outside(event.runbook_url, "runbook")),
    isOpen ? el("div", { class: "actions" },
      acknowledged ? null : action("Acknowledge", about("incident.acknowledge", { ...event, target: incident.id })),
      action("Mute for a day", about("mute", event), { fields: inADay }),
      action("Close", about("incident.close", { ...event, target: incident.id }), { confirm: "Close this incident? It opens again if the drift goes on." }),
    ) : null,
  );
}

function triggerCard({ state, life, trigger }) {
  const { data } = trigger;
  const target = { ...trigger, target: trigger.id, feature: null };
  return el("article", { class: `card ${trigger.severity}` },
    el("header", {},
      chip(trigger.severity, "retraining"),
      el("b", {}, el("a", { href: modelHash(trigger) }, title(trigger))),
      el("span", { class: "tag" }, life ? plain(life.state) : state === "open" ? "waiting" : state),
      life?.outcome ? el("span", { class: "tag" }, plain(life.outcome)) : null,
      el("span", { class: "tag" }, `attempt ${trigger.attempt} of ${trigger.max_attempts}`),
    ),
    el("p", {}, trigger.explanation || `asked for because of ${plain(trigger.cause)}`),
    el("p", { class: "muted small" },
      "asked ", stamp(trigger.decided_at), " · train on ", stamp(data.recommended.start), " to ", stamp(data.recommended.end),
      `, ${plural(data.recommended.rows, "row")} · expires `, stamp(trigger.expires_at), " ", outside(life?.run_url, "run")),
    state === "open" ? el("div", { class: "actions" },
      life ? null : action("Acknowledge", about("trigger.acknowledge", target)),
      action("Succeeded", about("trigger.close", target, { outcome: "succeeded" })),
      action("Reject", about("trigger.close", target, { outcome: "rejected" }), { confirm: "Reject this request? The model is not asked about again for the configured time." }),
    ) : null,
  );
}

// One line of the log.
function eventLine(event) {
  return el("li", { class: event.severity },
    stamp(event.decided_at),
    chip(event.transition === "resolved" ? "ok" : event.severity, plain(event.transition)),
    el("span", {}, el("b", {}, link(event)), " ", el("span", { class: "muted" }, title(event)),
      el("br", {}), event.explanation || (event.reason ? plain(event.reason) : plain(event.category))),
  );
}

// Labelled choices; `onChange` gets the value.
function choice(label, value, options, onChange) {
  const items = options.map(([key, name]) => el("option", { value: key, selected: key === value }, name));
  return el("label", {}, el("span", {}, label), el("select", { onchange: (event) => onChange(event.target.value) }, items));
}
