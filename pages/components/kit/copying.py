"""Buttons that copy something: the address of what is shown, a citation, the command behind a figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

CITATION = """@software{cxr_vault,
  title = {CXR Vault: search chest X-rays without showing them},
  note = {Rebuilds and measures the two papers cited below},
  year = {2026}
}
@article{matdh2025,
  author = {Zhang, Shaozheng and Zhang, Qiuyu and Tang, Jiahui and Xu, Ruihua},
  title = {Secure Medical Image Retrieval Based on Multi-Attention Mechanism and Triplet Deep Hashing},
  journal = {Computers, Materials & Continua},
  volume = {82}, number = {2}, pages = {2137--2158},
  year = {2025},
  doi = {10.32604/cmc.2024.057269}
}
@article{jafarsadik2024,
  author = {Jafar Sadik, Mohamed and Samsudin, Noor Azah and Bin Ahmad, Ezak Fadzrin},
  title = {Balancing Privacy and Performance: Exploring Encryption and Quantization in
    Content-Based Image Retrieval Systems},
  year = {2024}
}
"""


@dataclass(frozen=True)
class Copy:
    """Something on offer.

    Attributes:
        label: Of its button.
        text: What is copied; the page's address where it is empty.
    """

    label: str
    text: str = ""


_HTML = """
<div class="row"></div><p aria-live="polite"></p>
"""

_CSS = """
.row { display: flex; flex-wrap: wrap; gap: 0.5rem; }
button {
  padding: 0.4rem 0.9rem; min-height: 2.75rem; color: var(--st-text-color); background: none; cursor: pointer;
  font: 400 1rem/1.5 var(--st-font); border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius);
}
button:hover, button:focus-visible { color: var(--st-primary-color); border-color: var(--st-primary-color); }
p { margin: 0; min-height: 1.2rem; font: 400 0.85rem/1.4 var(--st-font); color: var(--st-text-color); }
textarea { width: 100%; min-height: 6rem; font: 0.8rem/1.4 monospace; }
"""

_JS = """
export default function ({ data, parentElement }) {
  const row = parentElement.querySelector(".row"), said = parentElement.querySelector("p");
  const byHand = (text) => {
    const box = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
    box.setAttribute("aria-label", "Copy this");
    said.replaceChildren(box);
    box.select();
  };
  row.replaceChildren(...data.map((item) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: item.label });
    button.onclick = async () => {
      const text = item.text || window.location.href;
      try {
        await navigator.clipboard.writeText(text);
        said.textContent = "Copied.";
      } catch {
        byHand(text);
      }
    };
    return button;
  }));
}
"""

_COMPONENT = st.components.v2.component("copying", html=_HTML, css=_CSS, js=_JS)


def copy_buttons(offers: Sequence[Copy], *, key: str) -> None:
    """Offer things to copy; where a browser forbids it, the text is shown, selected.

    Args:
        offers: What to offer.
        key: Unique on the page.
    """
    _COMPONENT(key=key, data=tuple({"label": offer.label, "text": offer.text} for offer in offers))
