"""Touch every control that a page offers, whatever page it is: controls are found in the page, not listed here."""

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Error

from scripts.live_app import settle

# More than any page has; a page whose controls never end would be a fault of its own.
MOST = 150
PATIENCE_MS = 10_000
# The next control that was not touched yet: marked, with its kind and a name that outlives a rerun. What may hide or
# replace others (options, tabs, buttons) comes last, so that all that it shows now has been touched before.
_NEXT = """(touched) => {
  const main = document.querySelector('[data-testid="stMain"]');
  const shadows = [...main.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean);
  const kinds = {
    press: ['[data-testid="stSlider"] input', '.stage input', 'label input.zoom'],
    step: ['[data-testid="stNumberInputStepUp"]'],
    list: ['[data-testid="stSelectbox"]'], check: ['[data-testid="stCheckbox"] label'],
    click: ['.strip label', '.card .from', '[data-testid="stExpander"] summary', '[data-testid="stPopoverButton"]',
      '[data-testid="stButtonGroup"] button', '[data-testid="stRadio"] label', '[role="tab"]',
      '[data-testid="stButton"] button'],
  };
  const named = (node) => {
    const home = node.getRootNode().host || node, keyed = home.closest('[class*="st-key-"]');
    const key = keyed ? [...keyed.classList].find((name) => name.startsWith("st-key-")) : "";
    const words = node.getAttribute("aria-label") || (node.querySelector("p, legend") || node).textContent;
    return key + " " + words.trim().slice(0, 60).replace(/[\\d,.]+/g, "#");
  };
  for (const [how, selectors] of Object.entries(kinds))
    for (const selector of selectors)
      for (const root of [main, ...shadows])
        for (const node of root.querySelectorAll(selector)) {
          const name = named(node), box = node.getBoundingClientRect();
          const usable = box.width && box.height && !node.disabled && !node.closest('[aria-disabled="true"]');
          if (!usable || touched.includes(name)) continue;
          for (const each of [document, ...shadows])
            each.querySelectorAll("[data-touch]").forEach((marked) => marked.removeAttribute("data-touch"));
          node.setAttribute("data-touch", "");
          return [how, name];
        }
  return null;
}"""


def touch_all(page: Any) -> Iterator[str]:
    """Touch the controls of a page one after another, those among them that others uncover.

    Args:
        page: Of playwright.

    Yields:
        What was touched, after the page has answered.
    """
    touched: list[str] = []
    while found := page.evaluate(_NEXT, touched):
        how, name = found
        touched.append(name)
        assert len(touched) <= MOST, touched
        try:
            _TOUCH[how](page, page.locator("[data-touch]").first)
        except Error:
            # The page took it away meanwhile, in answer to an earlier touch.
            assert not page.locator("[data-touch]").count(), f"{name} cannot be touched"
        settle(page)
        if page.get_by_test_id("stPopoverBody").count():
            # It lies over what comes next.
            page.keyboard.press("Escape")
        yield name


def _press(page: Any, control: Any) -> None:
    control.focus(timeout=PATIENCE_MS)
    page.keyboard.press("ArrowRight")


def _next_of_list(page: Any, select: Any) -> None:
    select.locator("input, [role=combobox]").first.focus(timeout=PATIENCE_MS)
    for key in ("ArrowDown", "Enter"):
        page.keyboard.press(key)


def _click(page: Any, control: Any) -> None:
    control.click(timeout=PATIENCE_MS)


_TOUCH = {"press": _press, "step": _click, "list": _next_of_list, "check": _click, "click": _click}
