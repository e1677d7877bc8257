"""Downloads against a server on this machine that misbehaves in the ways servers and networks do."""

import hashlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import BenchError
from bench.data import download
from bench.data.download import download_archive

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 2000  # half a megabyte that begins like a zip
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; the attributes say how."""

    daemon_threads = True
    content = CONTENT
    ranges = True
    etag: str | None = '"one"'
    cuts: list[int]  # the next answers end after this many bytes of their body
    status = 200
    kind = "application/zip"
    length = True
    stall_s = 0.0  # before the body's second half
    location = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts = []
        self.asked: list[dict[str, str]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data/toys.zip"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(dict(self.headers))
        if server.location and self.path != "/there.zip":
            self.send_response(302)
            self.send_header("Location", server.location)
            self.end_headers()
            return
        body, start, status = server.content, 0, server.status
        unchanged = self.headers.get("If-Range") in (None, server.etag)
        if server.ranges and status == 200 and "Range" in self.headers and unchanged:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(body) else 416
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if status == 416:
            self.send_header("Content-Range", f"bytes */{len(body)}")
        body = body[start:]
        self.send_header("Content-Type", server.kind)
        if server.length:
            self.send_header("Content-Length", str(len(body)))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        if server.cuts:
            body = body[: server.cuts.pop(0)]
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        time.sleep(server.stall_s)
        self.wfile.write(body[len(body) // 2 :])

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(url: str, path: Path, sha256: str | None = None, max_bytes: int = 10**6, **options: Any) -> Path:
    return download_archive(url, path, sha256, max_bytes, **{"timeout_s": 0.5, "pause_s": 0.01} | options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work" / "toys.archive"


def left(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def test_whole_file_and_not_again(server: Server, path: Path) -> None:
    assert get(server.url, path, SHA256).read_bytes() == CONTENT
    assert left(path) == ["toys.archive"]
    get(server.url, path, SHA256)
    get(server.url, path)
    assert len(server.asked) == 1
    assert "Range" not in server.asked[0]
    assert server.asked[0]["User-Agent"].startswith("contrastbench/")


def test_a_cut_connection_goes_on_where_it_stopped(server: Server, path: Path) -> None:
    server.cuts = [200_000, 200_000]
    assert get(server.url, path, SHA256).read_bytes() == CONTENT
    starts = [int(asked["Range"].removeprefix("bytes=").removesuffix("-")) for asked in server.asked[1:]]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] < len(CONTENT)
    assert [asked.get("If-Range") for asked in server.asked] == [None, '"one"', '"one"']


def test_the_next_command_goes_on_too(server: Server, path: Path) -> None:
    server.cuts = [300_000, 0, 0]
    with pytest.raises(BenchError, match=r"the connection was cut; the 0\.3 MB that arrived are kept: run the same"):
        get(server.url, path, attempts=2)
    assert left(path) == ["toys.archive.part", "toys.archive.part.json"]
    kept = path.with_name("toys.archive.part").read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert get(server.url, path, SHA256).read_bytes() == CONTENT
    assert server.asked[-1]["Range"] == f"bytes={len(kept)}-"


def interrupted(server: Server, path: Path) -> None:
    server.cuts = [300_000, 0]
    with pytest.raises(BenchError, match="are kept"):
        get(server.url, path, attempts=1)
    server.asked.clear()


def test_a_server_without_ranges_starts_over(server: Server, path: Path) -> None:
    server.ranges = False
    server.cuts = [200_000]
    assert get(server.url, path, SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ['"two"', None])
def test_a_file_that_changed_meanwhile_is_never_mixed(server: Server, path: Path, etag: str | None) -> None:
    interrupted(server, path)
    server.content = b"PK\x03\x04" + b"other" * 90_000
    server.etag = etag
    assert get(server.url, path).read_bytes() == server.content


def test_another_size_without_an_etag_is_noticed(server: Server, path: Path) -> None:
    server.etag = None
    interrupted(server, path)
    server.content = b"PK\x03\x04" + b"other" * 90_000
    assert get(server.url, path).read_bytes() == server.content


def test_only_the_rename_was_missing(server: Server, path: Path) -> None:
    interrupted(server, path)
    path.with_name("toys.archive.part").write_bytes(CONTENT)
    assert get(server.url, path, SHA256).read_bytes() == CONTENT
    assert [asked["Range"] for asked in server.asked] == [f"bytes={len(CONTENT)}-"]


def test_bytes_of_another_address_are_not_continued(server: Server, path: Path) -> None:
    interrupted(server, path)
    assert get(f"{server.url}?mirror", path, SHA256).read_bytes() == CONTENT
    assert "Range" not in server.asked[0]


def test_wrong_bytes(server: Server, path: Path) -> None:
    with pytest.raises(BenchError, match=r"its sha256 is not the published 0000.*the file was removed"):
        get(server.url, path, "0" * 64)
    assert left(path) == []


@pytest.mark.parametrize("where", ["/there.zip", "{base}/there.zip"])
def test_redirects_are_followed(server: Server, path: Path, where: str) -> None:
    server.location = where.format(base=f"http://127.0.0.1:{server.server_port}")
    server.cuts = [200_000]
    assert get(server.url, path, SHA256).read_bytes() == CONTENT


def test_endless_redirects(server: Server, path: Path) -> None:
    server.location = "/again.zip"
    with pytest.raises(BenchError, match="redirects more than 5 times; give another address"):
        get(server.url, path)


def test_a_redirect_to_something_else(server: Server, path: Path) -> None:
    server.location = "file:///etc/passwd"
    with pytest.raises(BenchError, match="is no address that can be downloaded"):
        get(server.url, path)


def test_a_server_that_stops_sending(server: Server, path: Path) -> None:
    server.stall_s = 1.0
    began = time.monotonic()
    with pytest.raises(BenchError, match=r"the server stopped sending; the .* are kept"):
        get(server.url, path, attempts=1, timeout_s=0.2)
    assert time.monotonic() - began < 30
    server.stall_s = 0.0
    assert get(server.url, path, SHA256).read_bytes() == CONTENT


def test_nobody_answers(server: Server, path: Path) -> None:
    with pytest.raises(BenchError, match=r"no connection to 127\.0\.0\.1; run the same command again"):
        get("http://127.0.0.1:9/toys.zip", path, attempts=2)


def test_a_web_page_instead_loses_nothing(server: Server, path: Path) -> None:
    page = b"<html><title>Please log in</title></html>"
    interrupted(server, path)
    kept = path.with_name("toys.archive.part").read_bytes()
    server.content, server.kind, server.ranges = page, "text/html; charset=utf-8", False
    with pytest.raises(BenchError, match="a web page came instead of an archive"):
        get(server.url, path)
    assert path.with_name("toys.archive.part").read_bytes() == kept
    server.content, server.kind, server.ranges = CONTENT, "application/zip", True
    assert get(server.url, path, SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" * 50, b""])
def test_something_else_instead(server: Server, path: Path, content: bytes) -> None:
    server.content = content
    with pytest.raises(BenchError, match="what came is no zip or tar archive"):
        get(server.url, path)
    assert left(path) == []


@pytest.mark.parametrize("length", [True, False])
def test_too_large(server: Server, path: Path, length: bool) -> None:
    server.length = length
    with pytest.raises(BenchError, match=r"is larger than expected .*limit 0 MB"):
        get(server.url, path, max_bytes=300_000)
    assert left(path) == []


def test_a_full_disk_is_seen_before_it_is_full(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000})())
    with pytest.raises(BenchError, match=r"1 MB are to come and 0 MB are free; free some space"):
        get(server.url, path)


@pytest.mark.parametrize("status", [404, 403, 401])
def test_refusals_are_final(server: Server, path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(BenchError, match=rf"the server answers {status} .*--url"):
        get(server.url, path)
    assert len(server.asked) == 1


def test_passing_troubles_are_tried_again(server: Server, path: Path) -> None:
    server.status = 503
    with pytest.raises(BenchError, match="the server answers 503 Service Unavailable; run the same command"):
        get(server.url, path, attempts=3)
    assert len(server.asked) == 3


def test_a_refusal_keeps_what_arrived(server: Server, path: Path) -> None:
    interrupted(server, path)
    server.status = 404
    with pytest.raises(BenchError, match="404"):
        get(server.url, path)
    server.status = 200
    assert get(server.url, path, SHA256).read_bytes() == CONTENT
    assert "Range" in server.asked[-1]


def test_a_server_that_answers_with_the_wrong_range(server: Server, path: Path, monkeypatch: Any) -> None:
    interrupted(server, path)
    answers = [1, None]
    right = download._range_start
    monkeypatch.setattr(download, "_range_start", lambda response: answers.pop(0) or right(response))
    assert get(server.url, path, SHA256).read_bytes() == CONTENT


def test_addresses_that_are_none(path: Path) -> None:
    for url in ("ftp://example.org/x.zip", "file:///etc/passwd", "toys.zip"):
        with pytest.raises(BenchError, match="only http and https can be downloaded"):
            get(url, path)
    with pytest.raises(BenchError, match="is no address"):
        get("http://", path)


def test_a_host_that_does_not_exist(path: Path) -> None:
    with pytest.raises(BenchError, match=r"no host nowhere\.invalid is found"):
        get("http://nowhere.invalid/toys.zip", path)


def test_notes_that_are_damaged_start_over(server: Server, path: Path) -> None:
    interrupted(server, path)
    notes = path.with_name("toys.archive.part.json")
    assert json.loads(notes.read_text())["total"] == len(CONTENT)
    notes.write_text("{")
    assert get(server.url, path, SHA256).read_bytes() == CONTENT
