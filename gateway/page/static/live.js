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
  renew(live, fresh.getElementById("live"));
}

// Change only what differs, so that nothing flickers and what somebody points at stays.
function renew(old, fresh) {
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((node, place) => {
    const there = before[place];
    if (!there) old.append(node);
    else if (there.isEqualNode(node)) return;
    else if (there.nodeName !== node.nodeName || !node.childNodes.length) there.replaceWith(node);
    else {
      for (const { name } of [...there.attributes]) if (!node.hasAttribute(name)) there.removeAttribute(name);
      for (const { name, value } of node.attributes) if (there.getAttribute(name) !== value) there.setAttribute(name, value);
      renew(there, node);
    }
  });
  before.slice(after.length).forEach((node) => node.remove());
}

const events = new EventSource("/events");
events.onmessage = () => {
  due ??= setTimeout(() => draw().catch(() => {}), 2000);
};
events.onopen = () => document.body.classList.remove("away");
events.onerror = () => document.body.classList.add("away");
