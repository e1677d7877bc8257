"use strict";
// Without this script everything works too: cells are links, evidence opens by its address, the theme is the system's.

const button = document.getElementById("theme"), root = document.documentElement;
const themes = ["auto", "light", "dark"];
let theme = "auto";
try { theme = localStorage.getItem("contrastbench-theme") || "auto"; } catch { /* a file may have no storage */ }
function show(name) {
  theme = themes.includes(name) ? name : "auto";
  if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
  button.lastElementChild.textContent = theme;
  try { localStorage.setItem("contrastbench-theme", theme); } catch { /* not kept, then */ }
}
show(theme);
button.hidden = false;
button.addEventListener("click", () => show(themes[(themes.indexOf(theme) + 1) % themes.length]));

let opener = null;
const open = () => document.querySelector(".evidence:target");
// the way back is to the link that was followed, wherever the reader is on the page
function close() {
  const there = [window.scrollX, window.scrollY], back = opener, evidence = open();
  if (!evidence) return;
  location.hash = evidence.querySelector(".close").hash;
  window.scrollTo(...there);
  const link = back || document.querySelector(":target a");
  if (link) link.focus({ preventScroll: Boolean(back) });
  opener = null;
}
document.addEventListener("click", event => {
  const link = event.target.closest("a");
  if (!link) return;
  if (link.classList.contains("cell")) opener = link;
  if (link.classList.contains("close")) { event.preventDefault(); close(); }
});
document.addEventListener("keydown", event => { if (event.key === "Escape") close(); });
function arrived() {
  const evidence = open();
  if (!evidence) return;
  evidence.scrollTop = 0;
  // whoever comes by a link from elsewhere finds the cell beside its evidence
  if (!opener) document.querySelector(evidence.querySelector(".close").hash).scrollIntoView({ block: "center" });
  evidence.focus({ preventScroll: true });
}
window.addEventListener("hashchange", arrived);
window.addEventListener("load", arrived); // the address has its target only then
