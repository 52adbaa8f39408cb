"""A radiograph and what is drawn on it become an answer: imported, asked and written as 'osteon' does by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from osteon.core.errors import InputError
from osteon.core.workers import Workers
from osteon.io import import_cohort
from osteon.pipeline.asking import Asked, new_inputs, opened
from osteon.pipeline.delivery import deliver
from osteon.pipeline.intake import taken_in


class Answering:
    """A model that is asked.

    Args:
        path: Its portable file.

    Attributes:
        file: The same, read.

    Raises:
        InputError: It answers about more, or less, than a box on a radiograph.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.file = path, opened(path)
        if not self.file.looks:
            raise InputError("the model looks at no radiograph", file=path, fix="Choose another of the run's models.")
        if self.file.columns:
            raise InputError(
                f"the model reads {', '.join(self.file.columns)}, which nobody draws on a radiograph",
                file=path,
                fix="Choose a model of the picture alone.",
            )
        _ = self.file.fitted  # in memory before the first question

    @property
    def identity(self) -> str:
        """SHA-256 of the model."""
        return self.file.identity

    def __call__(self, radiograph: Path, drawings: Sequence[Path], folder: Path) -> tuple[Path, ...]:
        """Answer.

        Args:
            radiograph: Its file.
            drawings: Objects that draw lesions on it.
            folder: Where the answer's objects go.

        Raises:
            InputError: There is nothing that could be asked about.
        """
        with TemporaryDirectory(dir=folder.parent) as made:
            room = Path(made)
            (room / "dicom").mkdir()
            _place(radiograph, room / "dicom" / "radiograph.dcm")
            for number, drawing in enumerate(drawings):
                _place(drawing, room / "dicom" / f"drawn-{number:04d}.dcm")
            import_cohort("dicom", room / "dicom", room)
            with taken_in([room / "cohort.csv"]) as given:
                asked = Asked(self.file)
                table = asked.of(new_inputs(given.cases), alone=len(given.cases) == 1)
                if table.empty:
                    raise asked.aside[0]
                return deliver(self._path, self.file, given, table, folder, Workers())


def _place(path: Path, under: Path) -> None:
    """Have a file under another name, too; a copy of it where the disk knows no links."""
    try:
        os.link(path, under)
    except OSError:
        shutil.copyfile(path, under)
