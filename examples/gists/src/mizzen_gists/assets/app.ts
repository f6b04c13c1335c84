// The whole client: what is live, and a few comforts. Every page works without it.

import { Cable } from "mizzen-cable";
import { setUpEditor } from "./editor";
import { followGist, followImport, followList } from "./live";
import { setUpTheme } from "./theme";

setUpTheme();
setUpEditor();

document.addEventListener("keydown", (key) => {
  const typing = (key.target as HTMLElement).closest("input, textarea");
  if (key.key === "/" && !typing && !key.ctrlKey && !key.metaKey) {
    key.preventDefault();
    document.querySelector<HTMLInputElement>("#q")?.focus();
  }
});

document.addEventListener("submit", (submitted) => {
  const question = (submitted.target as HTMLElement).dataset.confirm;
  if (question && !confirm(question)) submitted.preventDefault();
});

document.addEventListener("click", async (clicked) => {
  const button = (clicked.target as HTMLElement).closest<HTMLButtonElement>("[data-copy]");
  if (!button) return;
  const raw = button.parentElement?.querySelector<HTMLAnchorElement>("a[href*='/raw/']");
  if (!raw) return;
  const text = await (await fetch(raw.href)).text();
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
});

const cable = new Cable("/cable");
const state = document.querySelector<HTMLElement>("[data-link-state]");
cable.onstate = (now) => {
  if (!state) return;
  state.dataset.state = now;
  state.textContent = now === "connected" ? "live" : "offline, connecting…";
};

const page = document.body.dataset.page;
if (page === "list") void followList(cable);
if (document.querySelector("[data-import]")) void followImport(cable);
if (page === "gist") void followGist(cable);
