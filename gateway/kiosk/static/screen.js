// The member's screen: the page is made by the gateway; here it is only filled in.
import { both, byId, closable, kg, listen, number, pad, send } from "/static/wire.js";

const root = document.documentElement;
const SIGNS = { put: "down", what: "bag", whose: "card", slip: "done", refused: "no", clear: "up", closed: "closed" };
// After so long without anybody the screen speaks its own language again.
const OWN_LANGUAGE_MS = 20000;
const PIECES_MAX = 99;
const labels = JSON.parse(document.body.dataset.labels);

let state = null;
let turned = ""; // a step that somebody looks at out of turn
let own = null;

const fractionOf = (id) => state.offer.fractions.find((one) => one.id === id);

function show(next) {
  const before = state;
  state = next;
  const { view } = state;
  if (before && (before.view.screen !== view.screen || before.view.fraction !== view.fraction || before.view.who !== view.who)) turned = "";
  const body = document.body.dataset;
  Object.assign(body, {
    screen: view.screen, word: view.word, link: view.link, who: view.who,
    settled: view.steady_pct >= 100 ? "yes" : "no", operator: view.operator ? "yes" : "no",
  });
  byId("link").dataset.link = view.link;
  both(byId("sentence"), view.nl, view.en);
  const sign = `#p-${SIGNS[view.screen]}`;
  if (byId("sign").getAttribute("href") !== sign) byId("sign").setAttribute("href", sign);
  weight(view);
  steps(view);
  panels(view);
  deeds(view);
  comeBack(view);
}

function weight(view) {
  const onSlip = view.slip !== null && (view.screen === "slip" || view.can_undo);
  const mg = onSlip ? view.slip.net_mg : view.net_mg;
  const figure = byId("figure");
  if (onSlip && mg === null) figure.textContent = view.slip.pieces;
  else if (mg === null) figure.textContent = "–";
  else {
    const [whole, rest] = kg(mg, root.lang);
    const small = document.createElement("small");
    small.textContent = rest;
    figure.replaceChildren(whole, small);
    figure.classList.toggle("long", whole.length > 2);
  }
  both(byId("unit"), ...(onSlip && mg === null ? labels.pieces : labels.kg));
  // A little over the whole, so that no seam is left.
  byId("ring").setAttribute("stroke-dasharray", `${(onSlip ? 100 : view.steady_pct) * 1.01} 200`);
  const fraction = fractionOf(onSlip ? view.slip.fraction : "");
  const about = /[1-9]/.test(view.about) ? `≈ ${number(view.about, root.lang)} ${view.asset}` : "";
  both(byId("about"), ...(onSlip ? [fraction?.nl ?? view.slip.fraction, fraction?.en ?? view.slip.fraction] : [about, about]));
}

function steps(view) {
  const fraction = fractionOf(view.fraction);
  both(byId("step_what"), ...(fraction ? [fraction.nl, fraction.en] : labels.step_what));
  const club = state.offer.clubs.find((one) => one.id === view.club);
  const whose = club ? [club.nl, club.en] : labels[view.who];
  both(byId("step_whose"), ...(whose ?? labels.step_whose));
  const isOpen = ["put", "what", "whose"].includes(view.screen);
  const so = { put: view.steady_pct >= 100 || view.pieces > 0, what: Boolean(fraction), whose: Boolean(whose) };
  for (const step of document.querySelectorAll(".step")) {
    const name = step.dataset.turn;
    step.disabled = !isOpen;
    step.classList.toggle("so", view.screen === "slip" || (isOpen && so[name]));
    if (isOpen && name === (turned || view.screen)) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  }
}

function panels(view) {
  const fraction = fractionOf(view.fraction);
  let shown = turned || view.screen;
  if (shown === "what" && !turned && fraction?.unit === "piece") shown = "many";
  if (shown === "put" && view.can_undo && view.slip) shown = "slip";
  if (shown === "put" && view.fraction) shown = "none";
  if (!byId(shown)?.classList.contains("panel")) shown = "none";
  for (const panel of document.querySelectorAll(".panel")) panel.hidden = panel.id !== shown;
  many(shown === "many" ? view : null);
  press("[data-fraction]", "fraction", view.fraction);
  press("[data-crate]", "crate", view.crate);
  press("[data-club]", "club", view.club);
  press("[data-who]", "who", view.who);
  for (const tiles of document.querySelectorAll(".panel:not([hidden]) .tiles")) arrange(tiles);
  if (view.slip) slip(view.slip);
}

let counting = ""; // the fraction that is being counted, and what the gateway was told of it

