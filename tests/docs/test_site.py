"""The site: every document has its place in it, nothing is fetched for it, and it builds without a warning."""

import importlib
import re
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
DOCUMENTS = PROJECT / "docs"
SITE = yaml.safe_load((PROJECT / "mkdocs.yml").read_text())
MKDOCS = PROJECT / ".cache" / "docs" / "bin" / "mkdocs"


def leaves(nav):
    for entry in nav:
        for value in entry.values():
            yield from leaves(value) if isinstance(value, list) else [value]


def test_every_document_has_its_place():
    assert sorted(leaves(SITE["nav"])) == sorted(str(page.relative_to(DOCUMENTS)) for page in DOCUMENTS.rglob("*.md"))


def test_a_reader_is_sent_to_nobody_for_fonts_and_scripts():
    assert SITE["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css"} & SITE.keys()


def test_what_the_reference_names_is_there():
    text = (DOCUMENTS / "reference" / "index.md").read_text()
    modules = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert modules
    assert all(importlib.import_module(name).__doc__ for name in modules)


@pytest.mark.skipif(not MKDOCS.exists(), reason="the site is built where `make docs` has installed its tools")
def test_it_builds_without_a_warning(tmp_path):
    built = subprocess.run(
        [MKDOCS, "build", "--strict", "--quiet", "--site-dir", tmp_path], cwd=PROJECT, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    pages = [page.read_text() for page in tmp_path.rglob("*.html")]
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]* src="(https?:)?//|<link[^>]* rel="(?:stylesheet|preconnect)" href="http'
    )
    assert len(pages) > len(list(leaves(SITE["nav"])))
    assert not any(loaded.search(page) for page in pages)
