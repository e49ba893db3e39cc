// Runs before the first paint, so that neither theme nor layout jumps.
document.documentElement.classList.add("scripted");
try {
  const theme = localStorage.getItem("rookery-theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* a page opened from a file may have no storage */ }
