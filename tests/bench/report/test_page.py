"""The page as text: complete, self-contained, escaped, the same twice."""

import base64
import gzip
import html
import re
from collections import Counter
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from bench.base.errors import BenchError, UsageError
from bench.base.home import Home
from bench.report.page import write_report
from bench.report.run_material import said_once
from bench.show.table_files import write_table

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements, their attributes, and whether they are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def source(written):
    return written.path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def page(source):
    return Page(source)


def test_elements_are_closed_and_names_are_unique(page):
    assert page.open == []
    names = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_link_leads_somewhere_in_the_page(page):
    names = {attributes.get("id") for _, attributes in page.elements}
    links = [attributes["href"] for tag, attributes in page.elements if tag in ("a", "use")]
    assert len(links) > 100
    files = [link for link in links if link.startswith("data:application/gzip;base64,")]
    assert len(files) == 6  # of a table and of a comparison
    assert [link for link in links if link not in files and (not link.startswith("#") or link[1:] not in names)] == []


def test_nothing_is_asked_of_anyone(page, source):
    assert not re.findall(r"(?:src|href)=\"(?!#|data:)", source)
    assert not re.findall(r"@import|url\((?!#)", source)
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_headings_landmarks_and_table_headers(page):
    assert next(name for name, _ in page.elements if name in ("h1", "h2", "h3")) == "h1"
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("nav")) == 1
    assert page.all("html")[0]["lang"] == "en"
    assert all(th.get("scope") in ("row", "col", "rowgroup", "colgroup") for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) > 10
    assert not page.all("img")
    titled = [attributes for attributes in page.all("svg") if attributes.get("role") == "img"]
    assert len(titled) == len(page.all("title")) - 1  # one of them is the page's


def test_every_cell_has_evidence(page, cells):
    articles = [attributes for attributes in page.all("article") if attributes["id"].startswith("cell--")]
    assert len(articles) == len({attributes["id"] for attributes in articles}) == len(cells)


def test_evidence_is_that_of_its_cell(source, cells):
    texts = [
        html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", article)))
        for article in re.findall(r'<article class="evidence" id="cell--.*?</article>', source, re.DOTALL)
    ]
    for cell, text in zip(cells, texts, strict=True):
        assert cell.row in text
        assert cell.metric in text
        assert cell.state in text
        if cell.published_text:
            assert cell.published_text in text


def evidence(source, row, column):
    """The text of a cell's evidence."""
    name = rf'<article class="evidence" id="cell--src-hdce-main-smoke--{row}--{column}"'
    article = re.search(name + r".*?</article>", source, re.DOTALL)
    assert article is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", article[0]))


def test_evidence_of_a_judged_cell(source, trained):
    text = evidence(source, "cut", "horse-zebra-fid")
    for part in ("Ours is worse than published", "as published", "61.5", "64.0", "66.1", "best-on-validation", "45.5"):
        assert part in text
    assert "Gap: best-on-test looks better than last by 4.0" in text
    assert trained.keys["toy"][0] in text
    assert "score0" in text
    assert "for the mean over seeds" in text


def test_evidence_of_a_stand_in(source):
    text = evidence(source, "cut", "cityscapes-fid")
    assert "Measured on a stand-in: the data set earth-land2sat@3 in place of cityscapes@2" in text
    assert "none: a stand-in is never judged" in text
    assert "ngf 64 -&gt; 8" in text
    assert "KD-EffLite0" in text
    assert "Ceiling" not in text
    assert "At scale smoke the number only shows that everything works" in text


def test_evidence_says_what_real_images_get(source):
    assert "Ceiling: real test images get 799.8 by the same metric" in evidence(source, "cut", "cityscapes-map")


def test_text_is_escaped(source):
    assert "<b>weights</b>" not in source
    assert "&lt;b&gt;weights&lt;/b&gt; &amp; more" in source


def test_verdicts_have_words(source):
    for word in ("consistent with the published number", "better than published", "worse than published"):
        assert re.search(rf'aria-hidden="true">.</span><span class="sr">, {word}', source)


