// Where data come from: the server that the page came from, or what a report carries inside.

const embedded = (() => {
  const node = document.getElementById("data");
  return node ? JSON.parse(node.textContent) : null;
})();

// A check compares two data sets once: it has no times, no log and nothing to do.
const isCheck = embedded?.kind === "check";
// What is held against the reference.
const CURRENT = isCheck ? "current data" : "last window";

// What the server lets this browser do.
let session = { read: true, act: false, commands: false, needs_token: false, csrf: null };

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const response = await fetch(path, { credentials: "same-origin", ...options });
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new Refused(response.status, "the server's answer is not JSON");
  }
  if (!response.ok) throw new Refused(response.status, answer?.error ?? `the server says ${response.status}`);
  return answer;
}

function post(path, body, method = "POST") {
  const headers = { "content-type": "application/json" };
  if (session.csrf) headers["x-csrf-token"] = session.csrf;
  return ask(path, { method, headers, body: JSON.stringify(body) });
}

const part = encodeURIComponent;

function place(key) {
  return `api/models/${part(key.model)}`;
}

function which(key) {
  return `version=${part(key.version)}&segment=${part(JSON.stringify(key.segment))}`;
}

function inside(key) {
  return embedded.series.find((series) => sameKey(series, key)) ?? null;
}

const api = {
  models: async () => embedded?.models ?? ask("api/models"),
  heatMap: async (key) => (embedded ? inside(key)?.heatmap : ask(`${place(key)}/heatmap?${which(key)}`)),
  feature: async (key, name) =>
    embedded
      ? inside(key)?.features.find(({ feature }) => feature === name)
      : ask(`${place(key)}/features/${part(name)}?${which(key)}`),
  incidents: async () => (embedded ?? (await ask("api/incidents"))).incidents,
  triggers: async () => (embedded ?? (await ask("api/triggers"))).triggers,
  events: async () => (embedded ?? (await ask("api/events?limit=500"))).events,
  references: async () => embedded?.references ?? ask("api/references"),
  instances: async () => (await ask("api/instances")).instances,
};

// Sends a command and waits for what its model's owner says of it, a while.
async function command(body) {
  const { id } = await post("api/commands", body);
  for (let tries = 0; tries < 20; tries += 1) {
    const said = await ask(`api/commands/${part(id)}`);
    if (said.status !== "pending") return said;
    await new Promise((done) => setTimeout(done, 500));
  }
  return { id, status: "pending", reason: null };
}

// Calls `onChange` when the server's view has changed, at most once a second, and says whether the
// line to it is open. The browser opens the line again by itself.
function listen(onChange, onState) {
  const source = new EventSource("events");
  let waiting = null;
  source.addEventListener("change", () => {
    onState(true);
    waiting ??= setTimeout(() => {
      waiting = null;
      onChange();
    }, 1000);
  });
  source.addEventListener("open", () => onState(true));
  source.addEventListener("error", () => onState(false));
  return () => source.close();
}
