// Fetches the page again once in a while and puts what has changed in place. Without it the page reloads itself.
"use strict";
const root = document.documentElement;
const every = 1000 * Number(root.dataset.every);

function place(next) {
  const main = document.querySelector("main");
  const fresh = next.querySelector("main");
  if (!fresh || main.innerHTML === fresh.innerHTML) return;
  const focused = main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const open = Array.from(main.querySelectorAll("details"), (one) => one.open);
  const heading = main.querySelector("h1").textContent;
  main.replaceChildren(...fresh.childNodes);
  main.querySelectorAll("details").forEach((one, at) => { one.open = open[at]; });
  if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  document.title = next.title;
  const now = main.querySelector("h1").textContent;
  if (now !== heading) document.getElementById("said").textContent = now;
}

async function update() {
  if (document.hidden || document.activeElement?.closest("form")) return;
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.statusText);
    place(new DOMParser().parseFromString(await answer.text(), "text/html"));
    delete root.dataset.stale;
  } catch {
    if (!root.dataset.stale) document.getElementById("said").textContent = "The worker does not answer; this page is old.";
    root.dataset.stale = "yes";
  }
}

setInterval(update, every);
document.addEventListener("visibilitychange", update);
