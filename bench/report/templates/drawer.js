
// Evidence: the address opens it; Escape and Close lead back to the link that was followed.
let opener = null;
const openEvidence = () => document.querySelector(".evidence:target");
const narrow = matchMedia("(max-width: 60rem)"); // where evidence covers the page, nothing behind it takes the focus
function cover() {
  const covered = Boolean(openEvidence()) && narrow.matches;
  for (const part of document.querySelectorAll(".top, .columns, footer")) part.inert = covered;
}
narrow.addEventListener("change", cover);

function close() {
  const there = [window.scrollX, window.scrollY], back = opener, evidence = openEvidence();
  if (!evidence) return;
  location.hash = evidence.querySelector(".close").hash;
  cover();
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
document.addEventListener("keydown", event => {
  if (event.key === "Escape" && !event.target.closest("dialog")) close();
});

// what is folded opens where an address leads into it
function unfold(target) {
  let folded = target?.closest("details:not([open])");
  if (!folded) return;
  for (; folded; folded = folded.parentElement.closest("details:not([open])")) folded.open = true;
  target.scrollIntoView();
}
function arrived() {
  cover();
  const evidence = openEvidence();
  if (!evidence) { unfold(document.querySelector(":target")); return; }
  evidence.scrollTop = 0;
  // whoever comes by a link from elsewhere finds the cell beside its evidence
  const origin = document.querySelector(evidence.querySelector(".close").hash);
  if (!opener) { unfold(origin); origin.scrollIntoView({ block: "center" }); }
  evidence.focus({ preventScroll: true });
}
window.addEventListener("hashchange", arrived);
window.addEventListener("load", arrived); // the address has its target only then
