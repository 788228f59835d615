"""Read a page as a person would."""

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
        app.subheader,
    )
    return "\n".join(str(element.value) for group in groups for element in group)
