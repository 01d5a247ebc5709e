// The operator's pages: what is touched goes to the gateway, then the page is made anew.
import { byId, closable, kg, listen, pad, send } from "/static/wire.js";

const root = document.documentElement;
root.lang = sessionStorage.getItem("language") ?? root.lang;

async function post(path, body, then = location.href) {
  if ((await send(path, body)) === 204) location = then;
}

function show({ view }) {
  if (!view.operator) location = "/";
  const live = byId("live");
  if (live) live.textContent = view.net_mg === null ? "–" : kg(view.net_mg, root.lang).join("");
}

// What the open dialog is about.
let about = {};
let choice = {};

function open(button) {
  about = button.dataset;
  choice = {};
  byId(about.open).showModal();
  written?.set((about.last ?? "").replace(".", ","));
  if (byId("later")) byId("later").hidden = about.key !== "fraction";
  for (const one of document.querySelectorAll("[data-choice]")) {
    one.setAttribute("aria-pressed", "false");
    if (one.dataset.choice === "fraction") {
      const other = one.dataset.unit && one.dataset.unit !== about.unit;
      one.hidden = other || one.dataset.value === about.now;
    }
  }
  if (byId("save")) byId("save").disabled = true;
}

function choose({ choice: key, value }) {
  choice[key] = value;
  for (const one of document.querySelectorAll(`[data-choice="${key}"]`)) {
    one.setAttribute("aria-pressed", String(one.dataset.value === value));
  }
  byId("save").disabled = choice.fraction === undefined || !choice.reason;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { open: opens, choice: chooses, post: path, body, then } = button.dataset;
  if (opens) open(button);
  if (chooses) choose(button.dataset);
  if (path) post(path, JSON.parse(body), then);
});
byId("save")?.addEventListener("click", () => post("/api/operator/correct", { deposit: about.deposit, ...choice }));
byId("later")?.addEventListener("click", () => post(about.path, { [about.key]: about.value }));
byId("language").addEventListener("click", () => {
  root.lang = root.lang === "nl" ? "en" : "nl";
  sessionStorage.setItem("language", root.lang);
});

let written = null;
if (byId("haul")) {
  written = pad(byId("haul"), byId("hauled_kg"), {
    done: (text) => post(about.path, { [about.key]: about.value, hauled_kg: text }),
  });
}
if (byId("test")) {
  written = pad(byId("test"), byId("nominal_kg"), {
    done: (text) => post("/api/operator/test-weight", { nominal_kg: text }),
  });
}
closable();
listen(show);
