// Applies a chosen theme before the first paint: a plain script, because modules run after it.
try {
  const chosen = localStorage.getItem("saltbox.theme");
  if (chosen === "light" || chosen === "dark") {
    document.documentElement.dataset.theme = chosen;
  }
} catch {
  // Nothing is kept here: follow the system.
}
