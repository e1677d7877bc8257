
// Samples: two pictures of the same input over each other, divided where the reader likes, and enlarged.
const viewer = document.getElementById("viewer"), stage = viewer.querySelector(".stage"), scene = stage.firstElementChild;
const part = name => viewer.querySelector(`[name="${name}"]`);
let rows = [], index = 0;

const pictureOf = side => rows[part(side).value].querySelectorAll(".picture")[index];
function svgElement(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
function draw() {
  const [left, right] = ["left", "right"].map(pictureOf), box = left.getAttribute("viewBox");
  const [, , width, height] = box.split(" ").map(Number), at = width * part("divide").value / 100;
  const layer = picture => {
    const copied = picture.cloneNode(true);
    for (const [name, value] of [["width", width], ["height", height]]) copied.setAttribute(name, value);
    copied.setAttribute("class", picture.classList.contains("small") ? "small" : "");
    copied.removeAttribute("role");
    return copied;
  };
  const clip = svgElement("clipPath", { id: "viewer-right" }), over = svgElement("g", { "clip-path": "url(#viewer-right)" });
  clip.append(svgElement("rect", { x: at, width: width - at, height }));
  over.append(layer(right));
  const title = svgElement("title", {}), names = [left, right].map(one => one.querySelector("title").textContent);
  title.textContent = `left of the line: ${names[0]}; right of it: ${names[1]}`;
  scene.setAttribute("viewBox", box);
  scene.replaceChildren(title, layer(left), clip, over, svgElement("line", { class: "divider", x1: at, x2: at, y2: height }));
  part("which").textContent = `${index + 1} of ${rows[0].querySelectorAll(".picture").length}`;
  viewer.querySelectorAll(".sides span").forEach((span, i) => { span.textContent = rows[part(["left", "right"][i]).value].dataset.label; });
}
function zoom(to) {
  const before = Number(stage.style.getPropertyValue("--zoom") || 1), now = Math.min(8, Math.max(1, to));
  const middle = [stage.scrollLeft + stage.clientWidth / 2, stage.scrollTop + stage.clientHeight / 2];
  part("zoom").value = now;
  stage.style.setProperty("--zoom", now);
  stage.classList.toggle("zoomed", now > 1);
  stage.scrollTo(middle[0] * now / before - stage.clientWidth / 2, middle[1] * now / before - stage.clientHeight / 2);
}
function turn(by) {
  const count = rows[0].querySelectorAll(".picture").length;
  index = (index + by + count) % count;
  draw();
}
function view(figure, row, at) {
  rows = [...figure.querySelectorAll(".sample-row")].filter(one => !one.hidden);
  for (const side of ["left", "right"]) {
    part(side).replaceChildren(...rows.map((one, i) => element("option", one.dataset.label, { value: i })));
  }
  part("left").value = 0;
  part("right").value = Math.max(0, row ? rows.indexOf(row) : rows.findIndex(one => one.dataset.method));
  part("divide").value = 50;
  index = at;
  draw();
  viewer.showModal();
  zoom(1);
}
for (const figure of document.querySelectorAll(".looking")) {
  if (!figure.querySelector(".sample-row")) continue;
  const button = element("button", "Compare and zoom", { type: "button" });
  button.addEventListener("click", () => view(figure, null, 0));
  figure.querySelector("figcaption").append(button);
  figure.addEventListener("click", event => {
    const picture = event.target.closest(".picture");
    if (picture) view(figure, picture.closest(".sample-row"), [...picture.parentElement.children].indexOf(picture));
  });
}
for (const name of ["left", "right", "divide"]) part(name).addEventListener("input", draw);
part("zoom").addEventListener("input", () => zoom(Number(part("zoom").value)));
part("previous").addEventListener("click", () => turn(-1));
part("next").addEventListener("click", () => turn(1));
part("close").addEventListener("click", () => viewer.close());
stage.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(Number(part("zoom").value) * (event.deltaY < 0 ? 1.25 : 0.8));
}, { passive: false });
stage.addEventListener("keydown", event => {
  const zoomed = stage.classList.contains("zoomed"), level = Number(part("zoom").value);
  const step = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
  if (event.key === "+" || event.key === "-") zoom(level + (event.key === "+" ? 0.5 : -0.5));
  else if (event.key === "0") zoom(1);
  else if (step && !zoomed) { part("divide").value = Number(part("divide").value) + step; draw(); }
  else return; // arrows move an enlarged picture by themselves
  event.preventDefault();
});

// one finger or the mouse moves the line, or the picture where it is enlarged; two fingers enlarge
const pointers = new Map();
let spread = 0;
const distance = () => { const [a, b] = [...pointers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
function divideAt(x) {
  const drawn = scene.getScreenCTM(), width = scene.viewBox.baseVal.width;
  part("divide").value = 100 * (x - drawn.e) / (drawn.a * width);
  draw();
}
stage.addEventListener("pointerdown", event => {
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  stage.setPointerCapture(event.pointerId);
  if (pointers.size === 2) spread = distance() / Number(part("zoom").value);
});
stage.addEventListener("click", event => { if (!stage.classList.contains("zoomed")) divideAt(event.clientX); });
stage.addEventListener("pointermove", event => {
  const last = pointers.get(event.pointerId);
  if (!last) return;
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  if (pointers.size === 2) zoom(distance() / spread);
  else if (stage.classList.contains("zoomed")) stage.scrollBy(last.x - event.clientX, last.y - event.clientY);
  else divideAt(event.clientX);
});
for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, event => pointers.delete(event.pointerId));
