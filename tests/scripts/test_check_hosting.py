"""The check of a host, and the recipe of the container."""

import re
import subprocess
from fnmatch import fnmatch
from importlib.metadata import version

import pytest

from scripts import check_hosting
from scripts.live_app import ROOT

SECRET = ["vault.key", "tls.pem", "me.token", "cloud.tokens", "vault.receipt", "vault.db", "vault.db-wal", "audit.log"]


def test_another_version_or_none_is_a_problem():
    pinned = f"# a comment\nnumpy=={version('numpy')}\nnumpy==0.1\nnumpy\nno-such-package==1.0\n"
    assert [fine for fine, _ in check_hosting.packages(pinned)] == [True, False, False, False]


def test_paths_of_one_machine_and_links_out_of_the_project_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(check_hosting, "ROOT", tmp_path)
    (tmp_path / "good.py").write_text("open('/proc/self/statm')\n")
    (tmp_path / "bad.py").write_text("DATA = '/" + "home/somebody/pictures'\n")
    (tmp_path / "link.py").symlink_to("/" + "etc/hostname")
    names = [check_hosting.Path(name) for name in ("good.py", "bad.py")]
    assert [fine for fine, _ in check_hosting.outside(names)] == [False, True]
    assert [fine for fine, _ in check_hosting.outside([check_hosting.Path("link.py")])] == [True, False]


def test_this_checkout_has_no_such_path_and_no_large_file():
    if not (ROOT / ".git").exists():
        pytest.skip("NO TEST OF THE TRACKED FILES RAN: this is no git checkout")
    files = check_hosting.tracked()
    assert all(fine for fine, _ in [*check_hosting.sizes(files), *check_hosting.outside(files)])


def test_the_container_is_nobody_in_particular_and_takes_only_what_is_here():
    recipe = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER (?!root)\w+$", recipe, re.MULTILINE)
    assert "HEALTHCHECK" in recipe
    assert "--server.address=0.0.0.0" in recipe
    for line in re.findall(r"^COPY (.+) \S+$", recipe, re.MULTILINE):
        assert all((ROOT / source).exists() or list(ROOT.glob(source)) for source in line.split())
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert "!.streamlit" in left_out, "the config goes along"
    assert not {"engine", "models", "pages", "streamlit_app.py"} & set(left_out)


@pytest.mark.parametrize("name", SECRET)
@pytest.mark.parametrize("folder", ["", "clinic/", "a/b/"])
def test_keys_and_stores_in_any_folder_are_kept_out_of_git_and_of_the_container(name, folder):
    left_out = (ROOT / ".dockerignore").read_text().split()
    # What a pattern after "**/" matches in any folder.
    assert any(fnmatch(name, line.removeprefix("**/")) for line in left_out if line.startswith("**/"))
    if not (ROOT / ".git").exists():
        pytest.skip("NO TEST OF .gitignore RAN: this is no git checkout")
    assert subprocess.run(["git", "check-ignore", "-q", folder + name], cwd=ROOT).returncode == 0
