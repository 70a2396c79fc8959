// Fetches the page again every few seconds and replaces its main part when that has changed. Without scripts the page reloads.
"use strict";
const root = document.documentElement;
const every = 1000 * Number(root.dataset.every);

// Puts the local time of the reader beside the one in UTC, where a pointer rests.
function showLocalTimes(shown) {
  for (const element of shown.querySelectorAll("time")) {
    element.title = new Date(element.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  }
}

function replaceMain(next) {
  const main = document.querySelector("main");
  const fresh = next.querySelector("main");
  if (!fresh || main.innerHTML === fresh.innerHTML) return;
  const focused = main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const open = new Map(Array.from(main.querySelectorAll("details"), (element) => [element.id, element.open]));
  const heading = main.querySelector("h1").textContent;
  main.replaceChildren(...fresh.childNodes);
  main.querySelectorAll("details").forEach((element) => { element.open = open.get(element.id) ?? element.open; });
  if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  document.title = next.title;
  const now = main.querySelector("h1").textContent;
  if (now !== heading) document.getElementById("announcement").textContent = now;
}

async function update() {
  if (document.hidden || document.activeElement?.closest("form")) return;
  try {
    const response = await fetch(location.href, { credentials: "same-origin" });
    if (!response.ok) throw new Error(response.statusText);
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    showLocalTimes(next);
    replaceMain(next);
    delete root.dataset.stale;
  } catch {
    if (!root.dataset.stale) document.getElementById("announcement").textContent = "The worker does not answer; this page is old.";
    root.dataset.stale = "yes";
  }
}

showLocalTimes(document);
setInterval(update, every);
document.addEventListener("visibilitychange", update);
