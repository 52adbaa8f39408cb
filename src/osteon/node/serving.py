"""``osteon node``: settings of a command line become a node that runs until it is told to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from osteon.core.errors import InputError
from osteon.core.extras import need
from osteon.core.workers import Workers
from osteon.io import dicomweb, sending
from osteon.node.answering import Answering
from osteon.node.running import Node
from osteon.node.settings import Callers, Limits, Listen, Watch, host_and_port
from osteon.pipeline.prediction import NOTICE, model_file


def serve(
    model: Path,
    name: str | None,
    to: str,
    *,
    title: str | None,
    listen: str | None,
    allow: Sequence[str],
    watch: str | None,
    query: Sequence[str],
    folder: Path,
    health: str,
    limits: Limits,
    certificate: Path | None,
    key: Path | None,
    authority: Path | None,
) -> None:
    """Run a node until it is interrupted or terminated; the arguments are those of the command line.

    Raises:
        InputError: Settings that do not go together.
    """
    need("dicom", "nodes")
    if (certificate is None) != (key is None) or (authority and certificate is None):
        raise InputError("a certificate and its key go together", fix="Give --certificate and --key.")
    if listen is None and watch is None:
        raise InputError("nothing would come in", fix="Give --listen TITLE@HOST:PORT, or --watch URL.")
    pair = (certificate, key) if certificate and key else None
    port = Listen.at(listen, Callers.parsed(allow), pair, authority) if listen else None
    archive = Watch(watch, dicomweb.parsed_query(list(query)) if query else {}) if watch else None
    page = host_and_port(health, "--health", "Write HOST:PORT.")
    destination = sending.destination(to, title=title or (port.title if port else "OSTEON"))
    os.umask(0o077)
    answers = Answering(model_file(model, name, workers=Workers()))
    node = Node(folder, answers, destination, limits, say=lambda line: print(line, flush=True))
    print(f"{answers.file.about['name']}, identity {answers.identity}. {NOTICE}", flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.stop())
    node.run(port, archive, page)
