// Light or dark: the system's wish, until somebody presses the switch. The choice is a cookie, so
// that the server renders the next page in the right colours at once.

export function setUpTheme(): void {
  document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
  });
}

function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
