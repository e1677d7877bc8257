"""Downloading an archive so that a cut connection loses nothing: what arrived is kept, and the rest is asked for.

pooch checks the hash and puts the finished file in its place, but starts from the first byte each time. So it is given
a downloader of our own: it keeps `FILE.part` between attempts, in this process and in the next, and asks for the bytes
that are missing (HTTP Range, RFC 9110 section 14). `If-Range` with the server's ETag or date makes the server send the
whole file instead if it changed meanwhile; a server without ranges sends the whole file in any case.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from bench import __version__
from bench.base.errors import BenchError
from bench.base.regular import is_regular
from bench.base.storage import explained, read_json, write_json
from bench.base.validation import Strict
from bench.data.meter import Meter
from bench.data.unpack import archive_kind

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

CHUNK = 1 << 16
MAX_REDIRECTS = 5
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # the server's passing troubles


class _CutError(Exception):
    """The transfer broke off in a way that another attempt may mend."""


def download_archive(
    url: str,
    path: Path,
    sha256: str | None,
    max_bytes: int,
    *,
    attempts: int = 4,
    timeout_s: float = 30.0,
    pause_s: float = 1.0,
) -> Path:
    """Download a zip or tar archive; what an earlier attempt left is continued, and a finished file is not fetched again.

    Args:
        url: http or https.
        path: the finished file; `PATH.part` and `PATH.part.json` hold an unfinished one.
        sha256: 64 hex digits the file must have; None if none are published.
        max_bytes: stop if it is larger than this.
        attempts: how many times in a row to try without receiving anything new.
        timeout_s: how long to wait for a connection or for the next bytes, in seconds.
        pause_s: before the second attempt; doubled for each further one.

    Returns:
        `path`.

    Raises:
        BenchError: if the server refuses, sends something else, more than `max_bytes` or other bytes than `sha256`, or
            if the connection keeps breaking; the message says whether what arrived is kept.
    """
    import pooch

    if urlsplit(url).scheme not in ("http", "https"):
        raise BenchError(f"{url}: only http and https can be downloaded; give a file you have with --from FILE")
    if url.startswith("http://") and sha256 is None:
        log.warning(
            "%s: comes over plain http, and its owner publishes no checksum: nothing shows what was changed", url
        )
    pooch.get_logger().setLevel("ERROR")  # it announces paths and unpublished hashes, which we say ourselves
    with explained(path, "--data"):
        path.parent.mkdir(parents=True, exist_ok=True)
    downloader = _Resuming(path.with_name(f"{path.name}.part"), max_bytes, attempts, timeout_s, pause_s)
    known_hash = f"sha256:{sha256}" if sha256 else None
    try:
        pooch.retrieve(url, known_hash, fname=path.name, path=path.parent, downloader=downloader)
    except ValueError as error:
        if "hash" not in str(error):
            raise
        # pooch has removed the file
        raise BenchError(
            f"{url}: its sha256 is not the published {sha256}; the file was removed, run the same command again "
            "or give another address with --url"
        ) from error
    return path


class _Notes(Strict):
    """What is noted beside an unfinished file: of which address it is, and how the server names these very bytes.

    Attributes:
        url: the address.
        validator: an ETag or a date; what a header can hold.
        total: bytes of the whole file.
    """

    url: str
    validator: Annotated[str, Field(pattern=r"^[ -~]*$", max_length=1000)] | None = None
    total: Annotated[int, Field(ge=0)] | None = None


@dataclass
class _Resuming:
    """pooch's downloader: called with the address and a temporary file, which pooch checks and moves afterwards."""

    part: Path
    max_bytes: int
    attempts: int
    timeout_s: float
    pause_s: float

    @property
    def _notes(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        import requests

        idle = 0
        with requests.Session() as session, Meter(f"downloading {_file_name(url)}", "bytes") as meter:
            session.max_redirects = MAX_REDIRECTS
            while True:
                before = self._bytes_here(url)
                try:
                    self._transfer(session, url, meter)
                    break
                except _CutError as error:
                    idle = 0 if self._bytes_here(url) > before else idle + 1
                    if idle == self.attempts:
                        raise BenchError(f"{url}: {error}{self._retry_hint(url)}") from error
                    time.sleep(self.pause_s * 2 ** max(0, idle - 1))
        self.part.replace(output_file)
        self._notes.unlink(missing_ok=True)

    def _bytes_here(self, url: str) -> int:
        """How many bytes of this very address are here."""
        return self.part.stat().st_size if self._noted(url) is not None and is_regular(self.part) else 0

    def _noted(self, url: str) -> _Notes | None:
        """What an earlier attempt noted of this very address; None where that is not what was written."""
        try:
            notes = _Notes.model_validate(read_json(self._notes), strict=True)
        except ValidationError:
            return None
        return notes if notes.url == url else None

    def _headers(self, url: str, received: int) -> dict[str, str]:
        """What is asked of the server, of which so many bytes are here."""
        # ranges count the bytes of the file itself, so it must not be compressed on the way
        headers = {"User-Agent": f"contrastbench/{__version__}", "Accept-Encoding": "identity"}
        if received:
            headers["Range"] = f"bytes={received}-"
            notes = self._noted(url)
            if notes is not None and notes.validator:
                headers["If-Range"] = notes.validator
        return headers

    def _retry_hint(self, url: str) -> str:
        received = self._bytes_here(url)
        again = "run the same command again to go on, or get the file some other way and give it with --from FILE"
        return f"; the {received / 1e6:.1f} MB that arrived are kept: {again}" if received else f"; {again}"

    def _transfer(self, session: requests.Session, url: str, meter: Meter) -> None:
        """Ask once for what is missing and append it.

        Raises:
            _CutError: if another attempt may help.
            BenchError: if not.
        """
        received = self._bytes_here(url)
        notes = self._noted(url) if received else None
        with _response(session, url, self._headers(url, received), self.timeout_s) as response:
            if received and response.status_code == 416:
                if _range_total(response) == received:  # only the end was missing: everything is here
                    return
                self._discard()
                raise _CutError("the file changed on the server")
            if response.status_code in TRY_AGAIN:
                raise _CutError(f"the server answers {response.status_code} {response.reason}")
            if response.status_code not in (200, 206):
                raise BenchError(
                    f"{url}: the server answers {response.status_code} {response.reason}; give another address with "
                    f"--url, or a file you have with --from FILE"
                )
            start = received if response.status_code == 206 else 0
            total = _total(response, start)
            if start and (_range_start(response) != start or (notes is not None and notes.total not in (None, total))):
                self._discard()
                raise _CutError("the server answers with other bytes than those that are missing")
            self._check_size(url, total, start)
            chunks = _chunks(response)
            if start == 0:
                first = next(chunks, b"")
                _check_archive(url, response, first)  # before anything that arrived earlier is overwritten
                self._begin(url, response, total, first)
            meter.restart(self._bytes_here(url), total)
            self._append(url, chunks, meter)
        if total is not None and self._bytes_here(url) != total:
            raise _CutError("the connection was cut")

    def _check_size(self, url: str, total: int | None, start: int) -> None:
        if total is None:
            return
        if total > self.max_bytes:
            raise BenchError(_too_large(url, total, self.max_bytes))
        free = shutil.disk_usage(self.part.parent).free
        if total - start > free:
            raise BenchError(
                f"{self.part}: {(total - start) / 1e6:.0f} MB are to come and {free / 1e6:.0f} MB are free; free some "
                "space or choose another place with --data DIR"
            )

    def _begin(self, url: str, response: requests.Response, total: int | None, first: bytes) -> None:
        etag = response.headers.get("ETag", "")
        # a weak ETag promises the same meaning, not the same bytes
        validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
        with explained(self.part, "--data"):
            self._discard()
            self.part.write_bytes(first)
        notes = {"url": url, "validator": validator, "total": total}
        write_json(self._notes, notes)

    def _append(self, url: str, chunks: Iterator[bytes], meter: Meter) -> None:
        with explained(self.part, "--data"), self.part.open("ab") as file:
            size = file.tell()
            for chunk in chunks:
                size += len(chunk)
                if size > self.max_bytes:
                    self._discard()
                    raise BenchError(_too_large(url, size, self.max_bytes))
                file.write(chunk)
                meter.advance(len(chunk))

    def _discard(self) -> None:
        self._notes.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)


