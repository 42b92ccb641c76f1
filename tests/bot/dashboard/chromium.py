"""
A real browser for the tests, driven over the DevTools protocol; and a photographer to look at the pages with:

    python -m tests.bot.dashboard.chromium SIGN_IN_LINK QUESTION_URL FOLDER

takes pictures of every page, light and dark, at the width of a desk and of a phone.
"""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import websocket

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
PATIENCE = 60.0


def chromium_path() -> str | None:
    """
    Where the browser is installed, None when it is not.
    """
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Tab:
    """
    One tab of the browser.
    """

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)
        self._calls = 0
        self._events: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """
        The result of one command; events that arrive meanwhile are kept.
        """
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == self._calls:
                assert "error" not in message, message
                return dict(message["result"])

    def open(self, url: str) -> None:
        """
        Go to *url* and wait until it has loaded.
        """
        self._events.clear()
        self.call("Page.navigate", url=url)
        self._wait_for("Page.loadEventFired")

    def click(self, selector: str) -> None:
        """
        Press what *selector* finds and wait for the page that comes.
        """
        self._events.clear()
        self.value(f"document.querySelector({json.dumps(selector)}).click()")
        self._wait_for("Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """
        What an expression is worth in the page.
        """
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def dress(self, *, width: int, dark: bool) -> None:
        """
        Give the window a width and a colour scheme.
        """
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844 if phone else 900,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, file: Path) -> None:
        """
        Take a picture of the whole page.
        """
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv())
        if "method" in message:
            self._events.append(message)
            if message["method"] in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(json.dumps(message["params"])[:400])
        return message

    def _wait_for(self, event: str) -> None:
        while not any(message["method"] == event for message in self._events):
            self._receive()


@contextmanager
def browser() -> Iterator[Tab]:
    """
    A fresh browser with one tab; gone without a trace afterwards.
    """
    path = chromium_path()
    assert path is not None, "chromium is not installed"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [path, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        tab: Tab | None = None
        try:
            tab = Tab(_tab_address(Path(folder), process))
            yield tab
        finally:
            if tab is not None:
                tab.close()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _tab_address(folder: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + PATIENCE
    note = folder / "DevToolsActivePort"
    while not (note.exists() and note.read_text().count("\n")):
        assert process.poll() is None, "chromium ended at once"
        assert time.monotonic() < deadline, "chromium did not start"
        time.sleep(0.05)
    port, path = note.read_text().splitlines()[:2]
    control = websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=PATIENCE, suppress_origin=True)
    control.send(json.dumps({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}}))
    while (message := json.loads(control.recv())).get("id") != 1:
        pass
    control.close()
    return f"ws://127.0.0.1:{port}/devtools/page/{message['result']['targetId']}"


def photograph(link: str, question: str, folder: Path) -> None:
    """
    Take the pictures described at the top.
    """
    folder.mkdir(parents=True, exist_ok=True)
    home = f"{urlsplit(link).scheme}://{urlsplit(link).netloc}"
    pages = {
        "overview": f"{home}/?days=all",
        "overview-one": f"{home}/?repository=field-app",
        "questions": f"{home}/questions",
        "filtered": f"{home}/questions?words=nothing+like+this",
        "question": question,
        "hostile": f"{home}/questions?words=alert",
        "review": f"{home}/review",
        "releases": f"{home}/releases",
        "trainings": f"{home}/trainings",
        "missing": f"{home}/questions/0",
    }
    looks = {
        "desk": (1280, False),
        "desk-dark": (1280, True),
        "phone": (390, False),
        "phone-dark": (390, True),
    }
    with browser() as tab:
        for look, (width, dark) in looks.items():
            tab.dress(width=width, dark=dark)
            tab.open(home)
            tab.picture(folder / f"signed-out-{look}.png")
            tab.open(link)
            tab.picture(folder / f"sign-in-{look}.png")
        tab.click("button")
        for look, (width, dark) in looks.items():
            tab.dress(width=width, dark=dark)
            for name, url in pages.items():
                tab.open(url)
                tab.picture(folder / f"{name}-{look}.png")
                wide = tab.value("document.documentElement.scrollWidth")
                if wide > width:
                    print(f"{name} is {wide} wide on {look}")
        print("\n".join(tab.complaints))


if __name__ == "__main__":
    photograph(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
