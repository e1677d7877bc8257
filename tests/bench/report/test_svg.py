import re

import pytest

from bench.report.svg import inline_svg
from bench.show.drawing import colours, new_figure, style


@pytest.fixture
def drawing():
    def draw(prefix="f-1"):
        with style():
            figure, axes = new_figure(4, 2)
            axes[0][0].plot([0, 1], [0, 1], "o", color=colours(3)[1], label="<a> & $b$")
            axes[0][0].set_title("<a> & $b$")
            return inline_svg(figure, prefix)

    return draw


def test_colours_are_the_pages(drawing):
    content = drawing().content
    assert "s-ink" in content
    assert "f-s1" in content
    assert re.findall(r"#[0-9a-f]{6}\b", content) == []


def test_it_stands_in_a_page_without_touching_it(drawing):
    content = drawing().content
    assert "<style" not in content
    assert "http" not in content
    assert "&lt;a&gt; &amp; $b$" in content
    names = re.findall(r'\bid="([^"]+)"', content)
    assert names
    assert all(name.startswith("f-1-") for name in names)
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', content))
    assert used <= set(names)
    assert not set(names) & set(re.findall(r'\bid="([^"]+)"', drawing("f-2").content))


def test_the_same_figure_gives_the_same_text(drawing):
    first, second = drawing(), drawing()
    assert first == second
    assert first.width == pytest.approx(4 * 72)


def test_numbers_to_be_read_keep_their_digits():
    with style():
        figure, axes = new_figure(4, 2)
        axes[0][0].plot([0, 1], [0.4161, 0.4175])
        axes[0][0].set_yticks([0.416, 0.4172])
        content = inline_svg(figure, "f-1").content
    assert ">0.4160<" in content
    assert ">0.4172<" in content
    assert not re.findall(r' d="[^"]*\d\.\d{3}', content)  # a hundredth of a point is enough of a coordinate
