"""Before/after: two pictures on top of each other and a slider that uncovers one of them.

The line is a native range input, which works by keyboard and speaks to screen readers; a drag sets its value.
Dragging never talks to the server.
"""

import streamlit as st

from pages.components.kit.show import data_url

_HTML = """
<figure>
  <div class="box">
  <div class="stage">
    <div class="layer"><img class="after" alt="" draggable="false"></div>
    <div class="layer cut"><img class="before" alt="" draggable="false"></div>
    <span class="tag left"></span>
    <span class="tag right"></span>
    <input class="uncover" type="range" min="0" max="100" step="1" value="50">
    <span class="line" aria-hidden="true"><span class="knob">&#8596;</span></span>
  </div>
  </div>
  <p class="closer" hidden>
    <label>Zoom <input class="zoom" type="range" min="1" max="4" step="0.25" value="1"></label>
    <button class="reset" type="button">Reset</button>
    <span>Wheel: zoom. Zoomed in, drag beside the line, or Shift and arrow keys: move.</span>
  </p>
</figure>
"""

_CSS = """
figure { margin: 0; }
.box { background: #05080a; border-radius: var(--st-base-radius); overflow: hidden; }
.stage { position: relative; overflow: hidden; margin: 0 auto; aspect-ratio: 3 / 2; --cut: 50%; }
.layer { position: absolute; inset: 0; overflow: hidden; }
.cut { clip-path: inset(0 calc(100% - var(--cut)) 0 0); }
img {
  width: 100%; height: 100%; object-fit: contain; user-select: none;
  transform: translate(var(--x, 0px), var(--y, 0px)) scale(var(--zoom, 1));
}
.tag {
  position: absolute; top: 0.6rem; max-width: 45%; padding: 0.15rem 0.55rem; border-radius: 999px;
  background: rgb(0 0 0 / 72%); color: #fff; font: 600 0.8rem/1.4 var(--st-font); pointer-events: none;
}
.left { left: 0.6rem; }
.right { right: 0.6rem; }
.uncover {
  position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; pointer-events: none;
}
.stage { cursor: ew-resize; touch-action: pan-y; }
.stage.zoomed { cursor: grab; touch-action: none; }
.line {
  position: absolute; top: 0; bottom: 0; left: var(--cut); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 4px rgb(0 0 0 / 70%); pointer-events: none;
}
.knob {
  position: absolute; top: 50%; left: 50%; width: 2.4rem; height: 2.4rem; transform: translate(-50%, -50%);
  display: grid; place-items: center; border-radius: 50%; background: #fff; color: #16222b;
  font: 700 1.15rem/1 var(--st-font); box-shadow: 0 1px 6px rgb(0 0 0 / 55%);
}
.closer {
  display: flex; flex-wrap: wrap; align-items: center; gap: 0.3rem 0.8rem; margin: 0.4rem 0 0;
  color: var(--st-text-color); font: 400 0.85rem/1.4 var(--st-font);
}
.closer[hidden] { display: none; }
label { display: flex; align-items: center; gap: 0.5rem; }
.reset {
  min-height: 2rem; padding: 0 0.7rem; border: 1px solid var(--st-border-color); background: none; color: inherit;
  border-radius: var(--st-button-radius); font: inherit; cursor: pointer;
}
.zoom { width: 8rem; accent-color: var(--st-primary-color); }
.uncover:focus-visible + .line .knob { outline: 4px solid var(--st-primary-color); outline-offset: 2px; }
"""

