// Buttons that copy a text. The text can be selected without them; the style sheet shows them only where this runs.
"use strict";

document.documentElement.classList.add("copies");

// Browsers have no clipboard on a page that came over plain HTTP: the text is selected, and copied as by hand.
async function copy(source) {
  try {
    return await navigator.clipboard.writeText(source.textContent.trim());
  } catch {
    getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) throw new Error("not copied");
    getSelection().removeAllRanges();
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.textContent;
  try {
    await copy(document.getElementById(button.dataset.copy));
    button.textContent = "Copied";
  } catch {
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.textContent = text; }, 2000);
});
