"""Firefox as it is installed, spoken to by WebDriver BiDi: a WebSocket, a command at a time."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

_PATIENCE = 60.0  # seconds
_ADDRESS = re.compile(r"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)")
_KEYS = {"Enter": "\ue007"}


class Firefox:
    """One tab.

    Args:
        port: Where Firefox listens on this machine.
    """

    def __init__(self, port: int) -> None:
        self._stream = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET /session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._stream.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self._replies = self._stream.makefile("rb")
        assert b" 101 " in self._replies.readline()
        while self._replies.readline() != b"\r\n":
            pass
        self._numbers = count(1)
        self.command("session.new", capabilities={})
        self._tab = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def close(self) -> None:
        """Hang up."""
        self._replies.close()
        self._stream.close()

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have something done, and wait until it is."""
        number = next(self._numbers)
        payload = json.dumps({"id": number, "method": method, "params": parameters}).encode()
        mask = os.urandom(4)
        # one whole text, masked; its length in as few bytes as hold it, which is at most two for every command here
        size = len(payload)
        head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
        self._stream.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))
        while (reply := self._received()).get("id") != number:
            pass
        assert reply["type"] == "success", reply
        result: dict[str, Any] = reply["result"]
        return result

    def _received(self) -> dict[str, Any]:
        text = b""
        while True:
            first, length = self._replies.read(2)
            if length >= 126:
                length = int.from_bytes(self._replies.read(2 if length == 126 else 8), "big")
            content = self._replies.read(length)
            if first & 0x0F <= 1:  # a text or more of it; what is neither is a ping
                text += content
                if first & 0x80:
                    found: dict[str, Any] = json.loads(text)
                    return found

    def open(self, address: str) -> None:
        """Go to an address."""
        self.command("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def tell(self, expression: str) -> Any:
        """What an expression comes to on the page, by way of JSON."""
        asked = {"expression": f"JSON.stringify({expression})", "target": {"context": self._tab}}
        reply = self.command("script.evaluate", awaitPromise=False, **asked)
        assert reply["type"] == "success", reply
        return json.loads(reply["result"].get("value", "null"))

    def wait_for(self, selector: str) -> None:
        """Until something is on the page."""
        end = time.monotonic() + _PATIENCE
        while not self.tell(f"document.querySelector({json.dumps(selector)}) !== null"):
            assert time.monotonic() < end, f"no {selector}: {self.tell('document.body.innerText')}"
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        acts = [{"type": act, "value": _KEYS.get(key, key)} for key in keys for act in ("keyDown", "keyUp")]
        self.command("input.performActions", context=self._tab, actions=[{"type": "key", "id": "k", "actions": acts}])

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Drag with the left button, from here to there in pixels of the page."""
        moves = [{"type": "pointerMove", "x": x, "y": y} for x, y in (start, end)]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        mouse = {"type": "pointer", "id": "m", "actions": [moves[0], down, moves[1], up]}
        self.command("input.performActions", context=self._tab, actions=[mouse])


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """Firefox with a profile of its own; the environment variable OSTEON_FIREFOX names another than the first found."""
    names = (os.environ.get("OSTEON_FIREFOX", ""), "firefox-esr", "firefox")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Firefox is installed")
    log = folder / "firefox.log"
    with log.open("w") as said:
        command = [found, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(folder)]
        started = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, "HOME": str(folder)})
    try:
        end = time.monotonic() + _PATIENCE
        while not (listening := _ADDRESS.search(log.read_text(errors="replace"))):
            assert started.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < end, "Firefox does not listen"
            time.sleep(0.05)
        page = Firefox(int(listening[1]))
        yield page
        page.close()
    finally:
        started.terminate()
        started.wait()
