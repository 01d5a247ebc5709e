// Draw the page again when the gateway says that something changed, at most every two seconds.
const live = document.getElementById("live");
let due = null;

async function draw() {
  due = null;
  const answer = await fetch("/");
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const open of live.querySelectorAll("details[open]")) {
    fresh.getElementById(open.id)?.setAttribute("open", "");
  }
  live.replaceChildren(...fresh.getElementById("live").childNodes);
}

const events = new EventSource("/events");
events.onmessage = () => {
  due ??= setTimeout(() => draw().catch(() => {}), 2000);
};
events.onopen = () => document.body.classList.remove("away");
events.onerror = () => document.body.classList.add("away");
