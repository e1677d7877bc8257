"""A headless Chromium for tests of pages (through chromedriver's own protocol: JSON over HTTP)."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1500,1000",
]
SCRIPT_LIMIT = 100_000  # milliseconds, less than what a call waits for
# whatever a page asks of any other machine fails at once
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Browser:
    """One window."""

    def __init__(self, driver: str, profile: Path) -> None:
        self.driver = driver
        options = {"binary": shutil.which("chromium"), "args": [*FLAGS, OFFLINE, f"--user-data-dir={profile}"]}
        always = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
            "timeouts": {"script": SCRIPT_LIMIT},
        }
        self.session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": always}})["sessionId"]

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.driver + path, data, {"Content-Type": "application/json"}, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].splitlines()[0]) from None

    def open(self, address: str) -> None:
        self._call("POST", f"/session/{self.session}/url", {"url": address})

    def run(self, script: str, *arguments: object) -> Any:
        return self._call("POST", f"/session/{self.session}/execute/sync", {"script": script, "args": list(arguments)})

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def wait_for(self, script: str, *arguments: object, seconds: float = 60) -> Any:
        """The first truthy value of a script; fails with the page's text."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            assert time.monotonic() < deadline, f"{script} {arguments}: the page says\n{self.text()}"
            time.sleep(0.05)
        return value

    def wait_for_text(self, *texts: str, seconds: float = 60) -> None:
        for text in texts:
            self.wait_for("return document.body.innerText.includes(arguments[0])", text, seconds=seconds)

    def requested(self) -> list[str]:
        """Every address that the pages asked for since the last call."""
        log = self._call("POST", f"/session/{self.session}/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in log]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def errors(self) -> list[str]:
        """Every error on the console since the last call."""
        log = self._call("POST", f"/session/{self.session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]

    def press(self, *keys: str) -> None:
        """Press keys one after the other; special keys by their WebDriver code points, such as Tab = U+E004."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}
        self._call("POST", f"/session/{self.session}/actions", body)

    def emulate(self, width: int, height: int, dark: bool = False, scale: float = 1) -> None:
        """Show pages as on a screen of that many CSS pixels, light or dark."""
        screen = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.devtools("Emulation.setDeviceMetricsOverride", **screen)
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Run a command of Chromium's DevTools protocol, for what WebDriver has none of."""
        body = {"cmd": command, "params": parameters}
        return self._call("POST", f"/session/{self.session}/goog/cdp/execute", body)

    def touch(self, *moves: list[tuple[float, float]]) -> None:
        """Put fingers on the screen, move them and lift them: their places at every moment, in CSS pixels."""
        self.devtools("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
        for kind, fingers in [
            ("touchStart", moves[0]),
            *(("touchMove", place) for place in moves[1:]),
            ("touchEnd", []),
        ]:
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
            self.devtools("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("GET", f"/session/{self.session}/screenshot")))

    def close(self) -> None:
        self._call("DELETE", f"/session/{self.session}")


@pytest.fixture
def free_port() -> Callable[[], int]:
    return unused_port


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is not installed (Debian: apt-get install chromium chromium-driver)")
    port = unused_port()
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{address}/status", timeout=5):
                    break
            except OSError:
                assert time.monotonic() < deadline, "chromedriver does not answer"
                time.sleep(0.2)
        window = Browser(address, tmp_path / "chromium")
        try:
            yield window
        finally:
            window.close()
    finally:
        driver.terminate()
        driver.wait()
