"""The command line: one short function a verb, no logic. Heavy modules are imported inside the verbs."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer

from osteon.cli.verbs import app
from osteon.core.errors import InputError, OsteonError
from osteon.core.extras import of_module
from osteon.core.version import __version__
from osteon.web.annotating.commands import app as annotate_app
from osteon.web.commands import app as readers_app

# Importing a module registers its verbs: in the order in which --help lists them.
from osteon.cli import studies, models, sources  # isort: skip  # noqa: F401

app.add_typer(sources.weights_app, name="weights")
app.add_typer(readers_app, name="readers")
app.add_typer(annotate_app, name="annotate")


def _version(asked: bool) -> None:
    if asked:
        print(f"osteon {__version__}")
        raise typer.Exit


@app.callback()
def door(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """From a table of radiographs to a complete multi-centre study. Research use only; not a medical device."""


def main() -> None:
    """Run the command line; errors of the user's input end with one sentence and status 2."""
    try:
        app()
    except SystemExit as ended:
        if models.finished and not ended.code:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        raise
    except OsteonError as error:
        print(f"osteon: {error}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        extra = of_module(error.name)
        if extra is None:
            raise
        print(f"osteon: {error.name} is not installed. Run: pip install 'osteon[{extra}]'", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("osteon: interrupted; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM):
            raise
        where = error.filename or "the output folder"
        print(
            f"osteon: {InputError(os.strerror(error.errno).lower(), file=where)}. Nothing half-written "
            "was left; make room or choose another output, and run the same command again.",
            file=sys.stderr,
        )
        sys.exit(2)
