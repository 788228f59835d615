"""Make the screenshots of the documents: every page, in the light and the dark theme, and on a phone.

    python scripts/screenshots.py

They show the pictures that come with the project only. Written to ``docs/screenshots``.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.live_app import PATIENCE_MS, ROOT, chromium, paths, serving, settle  # noqa: E402

FOLDER = ROOT / "docs" / "screenshots"
LOOKS = {"light": ("light", 1366, 860), "dark": ("dark", 1366, 860), "phone": ("light", 390, 844)}
QUIET_MS = 1200


def main() -> None:
    """Photograph every page in every look."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as address, chromium() as browser:
        for look, (scheme, width, height) in LOOKS.items():
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            context.set_default_timeout(PATIENCE_MS)
            view = context.new_page()
            for path in paths():
                view.goto(f"{address}/{path}")
                settle(view)
                view.wait_for_timeout(QUIET_MS)
                file = FOLDER / f"{path or 'overview'}-{look}.jpg"
                view.screenshot(path=file, type="jpeg", quality=85)
                print(file.relative_to(ROOT), file=sys.stderr)
            context.close()


if __name__ == "__main__":
    main()