_JS = """
// Where the pictures are moved to: Streamlit calls the component again whenever its data changes.
const states = new WeakMap();
const NEAR = 28, NUDGE = 40;

export default function ({ data, parentElement }) {
  const find = (selector) => parentElement.querySelector(selector);
  const stage = find(".stage"), input = find(".uncover"), zoom = find(".zoom");
  stage.style.aspectRatio = data.width + " / " + data.height;
  stage.style.maxWidth = "calc(min(64vh, 36rem) * " + data.width / data.height + ")";
  for (const side of ["before", "after"]) {
    const image = find("." + side);
    if (image.getAttribute("src") !== data[side]) image.src = data[side];
    image.alt = data[side + "_alt"];
  }
  find(".left").textContent = data.before_label;
  find(".right").textContent = data.after_label;
  const sides = data.before_label + " on the left, " + data.after_label + " on the right";
  input.setAttribute("aria-label", "Uncover: " + sides);
  const show = () => {
    stage.style.setProperty("--cut", input.value + "%");
    input.setAttribute("aria-valuetext", input.value + " percent " + data.before_label);
  };
  input.oninput = show;
  const view = states.get(stage) || { x: 0, y: 0, drag: "" };
  states.set(stage, view);
  const place = () => {
    const box = stage.getBoundingClientRect(), most = (zoom.value - 1) / 2;
    for (const [axis, length] of [["x", box.width], ["y", box.height]]) {
      view[axis] = Math.min(most * length, Math.max(-most * length, view[axis]));
      stage.style.setProperty("--" + axis, view[axis] + "px");
    }
    stage.style.setProperty("--zoom", zoom.value);
    stage.classList.toggle("zoomed", zoom.value > 1);
    zoom.setAttribute("aria-valuetext", zoom.value + " times");
  };
  const move = (x, y) => { view.x += x; view.y += y; place(); };
  zoom.oninput = place;
  find(".reset").onclick = () => {
    zoom.value = 1;
    place();
  };
  const uncover = (event) => {
    const box = stage.getBoundingClientRect();
    input.value = Math.round(((event.clientX - box.left) / box.width) * 100);
    show();
  };
  // On the line a drag moves the line; beside it, once zoomed in, it moves the pictures.
  stage.onpointerdown = (event) => {
    if (event.button) return;
    const box = stage.getBoundingClientRect(), line = box.left + (box.width * input.value) / 100;
    view.drag = zoom.value > 1 && Math.abs(event.clientX - line) > NEAR ? "pictures" : "line";
    stage.setPointerCapture(event.pointerId);
    if (view.drag === "line") uncover(event);
  };
  stage.onpointermove = (event) => {
    if (view.drag === "line") uncover(event);
    if (view.drag === "pictures") move(event.movementX, event.movementY);
  };
  stage.onpointerup = stage.onpointercancel = () => { view.drag = ""; };
  stage.onwheel = data.zoom ? (event) => {
    event.preventDefault();
    zoom.value = Number(zoom.value) + (event.deltaY < 0 ? 0.25 : -0.25);
    place();
  } : null;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  input.onkeydown = zoom.onkeydown = (event) => {
    if (!event.shiftKey || !moves[event.key]) return;
    event.preventDefault();
    move(...moves[event.key].map((step) => step * NUDGE));
  };
  find(".closer").hidden = !data.zoom;
  show();
  place();
}
"""

_COMPONENT = st.components.v2.component("before_after", html=_HTML, css=_CSS, js=_JS)


def before_after(
    before: bytes,
    after: bytes,
    *,
    labels: tuple[str, str],
    alts: tuple[str, str],
    size: tuple[int, int],
    key: str,
    zoom: bool = True,
) -> None:
    """Show two pictures under one slider.

    Args:
        before: JPEG or PNG file, uncovered on the left.
        after: JPEG or PNG file of the same aspect ratio, on the right.
        labels: What the two are, one or two words each.
        alts: What a person who cannot see them should know.
        size: ``(width, height)`` of the pictures, for the aspect ratio.
        key: Unique on the page.
        zoom: Whether to offer a closer look.
    """
    _COMPONENT(
        key=key,
        data={
            "before": data_url(before),
            "after": data_url(after),
            "before_label": labels[0],
            "after_label": labels[1],
            "before_alt": alts[0],
            "after_alt": alts[1],
            "width": size[0],
            "height": size[1],
            "zoom": zoom,
        },
    )
