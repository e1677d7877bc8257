"""The page under axe-core, which knows what WCAG 2 and good practice ask: nothing may be found."""

from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

CELL = "cell--src-hdce-main-smoke--cut--horse-zebra-fid"
STATES = {
    "page": "",
    "evidence": f"location.hash = '{CELL}'",
    "comparison's evidence": "document.querySelector('a[href^=\"#evidence--\"]').click()",
    "choices": "document.querySelectorAll('.choose details').forEach(details => { details.open = true; })",
    "folded": "document.querySelectorAll('details').forEach(details => { details.open = true; })",
    "samples": "document.querySelector('.looking figcaption button').click()",
}


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, which comes inside a package of the browser environment (tox.ini)."""
    found = find_spec("axe_playwright_python")
    assert found is not None and found.submodule_search_locations, "needs axe-playwright-python: tox run -e browser"  # noqa: PT018
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_nothing_is_found_in_any_state(browser, written, axe, width, dark):
    browser.emulate(width, 900, dark)
    found = {}
    for state, script in STATES.items():
        browser.open("about:blank")
        browser.open(written.path.as_uri())
        browser.run(script)
        browser.run(axe)
        violations = browser.run("return axe.run().then(found => found.violations)")
        found[state] = [
            (violation["id"], [node["html"][:200] for node in violation["nodes"]][:3]) for violation in violations
        ]
    assert found == {state: [] for state in STATES}


def test_a_fault_would_be_found(browser, written, axe):
    browser.open(written.path.as_uri())
    browser.run("document.querySelector('#viewer').showModal(); document.querySelector('#viewer label').remove()")
    browser.run("document.querySelector('#viewer').append(document.createElement('select'))")
    browser.run(axe)
    found = browser.run("return axe.run().then(found => found.violations.map(violation => violation.id))")
    assert "select-name" in found
