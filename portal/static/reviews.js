// The keyboard on the analysts' pages, and what a page cannot do without a script: start a player paused at a second.
// Everything else works without it. Written for this product; no dependency.
"use strict";

const rows = () => [...document.querySelectorAll("[data-row]")];
const current = () => document.activeElement && document.activeElement.closest("[data-row]");
const handle = (row) => row.querySelector("[data-open]") || row;

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))];
  handle(next).focus();
  next.scrollIntoView({ block: "nearest" });
}

function press(element) {
  if (!element) return false;
  if (element.matches("input:not([type=radio]), textarea, select")) element.focus();
  else element.click();
  return true;
}

function within(selector) {
  const row = current();
  return row && row.querySelector(selector);
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  c: () => press(within(".acts button") || document.querySelector("[data-key='c']")),
  u: () => press(within("[data-uncover]")),
  r: () => press(within("[data-verdict='right']")),
  w: () => press(within("[data-verdict='wrong']")),
  h: () => press(within("[data-verdict='harmless']")),
  q: () => press(document.querySelector("header .brand")),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, video, audio");
  if (event.key === "Escape" && typing) return typing.blur();
  if (typing) return;
  const named = /^[a-z0-9/]$/.test(event.key) && document.querySelector(`[data-key="${event.key}"]`);
  if (KEYS[event.key]) KEYS[event.key]();
  else if (!press(named)) return;
  event.preventDefault();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

document.addEventListener("click", (event) => {
  const play = event.target.closest("[data-play]");
  if (!play) return;
  document.querySelector("#from").value = play.dataset.play;
  document.querySelector("#why").focus();
  document.querySelector("#why").scrollIntoView({ block: "center" });
});

// Paused at the second of the finding: nothing plays by itself.
function settle(root) {
  for (const player of root.querySelectorAll("[data-second]")) {
    const seek = () => { player.currentTime = Number(player.dataset.second); };
    if (player.readyState > 0) seek();
    else player.addEventListener("loadedmetadata", seek, { once: true });
  }
  for (const button of root.querySelectorAll("[data-play]")) button.hidden = false;
}

new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node.parentElement) settle(node.parentElement);
}).observe(document.documentElement, { childList: true, subtree: true });
settle(document);

// The queue follows what comes in, unless somebody is just going through it.
const REFRESH_MS = 30000;
setInterval(() => {
  const queue = document.querySelector("#queue");
  if (queue && !document.hidden && !queue.contains(document.activeElement)) htmx.trigger(queue, "refresh");
}, REFRESH_MS);
