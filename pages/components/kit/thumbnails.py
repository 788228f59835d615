"""A strip of small pictures to choose one from: a native radio group, for arrow keys and screen readers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.components.kit.show import data_url


@dataclass(frozen=True)
class Thumbnail:
    """One choice.

    Attributes:
        id: What choosing it returns.
        picture: JPEG file, about 120 pixels wide.
        caption: A word or two below it.
        alt: The picture in words.
    """

    id: str
    picture: bytes
    caption: str
    alt: str


_HTML = """
<fieldset><legend></legend><div class="strip"></div></fieldset>
"""

_CSS = """
fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
legend { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(3.9rem, 1fr)); gap: 0.4rem; }
label { position: relative; display: block; cursor: pointer; }
input { position: absolute; inset: 0; margin: 0; opacity: 0; cursor: pointer; }
img {
  display: block; width: 100%; aspect-ratio: 1; object-fit: cover; background: #000; box-sizing: border-box;
  border: 3px solid transparent; border-radius: var(--st-button-radius);
  outline: 1px solid var(--st-border-color);
}
span {
  display: block; margin-top: 0.15rem; color: var(--st-text-color); font: 400 0.75rem/1.25 var(--st-font);
  text-align: center; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
input:checked ~ img { border-color: var(--st-primary-color); outline-color: var(--st-primary-color); }
input:checked ~ span { font-weight: 650; }
input:focus-visible ~ img { outline: 3px solid var(--st-text-color); outline-offset: 1px; }
"""

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.querySelector("legend").textContent = data.legend;
  const strip = parentElement.querySelector(".strip");
  const shown = JSON.stringify(data.items.map((item) => item.id));
  if (strip.dataset.shown !== shown) {
    strip.dataset.shown = shown;
    strip.replaceChildren(...data.items.map((item) => {
      const label = document.createElement("label");
      const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
      const input = make("input", { type: "radio", name: "choice", value: item.id });
      const image = make("img", { src: item.src, alt: item.alt });
      const caption = make("span", { textContent: item.caption });
      label.append(input, image, caption);
      return label;
    }));
  }
  for (const input of strip.querySelectorAll("input")) {
    input.checked = input.value === data.selected;
    input.onchange = () => setTriggerValue("picked", input.value);
  }
}
"""

_COMPONENT = st.components.v2.component("thumbnails", html=_HTML, css=_CSS, js=_JS)


def thumbnails(
    items: Sequence[Thumbnail], selected: str | None, *, legend: str, key: str, on_pick: Callable[[str], None]
) -> None:
    """Show a strip of pictures.

    Args:
        items: The choices.
        selected: Id of the one in use, if it is among them.
        legend: Name of the group for screen readers.
        key: Unique on the page.
        on_pick: Called with the id chosen, before the page runs again.
    """
    offered = {item.id for item in items}

    def pick() -> None:
        picked = st.session_state[key].picked
        # The browser sends what it likes: only an offered id counts.
        if picked in offered:
            on_pick(picked)

    # A tuple: over a list Streamlit asks pandas whether it is a table, and pandas costs 60 MiB.
    choices = tuple(
        {"id": item.id, "src": data_url(item.picture), "caption": item.caption, "alt": item.alt} for item in items
    )
    _COMPONENT(key=key, data={"legend": legend, "selected": selected, "items": choices}, on_picked_change=pick)
