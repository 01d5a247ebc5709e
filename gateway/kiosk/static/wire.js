// The gateway: what it shows arrives by itself, what is touched goes to it.

// It says something every second. Silence for longer means that what is shown may be untrue.
const SILENT_MS = 3000;

export const byId = (id) => document.getElementById(id);

/** Call `show` with each state; cover the page while there is none. */
export function listen(show) {
  let silence = null;
  const away = () => document.body.classList.add("away");
  const events = new EventSource("/events");
  events.onmessage = (event) => {
    clearTimeout(silence);
    silence = setTimeout(away, SILENT_MS);
    const state = JSON.parse(event.data);
    if (state.edition !== document.body.dataset.edition) {
      location.reload();
      return;
    }
    show(state);
    document.body.classList.remove("away");
  };
  events.onerror = () => {
    away();
    // The browser gives up on a refused answer; a gateway that starts will take the next one.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => listen(show), 1000);
  };
}

let complained = null;

function complain(why) {
  byId("complaint_why").textContent = why;
  byId("complaint").hidden = false;
  clearTimeout(complained);
  complained = setTimeout(() => { byId("complaint").hidden = true; }, 6000);
}

/** Tell the gateway; gives the answer's status, 0 where there was none. */
export async function send(path, body, { quietly = false } = {}) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok && !quietly) {
      const { what, try: attempt } = await answer.json();
      complain(`${what}. ${attempt}`);
    }
    return answer.status;
  } catch {
    complain("");
    return 0;
  }
}

/** A pad of digits that writes into `output`; `done` gets what was written. */
export function pad(dialog, output, { secret, done }) {
  let written = "";
  const show = () => { output.textContent = secret ? "●".repeat(written.length) || "\u00a0" : written || "0"; };
  const press = (key) => {
    if (key === "ok") {
      const all = written;
      if (secret) written = "";
      if (all) done(all);
    } else if (key === "erase") written = secret ? "" : written.slice(0, -1);
    else if (written.length < 12 && !(key === "," && written.includes(","))) written += key;
    show();
  };
  dialog.addEventListener("click", (event) => {
    const key = event.target.closest("[data-digit]")?.dataset.digit;
    if (key) press(key);
  });
  dialog.addEventListener("keydown", (event) => {
    const key = { Enter: "ok", Backspace: "erase", ".": "," }[event.key] ?? event.key;
    if (!dialog.querySelector(`[data-digit="${CSS.escape(key)}"]`) || event.target.matches("input")) return;
    event.preventDefault();
    press(key);
  });
  return { set(text) { written = text; show(); } };
}

/** Every button of a dialog that closes it. */
export function closable() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  });
  document.addEventListener("contextmenu", (event) => event.preventDefault());
}

/** Put a text into both languages of an element. */
export function both(element, nl, en) {
  for (const [lang, text] of [["nl", nl], ["en", en]]) {
    const span = element.querySelector(`:scope > [lang="${lang}"]`);
    if (span.textContent !== text) span.textContent = text;
  }
}

/** Milligrams as kilograms to the gram, halves away from zero. */
export function kg(mg, lang) {
  const grams = Math.round(Math.abs(mg) / 1000);
  const whole = `${mg < 0 && grams ? "−" : ""}${Math.floor(grams / 1000)}`;
  return [whole, `${lang === "nl" ? "," : "."}${String(grams % 1000).padStart(3, "0")}`];
}

export const number = (text, lang) => (lang === "nl" ? text.replace(".", ",") : text);
