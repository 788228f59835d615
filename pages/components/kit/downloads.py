"""Files made in the visitor's browser: a sealed picture or a key never becomes a file on the server."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Download:
    """A file on offer.

    Attributes:
        label: Of its button.
        file: Its name.
        content: Its bytes.
    """

    label: str
    file: str
    content: bytes


_HTML = """
<div class="row"></div>
"""

_CSS = """
.row { display: flex; flex-wrap: wrap; gap: 0.5rem; }
a {
  display: inline-block; padding: 0.4rem 0.9rem; color: var(--st-text-color); text-decoration: none;
  font: 400 1rem/1.5 var(--st-font); border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius);
}
a:hover, a:focus-visible { color: var(--st-primary-color); border-color: var(--st-primary-color); }
"""

_JS = """
export default function ({ data, parentElement }) {
  const row = parentElement.querySelector(".row");
  const addresses = [];
  row.replaceChildren(...data.map((item) => {
    const bytes = Uint8Array.from(atob(item.content), (letter) => letter.charCodeAt(0));
    const href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
    addresses.push(href);
    const text = "\\u2193 " + item.label;
    return Object.assign(document.createElement("a"), { href, download: item.file, textContent: text });
  }));
  return () => addresses.forEach((address) => URL.revokeObjectURL(address));
}
"""

_COMPONENT = st.components.v2.component("downloads", html=_HTML, css=_CSS, js=_JS)


def downloads(files: Sequence[Download], *, key: str) -> None:
    """Offer files.

    Args:
        files: What to offer; all of it goes to the browser at once.
        key: Unique on the page.
    """
    data = [
        {"label": file.label, "file": file.file, "content": base64.b64encode(file.content).decode()} for file in files
    ]
    _COMPONENT(key=key, data=data)
