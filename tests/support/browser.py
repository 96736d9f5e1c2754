"""A Chromium without a screen (build/chromium, made by `make test`), driven by its DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT = 120.0
"""Seconds for any answer: a busy machine is slow."""
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-extensions", "--hide-scrollbars"),
    *(
        "--force-color-profile=srgb",
        "--disable-component-update",
        "--disable-sync",
        "--no-default-browser-check",
    ),
)
# Chromium reads from descriptor 3 and writes to 4.
_START = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(reads, 3)
os.dup2(writes, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Page:
    """A tab; `requests` are the URLs that it asked for, `complaints` what it said of errors and of its policy."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.dialogs = 0
        self._loaded = False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> Any:
        """The answer of the protocol."""
        self._number += 1
        asked: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            asked["sessionId"] = self._session
        os.write(self._to, json.dumps(asked).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == asked["id"]:
                assert "error" not in told, told["error"]
                return told["result"]
            self._note(told)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._back], [], [], LIMIT)
            assert ready, f"Chromium said nothing for {LIMIT:.0f} s"
            piece = os.read(self._back, 1 << 20)
            assert piece, "Chromium has ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        found = json.loads(message)
        assert isinstance(found, dict)
        return found

    def _note(self, told: dict[str, Any]) -> None:
        method, params = told.get("method"), told.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs += 1
        elif method == "Page.loadEventFired":
            self._loaded = True

    def open(self, path: Path, width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
        """Load a file, and wait until it is loaded."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded = False
        self.requests.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not self._loaded:
            self._note(self._next())

    def value(self, script: str) -> Any:
        """What an expression is; a promise is waited for."""
        asked = {"expression": script, "returnByValue": True, "awaitPromise": True}
        told = self.call("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        limit = time.monotonic() + LIMIT
        while not self.value(f"new Promise((done) => requestAnimationFrame(() => done(Boolean({script}))))"):
            assert time.monotonic() < limit, f"never true: {script}"

    def place(self, selector: str) -> tuple[float, float, float, float]:
        """(left, top, width, height) of an element, scrolled into sight."""
        script = "(e => { e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
        script += "return [r.x, r.y, r.width, r.height]; })"
        left, top, width, height = self.value(f"{script}(document.querySelector({json.dumps(selector)}))")
        return left, top, width, height

    def click(self, selector: str, across: float = 0.5, down: float = 0.5) -> None:
        """With a mouse, at that part of the element."""
        left, top, width, height = self.place(selector)
        where = {"x": left + width * across, "y": top + height * down, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **where)

    def wheel(self, selector: str, across: float, by: float, *, control: bool = False) -> None:
        """Turn the wheel over an element."""
        left, top, width, height = self.place(selector)
        where = {"x": left + width * across, "y": top + height / 2, "modifiers": 2 if control else 0}
        self.call("Input.dispatchMouseEvent", type="mouseWheel", deltaX=0, deltaY=by, **where)

    def key(self, key: str) -> None:
        """Press a key: what has the focus gets it."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of what is to be seen, or of all of it."""
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))


def chromium() -> Path:
    """The program. Fails where nobody has made it."""
    found = Path(os.environ.get("BRIDLE_CHROMIUM") or "build/chromium").absolute() / "bin/chromium"
    assert found.exists(), f"{found}: not there; `make setup` unpacks it"
    return found


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A tab of a Chromium of its own, which ends with it."""
    (reads, to), (back, writes) = os.pipe(), os.pipe()
    command = [str(chromium()), *_OPTIONS, f"--user-data-dir={profile}"]
    with (profile.parent / f"{profile.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, str(reads), str(writes), *command],
            pass_fds=(reads, writes),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(profile), "XDG_CACHE_HOME": str(profile / "cache")},
        )
    os.close(reads)
    os.close(writes)
    try:
        yield Page(to, back)
    finally:
        os.close(to)  # it ends when nobody asks any more
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(back)
