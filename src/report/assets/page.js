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
  if (isCheck) return modelView(embedded.models.models[0]);
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
  if (!isCheck && !(embedded && path === "instances")) document.getElementById("nav").append(el("a", { href: `#/${path}` }, name));
}
document.getElementById("foot").textContent = [embedded && `driftline ${embedded.tool_version}`, !isCheck && "all times are UTC"].filter(Boolean).join(" · ");
window.addEventListener("hashchange", () => {
  isAsking = false;
  show();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => current?.recolour?.());
begin().catch((error) => put(document.getElementById("main"), empty("The server can't be reached.", error.message)));
