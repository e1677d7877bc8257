import base64
import gzip

from bench.report.downloads import downloads


def content(link):
    kind, _, data = link.address.partition(",")
    assert kind == "data:application/gzip;base64"
    return gzip.decompress(base64.b64decode(data)).decode()


def test_a_file_is_in_its_link_and_the_same_twice():
    files = {"CSV": (".csv", "row,value\nÄ→B,1\n"), "JSON": (".json", "{}")}
    links = downloads("main-smoke", files)
    assert [(link.label, link.name) for link in links] == [("CSV", "main-smoke.csv.gz"), ("JSON", "main-smoke.json.gz")]
    assert content(links[0]) == "row,value\nÄ→B,1\n"
    assert downloads("main-smoke", files) == links


def test_what_is_too_large_for_a_page_is_left_out(monkeypatch):
    monkeypatch.setattr("bench.report.downloads.MOST_BYTES", 40)
    assert [
        link.label for link in downloads("x", {"CSV": (".csv", "ab"), "JSON": (".json", "".join(map(str, range(99))))})
    ] == ["CSV"]