def _response(session: requests.Session, url: str, headers: dict[str, str], timeout_s: float) -> requests.Response:
    """Send a request and return the answer with its body unread."""
    import requests

    try:
        response = session.get(url, headers=headers, stream=True, timeout=(timeout_s, timeout_s))
    except requests.TooManyRedirects as error:
        raise BenchError(
            f"{url}: redirects more than {MAX_REDIRECTS} times; give another address with --url"
        ) from error
    except requests.exceptions.SSLError as error:
        raise BenchError(f"{url}: the server's certificate is not valid; give another address with --url") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        if "NameResolutionError" in repr(error):
            raise BenchError(
                f"{url}: no host {urlsplit(url).hostname} is found; if this machine is not online, get the file on "
                "another one and give it with --from FILE"
            ) from error
        raise _CutError(_cause(error, url, timeout_s)) from error
    except (requests.RequestException, ValueError) as error:
        raise BenchError(f"{url}: is no address that can be downloaded ({error}); give another with --url") from error
    if url.startswith("https:") and not response.url.startswith("https:"):
        response.close()
        raise BenchError(f"{url}: redirects to {response.url}, which is not protected; give another address with --url")
    return response


def _cause(error: Exception, url: str, timeout_s: float) -> str:
    host = urlsplit(url).hostname
    if "Timeout" in type(error).__name__ or "timed out" in str(error):
        return f"{host} does not answer within {timeout_s:g} s"
    return f"no connection to {host}"


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """The body's bytes as they travel; a trouble of the network becomes _CutError, one of the disk does not."""
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    while True:
        try:
            chunk = response.raw.read(CHUNK, decode_content=False)
        except ReadTimeoutError as error:
            raise _CutError("the server stopped sending") from error
        except (HTTPError, OSError) as error:
            raise _CutError("the connection was cut") from error
        if not chunk:
            return
        yield chunk


def _check_archive(url: str, response: requests.Response, first: bytes) -> None:
    if archive_kind(first):
        return
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    if kind == "text/html" or first.lstrip()[:1] == b"<":
        raise BenchError(
            f"{url}: a web page came instead of an archive, from a proxy or a login perhaps; open the address in a "
            "browser and give the file you get with --from FILE"
        )
    raise BenchError(
        f"{url}: what came is no zip or tar archive (it begins with {first[:8]!r}); give another address with --url"
    )


def _total(response: requests.Response, start: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else _range_total(response)


def _range_start(response: requests.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _range_total(response: requests.Response) -> int | None:
    match = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _too_large(url: str, size: int, limit: int) -> str:
    return (
        f"{url}: is larger than expected ({size / 1e6:.0f} MB and more, limit {limit / 1e6:.0f} MB), so it is not the "
        "data set; give another address with --url"
    )


def _file_name(url: str) -> str:
    return Path(urlsplit(url).path).name or urlsplit(url).netloc
