
// Commands are copied, and files unpacked before they are saved: a page that was mailed needs no server for either.
async function copy(text) {
  try { await navigator.clipboard.writeText(text); } catch { // not allowed here: as browsers did it before
    const area = element("textarea", text, { class: "sr" }), back = document.activeElement;
    document.body.append(area);
    area.focus();
    area.select();
    document.execCommand("copy");
    area.remove();
    back.focus();
  }
}
async function unpacked(link) {
  const packed = Uint8Array.from(atob(link.href.split(",")[1]), letter => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).blob();
}
async function save(link) {
  const plain = element("a", "", { href: URL.createObjectURL(await unpacked(link)), download: link.download.replace(/\.gz$/, "") });
  plain.click();
  setTimeout(() => URL.revokeObjectURL(plain.href), 10000);
}
for (const button of document.querySelectorAll(".copy")) button.hidden = false;
document.addEventListener("click", async event => {
  const button = event.target.closest(".copy"), link = event.target.closest("a[download$='.gz']");
  if (button) {
    await copy(button.previousElementSibling.textContent);
    button.firstChild.textContent = "Copied";
    setTimeout(() => { button.firstChild.textContent = "Copy"; }, 2000);
  }
  if (link && window.DecompressionStream) { event.preventDefault(); await save(link); }
});
