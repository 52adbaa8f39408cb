"""A fitted model as Python has it: loaded from a file or a run, and shown new radiographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from osteon.core.errors import ImageError, InputError
from osteon.core.types import Floats, Radiograph
from osteon.core.workers import Workers
from osteon.models import portable
from osteon.models.inputs.case import BOX, Film, Input
from osteon.models.portable import Portable
from osteon.pipeline.asking import Asked, check_columns, new_inputs

#: Said beside every answer.
NOTICE = "Research use only; not a medical device."


@dataclass(frozen=True)
class Prediction:
    """What a model says of one case.

    Attributes:
        probability: Of the positive class.
        recalibrated: The same, recalibrated on development; nan where that could not be fitted.
        calls: For each fixed operating point, the class that the case is called.
        folds: Standard deviation, least and greatest probability over the models of the folds.
        boxes: The same over changed boxes; nan where none was asked for.
        distance: How far the case lies from the development cases, 1 being usual; nan where the model tells nothing.
        percentile: Share of held-out development cases that lie nearer.
        unlike: Whether that is more than 99%: such a case is unlike those that the model was made from.
        imputed: What the case did not tell and the model filled in.
        positive: What the positive class is called.
        model: The model's identity.
        synthetic: Whether the model was made from synthetic data.
        set: The class that is left by the model's prediction set; ``unsure`` where both are, ``unlike either`` where
            none is, empty where the model has no such sets.
    """

    probability: float
    recalibrated: float
    calls: Mapping[str, str]
    folds: tuple[float, float, float]
    boxes: tuple[float, float, float]
    distance: float
    percentile: float
    unlike: bool
    imputed: tuple[str, ...]
    positive: str
    model: str
    synthetic: bool = False
    set: str = ""

    def __str__(self) -> str:
        """A few sentences."""
        said = [f"Probability of {self.positive}: {self.probability:.3f}"]
        said[0] += f" (folds {self.folds[1]:.3f} to {self.folds[2]:.3f})."
        if self.recalibrated == self.recalibrated:
            said.append(f"Recalibrated on development cases: {self.recalibrated:.3f}.")
        said += [f"At the operating point '{rule}': {call}." for rule, call in self.calls.items()]
        if self.set:
            said.append(f"Prediction set, as fixed on development: {self.set}.")
        if self.boxes[0] == self.boxes[0]:
            said.append(f"Under changed boxes: {self.boxes[1]:.3f} to {self.boxes[2]:.3f}.")
        if self.unlike:
            far = f"it lies farther out than {self.percentile:.0%} of the held-out development cases"
            said.append(f"UNLIKE the cases that the model was made from: {far}. Do not rely on it.")
        if self.imputed:
            said.append(f"Filled in, since it is not known: {', '.join(self.imputed)}.")
        if self.synthetic:
            said.append("The model was made from SYNTHETIC DATA.")
        return "\n".join([*said, NOTICE])


class Model:
    """A fitted model that new radiographs can be shown to.

    Args:
        file: The portable file, read.

    Attributes:
        file: The same.
    """

    def __init__(self, file: Portable) -> None:
        self.file = file

    @property
    def name(self) -> str:
        """What its study calls it."""
        return str(self.file.about["name"])

    @property
    def identity(self) -> str:
        """SHA-256 of its contents."""
        return self.file.identity

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return self.file.card

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The negative and the positive class, as scikit-learn orders them."""
        return np.array(self.file.about["classes"])

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a table that it reads beside radiograph and box."""
        return self.file.columns

    def predict(
        self,
        image: str | Path | NDArray[Any] | Radiograph,
        *,
        box: Sequence[float] | None = None,
        mask: str | Path | NDArray[np.bool_] | None = None,
        columns: Mapping[str, Any] | None = None,
        unsteady: int = 0,
        case_id: str = "case",
    ) -> Prediction:
        """What it says of one case.

        Args:
            image: A radiograph's file; or its pixels (H, W) with bone bright, whole numbers of 8 or 16 bits or floats
                in [0, 1].
            box: x0, y0, x1, y1 of the lesion, in pixels of the upright picture; by default that of the mask.
            mask: (H, W) True inside the lesion, or a mask's file.
            columns: What else is known of the case, by column.
            unsteady: Under how many changed boxes to ask again.
            case_id: Names the case in messages; nothing that is said of it depends on it.

        Raises:
            InputError: There is no box, the radiograph cannot be read, or a column that the model needs is absent.
        """
        film = Film(Path(image) if isinstance(image, str | Path) else _radiograph(image))
        row: dict[str, Any] = {"case_id": case_id, **dict.fromkeys(BOX, np.nan), **(columns or {})}
        if box is not None:
            row |= dict(zip(BOX, np.asarray(box, dtype=np.float64), strict=True))
        cases = pd.DataFrame([row])
        check_columns(self.file, cases)
        outline = Path(mask) if isinstance(mask, str | Path) else None if mask is None else np.asarray(mask, dtype=bool)
        drawn = cases[BOX].to_numpy(dtype=np.float64)[0]
        one = Input(case_id, film, outline, drawn, drawn, film.whole, cases, 0)
        asked = Asked(self.file, unsteady)
        found = asked.of([one], alone=True)
        if asked.aside:
            raise asked.aside[0]
        return as_prediction(self.file, found.iloc[0])

    def predict_table(self, cases: pd.DataFrame, root: str | Path = ".") -> pd.DataFrame:
        """What it says of many cases.

        Args:
            cases: case_id, image, box (x0, y0, x1, y1) or mask, and the columns that it reads; no label is read.
            root: What the paths are relative to.

        Returns:
            One row a case in their order, after :data:`osteon.core.tables.PREDICTED`.

        Raises:
            InputError: A radiograph or box cannot be used, or a column is absent.
        """
        table = cases.drop(columns=[name for name in ("label", "target", "subtype") if name in cases])
        table = table.assign(file=table["image"]).reset_index(drop=True)
        check_columns(self.file, table)
        asked = Asked(self.file)
        found = asked.of(new_inputs(table, Path(root)))
        if asked.aside:
            raise asked.aside[0]
        return found

    def predict_proba(self, cases: pd.DataFrame, root: str | Path = ".") -> Floats:
        """(n, 2) probabilities of :attr:`classes_` for a table as :meth:`predict_table` takes it."""
        positive = self.predict_table(cases, root)["probability"].to_numpy(dtype=np.float64)
        return np.column_stack([1 - positive, positive])


def load(path: str | Path, model: str | None = None, *, workers: Workers | None = None) -> Model:
    """A fitted model.

    Args:
        path: A file that ``osteon export`` wrote; or a study file, or the folder of a study or of a run.
        model: Which of a run's models; the first of its primary pair by default.
        workers: Who makes a run's model ready to answer, which is done once.

    Raises:
        InputError: There is no such model, or its file is damaged or of a newer format.
    """
    return Model(portable.read(model_file(Path(path), model, workers=workers)))


def model_file(path: Path, model: str | None = None, *, workers: Workers | None = None) -> Path:
    """The portable file of a model: the file itself, or that in a run's cache."""
    if path.is_dir() or path.suffix == ".toml":
        from osteon.pipeline.exporting import assembled  # and with it the whole report, which a file does not need

        return assembled(path, model, workers=workers)
    if model is not None:
        raise InputError(f"a model is named, '{model}', and a file of one model is given", file=path)
    return path


