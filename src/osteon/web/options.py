"""What verbs that serve or open a room are asked alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Database = Annotated[
    str | None,
    typer.Option(envvar="OSTEON_DATABASE", help="postgresql://USER:PASSWORD@HOST/NAME; a SQLite file by default."),
]
ConfirmBurnedIn = Annotated[
    bool, typer.Option("--confirm-burned-in", help="On the contact sheet nothing that is left identifies anybody.")
]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
Certificate = Annotated[Path | None, typer.Option(help="TLS certificate (PEM).")]
Key = Annotated[Path | None, typer.Option(help="Its key (PEM).")]
BehindProxy = Annotated[bool, typer.Option("--behind-proxy", help="A proxy on this machine does TLS.")]
