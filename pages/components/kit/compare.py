"""Before/after: two pictures on top of each other and a slider that uncovers one of them.

The slider is a native range input, so it works by mouse, touch and keyboard and speaks to screen readers.
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
  <label hidden>Zoom <input class="zoom" type="range" min="1" max="4" step="0.5" value="1"></label>
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
  transform: scale(var(--zoom, 1)); transform-origin: var(--x, 50%) var(--y, 50%);
}
.tag {
  position: absolute; top: 0.6rem; max-width: 45%; padding: 0.15rem 0.55rem; border-radius: 999px;
  background: rgb(0 0 0 / 72%); color: #fff; font: 600 0.8rem/1.4 var(--st-font); pointer-events: none;
}
.left { left: 0.6rem; }
.right { right: 0.6rem; }
.uncover {
  position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize;
  touch-action: pan-y;
}
.line {
  position: absolute; top: 0; bottom: 0; left: var(--cut); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 4px rgb(0 0 0 / 70%); pointer-events: none;
}
.knob {
  position: absolute; top: 50%; left: 50%; width: 2.4rem; height: 2.4rem; transform: translate(-50%, -50%);
  display: grid; place-items: center; border-radius: 50%; background: #fff; color: #16222b;
  font: 700 1.15rem/1 var(--st-font); box-shadow: 0 1px 6px rgb(0 0 0 / 55%);
}
label {
  display: flex; align-items: center; gap: 0.5rem; margin-top: 0.4rem; color: var(--st-text-color);
  font: 400 0.85rem/1.4 var(--st-font);
}
label[hidden] { display: none; }
.zoom { width: 8rem; accent-color: var(--st-primary-color); }
.uncover:focus-visible + .line .knob { outline: 4px solid var(--st-primary-color); outline-offset: 2px; }
"""

_JS = """
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
  zoom.oninput = () => {
    stage.style.setProperty("--zoom", zoom.value);
    zoom.setAttribute("aria-valuetext", zoom.value + " times");
  };
  stage.onpointermove = (event) => {
    const box = stage.getBoundingClientRect();
    stage.style.setProperty("--x", ((event.clientX - box.left) / box.width) * 100 + "%");
    stage.style.setProperty("--y", ((event.clientY - box.top) / box.height) * 100 + "%");
  };
  find("label").hidden = !data.zoom;
  show();
  zoom.oninput();
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
