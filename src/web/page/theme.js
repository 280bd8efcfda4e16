// The theme chosen earlier, before anything is painted. Not a module: those run later.
try {
  const theme = localStorage.getItem('hobnob.theme');
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden here: the system's theme it is.
}
