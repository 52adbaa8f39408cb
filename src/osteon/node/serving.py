"""``osteon node``: settings of a command line become a node that runs until it is told to end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from osteon.core.errors import InputError
from osteon.core.extras import need
from osteon.core.workers import Workers
from osteon.io import sending
from osteon.node.answering import Answering
from osteon.node.running import Node
from osteon.node.settings import Asked, Limits, host_and_port
from osteon.pipeline.prediction import NOTICE, model_file


def serve(model: Path, name: str | None, asked: Asked, folder: Path, limits: Limits) -> None:
    """Run a node until it is interrupted or terminated.

    Args:
        model: A run folder or a portable file.
        name: Which model of a run.
        asked: Where objects come from and answers go.
        folder: Its queue and files.
        limits: How much it takes.

    Raises:
        InputError: Settings that do not go together.
    """
    need("dicom", "nodes")
    port, archive = asked.port(), asked.archive()
    if port is None and archive is None:
        raise InputError("nothing would come in", fix="Give --listen TITLE@HOST:PORT, or --watch URL.")
    page = host_and_port(asked.health, "--health", "Write HOST:PORT.")
    destination = sending.destination(asked.to, title=asked.title or (port.title if port else "OSTEON"))
    os.umask(0o077)
    answers = Answering(model_file(model, name, workers=Workers()))
    node = Node(folder, answers, destination, limits, say=lambda line: print(line, flush=True))
    print(f"{answers.file.about['name']}, identity {answers.identity}. {NOTICE}", flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.stop())
    node.run(port, archive, page)
