// The form of a gist: more files, fewer files, and Tab that indents (Escape first leaves the field).

export function setUpEditor(): void {
  const form = document.querySelector<HTMLFormElement>("[data-editor]");
  const files = form?.querySelector<HTMLElement>("[data-files]");
  if (!form || !files) return;

  form.addEventListener("click", (clicked) => {
    const target = clicked.target as HTMLElement;
    if (target.closest("[data-add]")) addFile(files);
    if (target.closest("[data-remove]")) removeFile(files, target);
  });

  let leaving = false;
  form.addEventListener("keydown", (key) => {
    if (!(key.target instanceof HTMLTextAreaElement)) return;
    if (key.key === "Tab" && !key.shiftKey && !leaving) {
      key.preventDefault();
      key.target.setRangeText("    ", key.target.selectionStart, key.target.selectionEnd, "end");
    }
    leaving = key.key === "Escape";
  });
}

function addFile(files: HTMLElement): void {
  const copy = files.querySelector<HTMLElement>("[data-file]")?.cloneNode(true) as HTMLElement;
  for (const field of copy.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("input, textarea")) {
    field.value = "";
  }
  files.append(copy);
  copy.querySelector("input")?.focus();
}

function removeFile(files: HTMLElement, button: HTMLElement): void {
  if (files.querySelectorAll("[data-file]").length > 1) button.closest("[data-file]")?.remove();
}
