"""Read a page as a person would."""

import json
from typing import Any

from streamlit.testing.v1 import AppTest


def texts(app: AppTest) -> str:
    """Return everything a page says."""
    groups = (
        app.title,
        app.markdown,
        app.caption,
        app.error,
        app.warning,
        app.info,
        app.success,
        app.header,
    )
    return "\n".join(str(element.value) for group in groups for element in group)


def component(app: AppTest, key: str) -> Any:
    """Return what a page handed to one of the project's own components."""
    found = [one.proto for one in app.get("bidi_component") if one.proto.id.endswith(f"-{key}")]
    return json.loads(found[0].json) if found else None


def results(app: AppTest, name: str = "") -> list[dict[str, Any]]:
    """Return the result cards of a page."""
    shown = component(app, f"{name}results")
    return shown[0]["results"] if shown else []