def _radiograph(image: NDArray[Any] | Radiograph) -> Radiograph:
    if isinstance(image, Radiograph):
        return image
    pixels = np.asarray(image)
    if pixels.ndim != 2 or not pixels.size:
        raise ImageError(f"a radiograph has two dimensions, and this array has the shape {pixels.shape}")
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return Radiograph((pixels / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32))
    if pixels.dtype.kind != "f" or not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
        raise ImageError(
            f"an array of {pixels.dtype} is no radiograph",
            fix="Give whole numbers of 8 or 16 bits without sign, or floats from 0 to 1, with bone bright.",
        )
    return Radiograph(pixels.astype(np.float32))


def as_prediction(file: Portable, row: pd.Series) -> Prediction:
    """A row of :data:`osteon.core.tables.PREDICTED` as what it says."""

    def three(name: str) -> tuple[float, float, float]:
        return float(row[f"{name}_sd"]), float(row[f"{name}_low"]), float(row[f"{name}_high"])

    calls = {str(name).removeprefix("call_"): str(row[name]) for name in row.index if str(name).startswith("call_")}
    return Prediction(
        float(row["probability"]), float(row["recalibrated"]), calls, three("folds"), three("boxes"),
        float(row["distance"]), float(row["percentile"]), bool(row["unlike"]),
        tuple(filter(None, str(row["imputed"]).split("; "))), str(file.about["classes"][1]), file.identity,
        bool(file.about["synthetic"]), str(row["set"]),
    )  # fmt: skip
