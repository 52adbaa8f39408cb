"""A real browser on a reader study that is served on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from reading_study import Served

playwright = pytest.importorskip("playwright.sync_api")

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update"]
# Processes for each site apart, and spare ones, cost more than the pages; nobody else is visited here.
# (The driver switches features off too, and only the last mention counts: the rest of these are its own.)
ARGUMENTS += ["--disable-site-isolation-trials", "--process-per-site", "--renderer-process-limit=1"]
APART = ["SpareRendererForSitePerProcess", "IsolateOrigins", "site-per-process", "ProcessPerSiteUpToMainFrameThreshold"]
APART += ["HttpsUpgrades", "MediaRouter", "OptimizationHints", "PaintHolding", "RenderDocument", "Translate"]
ARGUMENTS += [f"--disable-features={','.join(APART)}"]


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium; the environment variable OSTEON_CHROMIUM names another than the first on the path."""
    names = (os.environ.get("OSTEON_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()


@contextmanager
def listening(served: Served) -> Iterator[str]:
    """Serve on a port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        config = uvicorn.Config(served.app, log_level="error", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{free.getsockname()[1]}"
        server.should_exit = True
        thread.join()


class Page:
    """A reader's page; whatever it complains about fails the test."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)
        self.address = address

    def _listen(self, message: Any) -> None:
        # 401, or 403 beside the administrator: heard before one has signed in; 423: in a window that has lost the pen
        told = message.type == "error" and not any(status in message.text for status in ("401", "403", "423"))
        where = str((message.location or {}).get("url", ""))
        overtaken = "409" in message.text and where.endswith("/draft")  # by the answer, which is worth more
        if told and not overtaken:
            self.complaints.append(f"{message.text} {where}")

    def open(self, token: str = "", path: str = "/") -> None:
        self.page.goto(f"{self.address}{path}#{token}" if token else f"{self.address}{path}")

    def stage(self, name: str) -> None:
        self.page.wait_for_selector(f"body[data-stage='{name}']")

    def case(self, session: int, position: int, step: int = 1) -> None:
        """A case is on the screen, and can be answered or has its answer."""
        self.page.wait_for_selector(f"body[data-case='{session}.{position}.{step}']")
        self.page.wait_for_selector("form[data-mode='open'], form[data-mode='stored']")

    def draw(self) -> None:
        """Draw a box by keyboard."""
        self.page.locator(".pane").first.focus()
        self.press("d", "ArrowRight", "w")

    def turn_away(self, hidden: bool) -> None:
        """Another window covers the page, or does no longer."""
        self.page.evaluate(
            """hidden => {
              Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            hidden,
        )

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def text(self) -> str:
        return str(self.page.inner_text("body"))

    def close(self) -> None:
        assert self.complaints == [], self.complaints
        self.context.close()
