// What changes while one looks: the list, the import's progress, and who else views a gist.
// HTML that arrives was rendered and escaped by the server, from the same template as the page.

import type { Cable } from "mizzen-cable";

interface Changed {
  id: string;
  html: string | null;
  stars?: number;
}

interface Progress {
  running: boolean;
  done: number;
  total: number;
  failed: number;
  per_second: number;
  latest: string;
  html: string | null;
}

const SHOWN = 20;

export async function followList(cable: Cable): Promise<void> {
  const room = await cable.join("gists");
  room.on("changed", (changed: Changed) => {
    if (changed.html === null) document.getElementById(`card-${changed.id}`)?.remove();
    else showCard(changed.html);
  });
}

export async function followImport(cable: Cable): Promise<void> {
  const room = await cable.join("import");
  const show = (progress: Progress): void => {
    const panel = document.querySelector<HTMLElement>("[data-import]");
    if (!panel) return;
    panel.hidden = !progress.running && progress.failed === 0;
    const bar = panel.querySelector("progress");
    if (bar) {
      bar.max = progress.total;
      bar.value = progress.done + progress.failed;
    }
    write("file", progress.running ? progress.latest : "finished");
    write("done", progress.done);
    write("total", progress.total);
    write("rate", progress.per_second);
    write("failed", progress.failed);
    if (progress.html && document.body.dataset.page === "list") showCard(progress.html);
  };
  // The page was made before it was live. An answer that is lost with the connection comes again.
  const catchUp = (): Promise<void> => room.send<Progress>("now").then(show, () => {});
  room.on("progress", show);
  room.on("rejoined", catchUp);
  await catchUp();
}

export async function followGist(cable: Cable): Promise<void> {
  const topic = document.querySelector<HTMLElement>("[data-topic]")?.dataset.topic;
  if (!topic) return;
  const room = await cable.join(topic);
  const count = (members: number): void => {
    const shown = document.querySelector("[data-viewers]");
    if (shown) shown.textContent = members === 1 ? "1 person is viewing" : `${members} people are viewing`;
  };
  count(room.members.length);
  room.on("presence", (change: { members: number }) => count(change.members));
  room.on("rejoined", () => count(room.members.length));
  room.on("stars", (changed: { stars: number }) => {
    for (const shown of document.querySelectorAll("[data-stars]")) shown.textContent = String(changed.stars);
  });
  room.on("changed", () => {
    const notice = document.querySelector<HTMLElement>("[data-changed]");
    if (notice) notice.hidden = false;
  });
}

function showCard(html: string): void {
  const list = document.querySelector("[data-cards]");
  const page = new URLSearchParams(location.search).get("page") ?? "1";
  if (!list || page !== "1") return;
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const card = holder.content.firstElementChild;
  if (!card) return;
  const old = document.getElementById(card.id);
  if (old) old.replaceWith(card);
  else list.prepend(card);
  card.classList.add("fresh");
  document.querySelector(".empty")?.remove();
  while (list.children.length > SHOWN) list.lastElementChild?.remove();
}

function write(field: string, value: string | number): void {
  const place = document.querySelector(`[data-import-${field}]`);
  if (place) place.textContent = String(value);
}
