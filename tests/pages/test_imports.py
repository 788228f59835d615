"""What a visit makes the server import, seen in a process of its own."""

import subprocess
import sys

import pytest

from pages.components.frame import PAGES
from tests.pages.conftest import ROOT

VISIT = """
import sys
from streamlit.testing.v1 import AppTest

app = AppTest.from_file("streamlit_app.py", default_timeout=240).run()
assert not app.exception, app.exception
for page in sys.argv[2:]:
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception
assert sys.argv[1] not in sys.modules
"""


@pytest.mark.parametrize(
    ("library", "pages"),
    [
        ("torch", ("overview", "enhance", "encrypt", "privacy_lab", "benchmarks")),
        # 60 MiB; Streamlit brings it when it meets a list where a table could be.
        ("pandas", tuple(name for name, *_ in PAGES)),
        # 90 MiB, and 60 more where it compiles.
        ("numba", ("encrypt", "privacy_lab", "three_parties")),
    ],
)
def test_a_page_brings_no_library_it_does_not_need(library, pages):
    script = VISIT.replace("streamlit_app.py", str(ROOT / "streamlit_app.py"))
    done = subprocess.run(
        [sys.executable, "-c", script, library, *pages], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
