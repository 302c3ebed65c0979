"""A headless browser that tests talk to over the DevTools protocol, through pipes: no port, no library."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip
PATIENCE_S = 60.0


class Browser:
    """One browser process; replies and events of the protocol in the order in which they come."""

    def __init__(self, program: str, profile: Path) -> None:
        ours_out, ours_in = os.pipe(), os.pipe()  # what the browser reads as file 3, and what it writes as file 4
        high = [os.dup2(fd, 100 + i, inheritable=True) for i, fd in enumerate((ours_out[0], ours_in[1]))]

        def place() -> None:
            os.dup2(100, 3)
            os.dup2(101, 4)

        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(command, preexec_fn=place, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: PLW1509 - no other thread runs yet
        for fd in (*high, ours_out[0], ours_in[1]):
            os.close(fd)
        self.out, self.source = ours_out[1], ours_in[0]
        self.buffer, self.count = b"", 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The result of one method of the protocol."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._next()
            if reply.get("id") == self.count:
                assert "error" not in reply, f"{method}: {reply['error']}"
                return dict(reply["result"])
            self.events.append(reply)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.source], [], [], PATIENCE_S)
            chunk = os.read(self.source, 1 << 20) if ready else b""
            assert chunk, f"the browser is silent; exit code {self.process.poll()}"
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\0")
        return dict(json.loads(line))

    def close(self) -> None:
        """End the process."""
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.source)


class View:
    """A page in the browser: its width and colour scheme, what it computes, and what it complained of."""

    def __init__(self, browser: Browser, file: Path, width: int, scheme: str) -> None:
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.media("", scheme)
        self.call("Page.navigate", url=file.as_uri())
        self.wait_for("document.documentElement?.dataset.ready === 'yes'")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def media(self, kind: str, scheme: str) -> None:
        """Pretend to be another medium (``print``; empty for the real one), light or dark."""
        self.call("Emulation.setEmulatedMedia", media=kind, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < deadline, f"never came true: {condition}"
            time.sleep(0.05)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and uncaught exceptions."""
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        events = [e for e in self.browser.events if e.get("sessionId") == self.session]
        said = [str(e["params"]) for e in events if e["method"] == "Runtime.consoleAPICalled" and e["params"]["type"] in ("error", "warning", "assert")]
        thrown = [str(e["params"]) for e in events if e["method"] == "Runtime.exceptionThrown"]
        return said + thrown + [str(e["params"]) for e in events if e["method"] == "Log.entryAdded" and e["params"]["entry"]["level"] == "error"]

    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        return [e["params"]["request"]["url"] for e in self.browser.events if e["method"] == "Network.requestWillBeSent" and e.get("sessionId") == self.session]

    def slide(self, panel: str, axis: int, place: int) -> None:
        """Move a slider as a hand would: its value, then the event."""
        self.evaluate(f"""(() => {{
            const input = document.querySelector({panel!r}).querySelectorAll("input[type=range]")[{axis}];
            input.value = "{place}";
            input.dispatchEvent(new Event("input", {{ bubbles: true }}));
        }})()""")

    def pdf(self) -> bytes:
        """The page on paper."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def close(self) -> None:
        self.browser.call("Target.closeTarget", targetId=self.target)


@pytest.fixture(scope="session")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


Open = Callable[..., View]


@pytest.fixture(scope="session")
def views(browser: Browser) -> Iterator[dict[tuple[Path, int], View]]:
    """Pages that are open, by file and width: a page of five megabytes is read once, not once a test."""
    opened: dict[tuple[Path, int], View] = {}
    yield opened
    for one in opened.values():
        one.close()


@pytest.fixture
def view(browser: Browser, views: dict[tuple[Path, int], View]) -> Open:
    """``view(file, width=1280, scheme="light")`` is a page with its sliders where they were at first."""

    def open_view(file: Path, width: int = 1280, scheme: str = "light") -> View:
        if (file, width) not in views:
            views[file, width] = View(browser, file, width, scheme)
        page = views[file, width]
        page.call("Page.bringToFront")
        page.media("", scheme)
        page.evaluate("document.querySelectorAll('.what-if').forEach((panel) => panel.started && panel.querySelector('.reset').click())")
        return page

    return open_view


def _written(folder: Path, name: str, *arguments: str) -> Path:
    from roofscape.cli import main

    file = folder / f"{name}.html"
    assert main([*arguments, "--html", str(file)]) == 0
    return file


@pytest.fixture(scope="session")
def decode_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One design: decoding on one GPU."""
    return _written(tmp_path_factory.mktemp("pages"), "decode", "estimate", "llama-3-8b", "--on", "h100-sxm", "--phase", "decode", "--batch", "32")


@pytest.fixture(scope="session")
def compare_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three machines side by side, one of which the model does not fit, over prompt and output."""
    arguments = ("compare", "llama-3-8b", "--on", "8xh100-sxm,tpu-v5e,l40s", "--batch", "16")
    return _written(tmp_path_factory.mktemp("pages"), "compare", *arguments)


@pytest.fixture(scope="session")
def experts_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixture of experts, whose operators have long names."""
    return _written(tmp_path_factory.mktemp("pages"), "experts", "estimate", "mixtral-8x7b", "--on", "2xh100-sxm")
