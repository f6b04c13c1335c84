"use strict";

// What is marked as live is fetched again and again, already escaped, as the server shows it.
const pause = 2000;

async function refresh() {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  const busy = document.hidden || main.matches(":active") || main.contains(document.activeElement)
    || !getSelection().isCollapsed;
  if (!busy) {
    try {
      const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
      const live = answer.ok && answer.headers.get("X-Fragment");
      if (live) main.innerHTML = await answer.text();
      if (live === "last") main.removeAttribute("data-live");
      main.classList.toggle("stale", !live);
    } catch {
      main.classList.add("stale");
    }
  }
  setTimeout(refresh, pause);
}

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
});
setTimeout(refresh, pause);
