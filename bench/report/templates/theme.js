
const root = document.documentElement, themeButton = document.getElementById("theme");
root.classList.add("scripted");
const themes = ["auto", "light", "dark"];
let theme = "auto";
try { theme = localStorage.getItem("contrastbench-theme") || "auto"; } catch { /* a file may have no storage */ }
function show(name) {
  theme = themes.includes(name) ? name : "auto";
  if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
  themeButton.lastElementChild.textContent = theme;
  try { localStorage.setItem("contrastbench-theme", theme); } catch { /* not kept, then */ }
}
show(theme);
themeButton.hidden = false;
themeButton.addEventListener("click", () => show(themes[(themes.indexOf(theme) + 1) % themes.length]));

// an element of the page's own script: element("button", "Copy", { type: "button" })
function element(tag, content = "", attributes = {}) {
  const made = document.createElement(tag);
  made.append(content);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
