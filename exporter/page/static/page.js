// Fetches the page anew every 30 seconds and puts its live parts in the place of the old ones: what is open stays
// open, the focus and the scroll position stay. Nothing depends on it, and a button stops it.
"use strict";

const EVERY = 30_000;
const place = document.getElementById("refresh");
const button = document.createElement("button");
let paused = false;

function busy() {
  const at = document.activeElement;
  return document.hidden || !getSelection().isCollapsed || (at && at.matches("input, select, textarea"));
}

// The elements of the same kind that lead to the same place, to find one again in a new page.
function like(root, element) {
  const link = element.getAttribute("href");
  return [...root.querySelectorAll(element.tagName)].filter((other) => other.getAttribute("href") === link);
}

function replace(fresh) {
  const focused = document.activeElement;
  const nth = focused && focused !== document.body ? like(document, focused).indexOf(focused) : -1;
  const scroll = [scrollX, scrollY];
  for (const old of document.querySelectorAll("[data-live]")) {
    const one = fresh.getElementById(old.id);
    if (!one) continue;
    for (const each of one.querySelectorAll("details[id]")) {
      const before = document.getElementById(each.id);
      if (before) each.open = before.open;
    }
    old.replaceWith(document.adoptNode(one));
  }
  document.title = fresh.title;
  if (nth >= 0 && !document.contains(focused)) like(document, focused)[nth]?.focus({ preventScroll: true });
  scrollTo(...scroll);
}

async function refresh() {
  if (paused || busy()) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(EVERY) });
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (paused || busy()) return;
    replace(new DOMParser().parseFromString(text, "text/html"));
    button.dataset.failed = "";
  } catch {
    button.dataset.failed = " - the agent does not answer";
  }
  tell();
}

function tell() {
  button.textContent = (paused ? "Refresh" : "Pause refresh") + (button.dataset.failed || "");
}

button.type = "button";
button.addEventListener("click", () => {
  paused = !paused;
  tell();
  refresh();
});
tell();
place.append(button);
setInterval(refresh, EVERY);