function many(view) {
  const told = view ? `${view.fraction} ${view.pieces}` : "";
  if (view && counting !== told) pieces(view.pieces || 1);
  counting = told;
  byId("that_many").hidden = view !== null && pieces() === view.pieces;
}

/** The number of pieces on the screen; with an argument, set it. */
function pieces(count = null) {
  const output = byId("number");
  if (count !== null) output.textContent = Math.min(PIECES_MAX, Math.max(1, count));
  return Number(output.textContent);
}

function press(buttons, key, value) {
  for (const one of document.querySelectorAll(`button${buttons}`)) {
    one.setAttribute("aria-pressed", String(one.dataset[key] === value));
  }
}

/** As many columns as make the tiles about twice as wide as high. */
function arrange(tiles) {
  const { width, height } = tiles.getBoundingClientRect();
  const count = tiles.children.length;
  const wished = Math.min(count, Math.max(1, Math.round(Math.sqrt((count * width) / Math.max(height, 1) / 2))));
  const columns = Math.ceil(count / Math.ceil(count / wished)); // the last row as full as can be
  if (tiles.dataset.columns !== String(columns)) {
    tiles.dataset.columns = columns;
    tiles.style.setProperty("--columns", columns);
  }
  tiles.classList.toggle("low", height / Math.ceil(count / columns) < 5.2 * parseFloat(getComputedStyle(root).fontSize));
}

function slip(it) {
  const ended = !["kept", "sent"].includes(it.state);
  const so = { kept: true, sent: it.state !== "kept", credited: ended };
  for (const one of document.querySelectorAll(".chain li")) one.classList.toggle("so", so[one.dataset.state]);
  const last = document.querySelector('.chain [data-state="credited"]');
  last.classList.toggle("waits", it.state === "held");
  const outcome = ended ? it.state : "credited";
  for (const one of last.children) one.classList.toggle("so", one.dataset.outcome === outcome);
  byId("slip_credit").textContent = it.state === "credited" && it.amount ? `+${number(it.amount, root.lang)} ${it.asset}` : "";
  both(byId("slip_reason"), it.nl, it.en);
  for (const one of document.querySelectorAll("[data-code]")) one.textContent = it.code;
  // What is in an account, or was taken back, needs no code any more.
  byId("code").hidden = !it.code || ["credited", "counted", "withdrawn"].includes(it.state);
}

function deeds(view) {
  const isCounted = counting === "" || pieces() === view.pieces;
  byId("keep").hidden = !view.can_confirm || turned !== "" || !isCounted;
  byId("undo").hidden = !view.can_undo;
  const left = view.slip?.undo_s ?? 0;
  byId("undo_left").textContent = left ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "";
  byId("not_accepted").hidden = !view.operator || !["put", "what", "whose"].includes(view.screen);
  byId("stop").disabled = view.left_s === null && !["slip", "refused"].includes(view.screen);
  byId("left").textContent = view.left_s === null ? "" : `${view.left_s} s`;
}

function comeBack(view) {
  const isIdle = view.screen === "put" && view.left_s === null;
  if (!isIdle || root.lang === root.dataset.language) {
    clearTimeout(own);
    own = null;
  } else own ??= setTimeout(() => speak(root.dataset.language), OWN_LANGUAGE_MS);
}

function speak(lang) {
  root.lang = lang;
  if (state) show(state);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { act, turn, step } = button.dataset;
  if (act) {
    turned = "";
    send("/api/act", JSON.parse(act));
  }
  if (turn) {
    // While pieces are counted, the step of the fractions leads back to them.
    const isThere = turn === turned || (turn === state.view.screen && !counting);
    turned = isThere || turn === "put" ? "" : turn;
    show(state);
  }
  if (step) {
    pieces(pieces() + Number(step));
    show(state);
  }
});
byId("that_many").addEventListener("click", () => {
  send("/api/act", { act: "pieces", number: pieces() });
});
byId("language").addEventListener("click", () => speak(root.lang === "nl" ? "en" : "nl"));
addEventListener("resize", () => state && show(state));
closable();

if (byId("pin")) {
  const dots = pad(byId("pin"), byId("dots"), {
    secret: true,
    done: async (pin) => {
      const status = await send("/api/operator", { pin }, { quietly: true });
      byId("wrong").hidden = status === 204;
      if (status === 204) location = "/operator";
    },
  });
  byId("operator").addEventListener("click", () => {
    if (state?.view.operator) {
      location = "/operator";
      return;
    }
    byId("wrong").hidden = true;
    dots.set("");
    byId("pin").showModal();
  });
  byId("not_accepted").addEventListener("click", () => byId("reasons").showModal());
}
listen(show);
