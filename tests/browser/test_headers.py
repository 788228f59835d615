"""The app works under the security headers of ``deploy/Caddyfile``, on every page."""

import re

import pytest

from scripts.live_app import PATIENCE_MS, ROOT, paths, settle

CADDYFILE = (ROOT / "deploy" / "Caddyfile").read_text()
HEADERS = dict(re.findall(r'^\t\t([A-Z][\w-]+) "(.*)"$', CADDYFILE, re.MULTILINE))
# Only over TLS.
del HEADERS["Strict-Transport-Security"]


@pytest.fixture(scope="module")
def guarded(browser):
    """A visitor whose every answer carries the headers, and what the browser refused because of them."""
    context, refused = browser.new_context(), []
    context.route("**/*", add_headers)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.expose_function("refuse", lambda what: refused.append(what))
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', (e) => window.refuse(e.effectiveDirective + ' ' +"
        " e.blockedURI + ' ' + e.sample))"
    )
    yield page, refused
    context.close()


def add_headers(route) -> None:
    if route.request.method != "GET":
        # An upload; headers of its answer rule nothing.
        route.continue_()
        return
    # A server may close a quiet connection at the moment in which it is used again: a browser asks once more itself.
    answer = route.fetch(max_retries=5)
    # Playwright has unpacked the body.
    kept = {name: value for name, value in answer.headers.items() if name not in ("content-encoding", "content-length")}
    route.fulfill(response=answer, headers=kept | HEADERS)


def test_the_policy_forbids_what_it_can():
    policy = dict(part.strip().partition(" ")[::2] for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & set(policy["script-src"].split())
    assert not any("http" in sources or "*" in sources for sources in policy.values())


@pytest.mark.parametrize("path", paths())
def test_every_page_works_under_the_headers(guarded, server, path):
    page, refused = guarded
    page.goto(f"{server}/{path}")
    settle(page)
    assert page.get_by_test_id("stException").count() == 0
    assert page.locator("h1").inner_text()
    assert not refused


def test_a_dial_the_slider_and_an_upload_work_under_the_headers(guarded, server, own_picture):
    page, refused = guarded
    page.goto(f"{server}/encrypt?scheme=Multi-stage")
    settle(page)
    page.locator(".uncover").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".uncover").input_value() == "51"
    page.locator("input[type=file]").set_input_files(own_picture)
    page.get_by_text("Your own picture").first.wait_for()
    page.get_by_role("slider", name="Block size").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("block=9"))
    assert not refused
