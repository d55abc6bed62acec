// Niceties of a call's page; without them it works all the same.
"use strict";

// Times in the reader's own time zone.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  time.title = time.textContent;
  time.textContent = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

// A link to the recording ends after a while: a player that was left alone asks for another, once.
for (const player of document.querySelectorAll("[data-player]")) {
  let renewals = 1;
  const renew = () => {
    if (renewals === 0 || player.currentTime === 0) return;
    renewals -= 1;
    const at = player.currentTime;
    player.addEventListener("loadedmetadata", () => { player.currentTime = at; player.play(); }, { once: true });
    player.load();
  };
  player.addEventListener("error", renew);
  player.querySelector("source").addEventListener("error", renew);
}

// The report's moment, from the player that was used last.
const button = document.querySelector("[data-take-moment]");
let used = null;
document.addEventListener("timeupdate", (event) => {
  if (!event.target.matches("[data-player]") || !button) return;
  used = event.target;
  button.hidden = false;
}, true);
button?.addEventListener("click", () => {
  const seconds = Math.floor(used.currentTime);
  document.getElementById("moment").value = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
});

// While the recording is being prepared: look again every minute, unless a report is being written.
if (document.querySelector("[data-waiting]")) {
  setInterval(() => { if (!document.querySelector("details#report[open]")) location.reload(); }, 60000);
}
