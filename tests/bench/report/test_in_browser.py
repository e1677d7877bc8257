"""The page in Chromium: links, keyboard, colours, small screens, and that it asks nothing of anyone."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
CELL = "cell--src-hdce-main-smoke--cut--horse-zebra-fid"


@pytest.fixture
def page(browser, written):
    """The report, on a wide light screen."""
    browser.emulate(1400, 1000)
    browser.requested()
    browser.errors()
    browser.open(written.path.as_uri())
    return browser


def at(written, anchor: str) -> str:
    return f"{written.path.as_uri()}#{anchor}"


def press_until(browser, key: str, script: str, most: int = 400) -> None:
    for _ in range(most):
        browser.press(key)
        if browser.run(script):
            return
    pytest.fail(f"{script} is still false after {most} times")


def test_every_address_is_followed_and_asks_nothing_of_anyone(page, written):
    addresses = page.run(
        "return [...new Set([...document.querySelectorAll('a:not([download])')].map(link => link.getAttribute('href')))]"
    )
    assert len(addresses) > 100
    broken = []
    for first in range(0, len(addresses), 20):  # in parts, since a script has a time limit
        broken += page.run(FOLLOW, addresses[first : first + 20])
    assert broken == []
    asked = {url.partition("#")[0] for url in page.requested() if not url.startswith("data:")}
    assert asked == {written.path.as_uri()}
    assert page.errors() == []


FOLLOW = """
const broken = [];
for (const address of arguments[0]) {
  document.querySelector(`a[href="${address}"]:not(.close)`)?.click();
  const target = document.querySelector(':target');
  // what nothing but the way out of an evidence leads to is a cell of a table
  const arrived = target ? target.id === address.slice(1) : false;
  const is_place = Boolean(document.querySelector(`td[id="${address.slice(1)}"]`));
  if (!arrived && !is_place) broken.push(address);
}
return broken;
"""


def test_evidence_opens_and_closes_by_keyboard_alone(page):
    press_until(page, TAB, "return document.activeElement.matches('td a.cell')")
    place = page.run("return document.activeElement.hash.slice(1)")
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.press(ENTER)
    page.wait_for("return document.querySelector('.evidence:target')?.id === arguments[0]", place, seconds=10)
    assert page.run("return document.activeElement.id") == place
    assert "state" in page.run("return document.querySelector('.evidence:target').innerText")
    page.press(TAB)
    assert page.run("return document.querySelector('.evidence:target').contains(document.activeElement)")
    page.press(ESCAPE)
    page.wait_for("return !document.querySelector('.evidence:target')", seconds=10)
    assert page.run("return document.activeElement.hash.slice(1)") == place


def test_the_reader_stays_where_he_was(page):
    page.run(
        f"const link = [...document.querySelectorAll('a[href=\"#{CELL}\"]')].at(-1); link.scrollIntoView(); link.click()"
    )
    before = page.run("return window.scrollY")
    assert before > 500
    page.press(ESCAPE)
    page.wait_for("return !document.querySelector('.evidence:target')", seconds=10)
    assert page.run("return window.scrollY") == pytest.approx(before, abs=2)


def test_an_address_opens_the_evidence_of_its_cell(page, written):
    page.open("about:blank")
    page.open(at(written, CELL))
    page.wait_for("return document.querySelector('.evidence:target h3')?.innerText.startsWith('CUT')", seconds=10)
    # the cell itself is in sight beside it
    top = page.run(
        "return document.getElementById(arguments[0]).getBoundingClientRect().top", CELL.replace("cell", "at", 1)
    )
    assert 0 < top < 1000
    shown = page.run("return document.querySelector('.evidence:target').innerText")
    for part in ("Ours is worse than published", "61.5", "score0", "What differs from the published setting", "Curves"):
        assert part in shown


def test_pictures_and_figures_are_drawn(page, written):
    """Where a picture is referred to, the screen shows its pixels."""
    drawn = page.run(
        """
        return [...document.querySelectorAll('.picture use')].map(use => {
          const target = document.querySelector(use.getAttribute('href')), box = use.getBBox();
          return [Boolean(target), Boolean(use.closest('svg').querySelector('title').textContent.trim()), box.width > 0];
        })
        """
    )
    assert len(drawn) > 20
    in_evidence = page.run("return document.querySelectorAll('.evidence .picture').length")
    assert all(there and titled for there, titled, _ in drawn)
    assert sum(seen for _, _, seen in drawn) >= len(drawn) - in_evidence
    figures = page.run("return [...document.querySelectorAll('.result .plot')].map(plot => plot.getBBox().width)")
    assert len(figures) > 5
    assert min(figures) > 100
    outlines = page.run(
        "return [...document.querySelectorAll('.result .plot use[class=f-s0]')].map(use => getComputedStyle(use).stroke)"
    )
    assert set(outlines) == {"none"}  # bands have no line around them


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("anchor", ["", CELL])
def test_a_phone_never_scrolls_sideways(page, written, dark, anchor):
    page.emulate(400, 800, dark)
    page.open("about:blank")
    page.open(at(written, anchor))
    assert page.run("return document.scrollingElement.scrollWidth") <= 400
    if anchor:
        assert page.run("const e = document.querySelector('.evidence:target'); return e.scrollWidth <= e.clientWidth")
    # what is wider than the screen scrolls inside a box that the keyboard reaches
    wide = (
        "return [...document.querySelectorAll('.scroll')].filter(b => b.scrollWidth > b.clientWidth && b.clientWidth)"
    )
    assert page.run(f"{wide}.length") > 0
    assert page.run(f"{wide}.every(b => b.tabIndex === 0 && b.getAttribute('aria-label'))")


BACKGROUND = "return getComputedStyle(document.body).backgroundColor"

# The lowest contrast of any text with what is behind it, by WCAG 2: (ratio, text).
CONTRAST = """
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parse = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
function behind(element) {
  for (; element; element = element.parentElement) {
    const colour = parse(getComputedStyle(element).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
}
let worst = [99, ''];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
  if (!text || !element.getClientRects().length || element.closest('script, style, svg')) continue;
  const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < worst[0]) worst = [ratio, text];
}
return worst;
"""

# the same of figures: their colours against the page, by WCAG 2 at least 3
FIGURE_CONTRAST = """
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = text => { const [r, g, b] = [1, 3, 5].map(i => parseInt(text.slice(i, i + 2), 16));
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
const style = getComputedStyle(document.documentElement), page = light(style.getPropertyValue('--page').trim());
const names = ['--ink', '--faint', ...Array.from({length: 10}, (_, i) => `--s${i}`)];
return Math.min(...names.map(name => { const l = light(style.getPropertyValue(name).trim());
  return (Math.max(l, page) + 0.05) / (Math.min(l, page) + 0.05); }));
"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("anchor", ["", CELL])
def test_contrast(page, written, dark, anchor):
    page.emulate(1400, 1000, dark)
    page.open("about:blank")
    page.open(at(written, anchor))
    ratio, text = page.run(CONTRAST)
    assert ratio >= 4.5, text
    assert page.run(FIGURE_CONTRAST) >= 3


def test_dark_by_the_system_and_by_the_button(page, written):
    light = page.run(BACKGROUND)
    page.emulate(1400, 1000, dark=True)
    dark = page.run(BACKGROUND)
    assert dark != light
    press_until(page, TAB, "return document.activeElement.id === 'theme'", most=10)
    page.press(ENTER)
    assert page.run("return document.activeElement.innerText") == "Theme: light"
    assert page.run(BACKGROUND) == light
    page.press(ENTER)
    page.emulate(1400, 1000, dark=False)
    assert page.run("return document.activeElement.innerText") == "Theme: dark"
    assert page.run(BACKGROUND) == dark
    assert (
        page.run("return getComputedStyle(document.querySelector('.plot use')).getPropertyValue('--ink').trim()")
        == "#e9eaec"
    )


def test_verdict_marks_have_words(page):
    marks = page.run(
        "return [...document.querySelectorAll('td .mark')].map(m => [m.innerText, m.nextElementSibling.textContent])"
    )
    words = {mark: text for mark, text in marks}
    assert words["≈"] == ", consistent with the published number"
    assert words["▲"] == ", better than published"
    assert words["▼"] == ", worse than published"
    assert "deviates" in words["≠"]


def test_it_works_without_its_script(page, written, tmp_path: Path):
    text = written.path.read_text(encoding="utf-8")
    plain = tmp_path / "plain.html"
    plain.write_text(text[: text.index("<script>")] + text[text.index("</script>") + 9 :], encoding="utf-8")
    page.open(f"{plain.as_uri()}")
    page.run("document.querySelector('td a.cell').click()")
    page.wait_for("return document.querySelector('.evidence:target')?.getBoundingClientRect().width > 300", seconds=10)
    page.run("document.querySelector('.evidence:target .close').click()")
    page.wait_for("return document.querySelector('td:target')", seconds=10)
    assert page.run("return document.getElementById('theme').hidden")