def test_a_stand_in_never_stands_in_a_published_column(source):
    block = source[
        source.index("A. Published, and reproduced as published") : source.index('<p class="label">Stand-in</p>')
    ]
    assert not re.findall(r">\s*7[0-9]{2}\.", block)  # the stand-ins' numbers begin at 700
    assert "see B" in block


def test_the_answer_comes_first_and_how_to_read_last(source):
    parts = [
        'class="answer"', 'class="bars"', 'class="grid sortable"', "<h3>Samples</h3>", "<h3>Intervals</h3>",
        "<h3>Curves</h3>", 'id="comparison--toy-vs-other"', 'id="reading"', 'id="made-with"',
    ]  # fmt: skip
    places = [source.index(part) for part in parts]
    assert places == sorted(places)
    assert '<b class="answer">1 of 3</b>' in source


def test_explanations_are_folded(page):
    folded = [attributes for attributes in page.all("details") if attributes.get("id") in ("reading", "made-with")]
    assert [sorted(attributes) for attributes in folded] == [["class", "id"]] * 2  # not open


def test_cells_of_one_reason_are_one(source):
    """A method that nobody has written is said once, not in every column."""
    row = re.search(r'<tbody data-method="MUNIT">.*?</tbody>', source, re.DOTALL)[0]
    assert row.count("not implemented") == 1
    assert 'data-columns="0 1 2 3 4" colspan="5"' in row
    assert row.count('href="#cell--src-hdce-main-smoke--munit') == 6  # the five printed numbers and ours


def test_a_table_without_any_number_of_ours_says_so_once(paper_table, smoke, tmp_path):
    home = Home.open(tmp_path / "runs", tmp_path / "datasets")
    write_table(paper_table, smoke, home.table(paper_table.name, "smoke"))
    text = write_report(home, tmp_path / "page.html").path.read_text()
    block = text[text.index("A. Published") : text.index('<p class="label">Stand-in</p>')]
    assert "No number of ours was measured as published." in block
    assert re.search(r'5 cells: <a href="#block--[^"]*b1[^"]*">see B1</a>', block)
    assert ">ours<" not in block
    assert '<b class="answer">0 of 50</b>' in text


def test_every_cell_says_how_it_is_made_again(source, trained):
    text = evidence(source, "cut", "cityscapes-fid")
    assert "contrastbench reproduce src-hdce/main --scale paper --method cut --seeds 2" in text
    assert f"contrastbench rerun {trained.keys['toy'][0]}" in text
    assert "contrastbench reproduce" not in evidence(source, "munit", "cityscapes-fid")


def test_a_gap_says_what_its_sign_means(root, cells, paper_table, tmp_path):
    def turned(cell):
        """The same cell with its last checkpoint better than the best on test."""
        if "last" not in cell.measured:
            return cell
        ends = {"last": cell.measured["best-on-test"], "best-on-test": cell.measured["last"]}
        fixed = {rule: one.model_copy(update={"checkpoint": rule}) for rule, one in ends.items()}
        return cell.model_copy(update={"measured": cell.measured | fixed})

    home = Home.open(tmp_path / "other", tmp_path / "datasets")
    write_table(paper_table, [turned(cell) for cell in cells], home.table(paper_table.name, "smoke"))
    text = evidence(write_report(home, tmp_path / "page.html").path.read_text(), "cut", "horse-zebra-fid")
    assert "Gap: best-on-test is worse than last by 4.0." in text
    assert "looks better" not in text


def test_every_number_of_a_comparison_has_evidence(page, source):
    articles = [attributes["id"] for attributes in page.all("article") if attributes["id"].startswith("evidence--")]
    assert len(articles) == 2  # of the candidate and its rival, by one metric
    assert all(f'href="#{name}"' in source for name in articles)
    rival = re.search(rf'<article class="evidence" id="{articles[1]}".*?</article>', source, re.DOTALL)[0]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", rival))
    for part in ("no difference is shown at 2 seeds", "95 % interval", "toy minus needs-teacher", "Samples, seed 0"):
        assert part in text


def test_reasons_of_missing_samples_aresaid_once():
    reasons = {"CUT": "the run is not finished", "NEGCUT": "its images are gone", "FastCUT": "the run is not finished"}
    assert said_once(reasons) == ["CUT, FastCUT: the run is not finished", "NEGCUT: its images are gone"]


