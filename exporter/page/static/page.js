// Makes the overview quicker to use: it searches while one types, and fetches the page anew every 30 seconds. Live parts
// of the new page replace the old ones: what is open stays open, the focus and the scroll position stay. Nothing depends
// on it, and a button stops the refresh.
"use strict";

const EVERY = 30_000;
const PAUSE = 250;
const place = document.getElementById("refresh");
const form = document.getElementById("filter");
const button = document.createElement("button");
let paused = false;
let latest = 0;
let typed = 0;

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
  document.getElementById("icon").href = fresh.getElementById("icon").href;
  if (nth >= 0 && !document.contains(focused)) like(document, focused)[nth]?.focus({ preventScroll: true });
  scrollTo(...scroll);
}

// Fetches a page and shows it, unless a later one was asked for meanwhile or `still` says no. Whether it did.
async function show(url, still) {
  const number = ++latest;
  let failed = "";
  try {
    const answer = await fetch(url, { cache: "no-store", headers: { Accept: "text/plain" }, signal: AbortSignal.timeout(EVERY) });
    const text = await answer.text();
    if (number !== latest || !still()) return false;
    if (answer.ok) replace(new DOMParser().parseFromString(text, "text/html"));
    else failed = ` - ${text.slice(0, 60)}`;
  } catch {
    if (number !== latest) return false;
    failed = " - the agent does not answer";
  }
  button.dataset.failed = failed;
  tell();
  return !failed;
}

async function refresh() {
  if (!paused && !busy()) await show(location.href, () => !paused && !busy());
}

function tell() {
  button.textContent = (paused ? "Refresh" : "Pause refresh") + (button.dataset.failed || "");
}

// What the form asks for, as its button would send it, without what is empty.
function asked() {
  const url = new URL(form.action);
  for (const [key, value] of new FormData(form)) if (value) url.searchParams.append(key, value);
  return url;
}

async function search() {
  const url = asked();
  if (url.href !== location.href && (await show(url, () => true))) history.replaceState(null, "", url);
}

form?.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(search, PAUSE);
});
button.type = "button";
button.addEventListener("click", () => {
  paused = !paused;
  tell();
  refresh();
});
tell();
place.append(button);
setInterval(refresh, EVERY);
