import re

import pytest

from bench.report.small_svg import shortened

FIGURE = """
<g id="figure_1">
<defs>
<path id="m79fdec8f25" d="M 0 0
L 0 3.5
" style="stroke: var(--ink)"/>
</defs>
<g id="xtick_1"><g>
<use href="#m79fdec8f25" x="39.61" y="118.20" style="fill: var(--ink); stroke: var(--ink)"/>
</g></g>
<g clip-path="url(#pd2b5cafba6)">
<path d="M 10.04 5.00
L 10.14 5.04
L 10.24 4.96
L 90.04 4.96
" style="fill: none; stroke: var(--s3); stroke-width: 1.6"/>
</g>
<text style="text-anchor: end; fill: var(--ink)" x="31.30" y="5.00" transform="rotate(-0 31.3 5)">0.4172</text>
<text style="font-size: 8.79px; text-anchor: middle; fill: var(--faint)" x="3" y="5" transform="rotate(-90 3 5)">L1</text>
</g>
<defs><clipPath id="pd2b5cafba6"><rect x="1" y="2" width="3" height="4"/></clipPath></defs>
"""


@pytest.fixture
def short():
    return shortened(FIGURE, "f-1")


def test_only_names_that_something_refers_to_are_kept(short):
    assert sorted(re.findall(r'id="([^"]+)"', short)) == ["f-1-0", "f-1-1"]
    assert 'href="#f-1-0"' in short
    assert 'clip-path="url(#f-1-1)"' in short


def test_groups_that_say_nothing_are_gone_and_the_others_are_closed(short):
    assert short.count("<g") == short.count("</g>") == 1
    assert "<g clip-path" in short


def test_styles_are_classes_of_the_page(short):
    assert 'class="n s-s3" style="stroke-width: 1.6"' in short
    assert '<text class="e" x="31.3" y="5.0">0.4172</text>' in short  # numbers to be read stay whole
    assert 'class="m f-faint"' in short
    assert 'transform="rotate(-90 3 5)"' in short
    assert "<use" in short
    assert "f-ink" not in short


def test_lines_stay_where_they_were(short):
    path = re.search(r'd="([^"]*)" class="n s-s3"', short)[1]
    x, y, places = 0.0, 0.0, []
    for command, numbers in re.findall(r"([Ml])([^Mlz]*)", path):
        steps = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers)]
        for dx, dy in zip(steps[::2], steps[1::2], strict=True):
            x, y = (dx, dy) if command == "M" else (x + dx, y + dy)
            places.append((round(x, 1), round(y, 1)))
    assert places == [(10.0, 5.0), (10.1, 5.0), (10.2, 5.0), (90.0, 5.0)]
    curve = shortened('<path d="M 0 2.96\nC 0.8 3 1.58 2.68 2.12 2.12\nz\n"/>', "f")
    assert re.search(r' d="([^"]*)"', curve)[1] == "M 0 3 C .8 3 1.6 2.7 2.1 2.1 z"