def test_files_are_those_of_the_results_root(source, root):
    stem = "src-hdce-main-smoke"
    for end, name in ((".csv", "table.csv"), (".tex", "table.tex")):
        packed = re.search(rf'download="{stem}{end}.gz" href="data:application/gzip;base64,([^"]+)"', source)[1]
        content = gzip.decompress(base64.b64decode(packed)).decode()
        assert content == (root.table("src-hdce/main", "smoke") / name).read_text()


def test_templates_stay_short():
    lengths = {
        path.name: len(path.read_text().splitlines()) for path in files("bench.report").joinpath("templates").iterdir()
    }
    assert len(lengths) > 10
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_samples_and_figures_are_stored_once(page, source):
    assert len(re.findall("data:image/webp", source)) == len(set(re.findall(r"data:image/webp;base64,[^\"]+", source)))
    pictures = [use["href"] for use in page.all("use") if use["href"].startswith("#p-")]
    assert len(pictures) > len(set(pictures)) > 3


def test_the_same_twice(root, written, tmp_path):
    begun = tmp_path / f".again.html.{10**8}.tmp"  # by a command that was killed: no process has such a number
    begun.touch()
    again = write_report(root, tmp_path / "again.html")
    assert again.path.read_bytes() == written.path.read_bytes()
    assert again.size == len(written.path.read_bytes())
    assert not begun.exists()


def test_only_what_was_asked_for(root, tmp_path):
    text = write_report(root, tmp_path / "one.html", ["toy-vs-other"]).path.read_text()
    assert "src-hdce/main" not in text
    assert "toy against needs-teacher" in text


def test_a_page_of_very_many_runs_lists_what_a_browser_can_show(root, source, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.report.overview.MOST_RUNS", 3)
    monkeypatch.setattr("bench.report.evidence.MOST_SEEDS", 1)
    text = write_report(root, tmp_path / "short.html").path.read_text()
    page = Page(text)
    listed = [attributes["id"] for _, attributes in page.elements if attributes.get("id", "").startswith("run--")]
    all_runs = [a["id"] for _, a in Page(source).elements if a.get("id", "").startswith("run--")]
    assert len(listed) == 3 < len(all_runs)
    assert f"And {len(all_runs) - 3} more, which are counted above" in text
    assert "1 seeds more, which are in the table" in text
    names = {attributes.get("id") for _, attributes in page.elements}
    links = [attributes["href"] for tag, attributes in page.elements if tag in ("a", "use")]
    assert [link for link in links if link.startswith("#") and link[1:] not in names] == []


def test_a_page_on_which_nothing_changed_is_not_drawn_again(root, source, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.show.drawing.style", lambda: pytest.fail("something is drawn"))
    assert write_report(root, tmp_path / "again.html").path.read_text() == source


def test_runs_that_are_elsewhere_are_said(other_root, trained, tmp_path):
    text = write_report(other_root, tmp_path / "copied.html").path.read_text()
    key = trained.keys["toy"][0]
    assert f"Not shown: CUT: run {key} is not in this results root" in text
    assert "<b>4</b> runs not here" in text
    assert f'href="#run--{key}"' in text


def test_images_that_are_gone_are_said(other_root, root, trained, tmp_path):
    for seeds in trained.keys.values():
        for key in seeds.values():
            folder = other_root.run(key).path
            folder.mkdir()
            for name in ("spec.json", "metrics.jsonl", "result.json"):
                (folder / name).write_bytes((root.run(key).path / name).read_bytes())
    page = write_report(type(root)(other_root.root, root.datasets), tmp_path / "a.html").path.read_text()
    assert "are not in this results root any more" in page
    # nor is the data set here: what was given cannot be shown
    page = write_report(other_root, tmp_path / "b.html").path.read_text()
    assert "what the methods were given cannot be shown" in page
    assert "its images are not in this results root" in page


def test_a_place_that_cannot_be_written(root, tmp_path):
    with pytest.raises(UsageError, match="is a folder; name a file in it"):
        write_report(root, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=r"file/report.html: cannot be written"):
        write_report(root, tmp_path / "file" / "report.html")
