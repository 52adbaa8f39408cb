"""The file that says what a backbone is pretrained on, from where it starts and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from osteon.study import (
    Augment,
    Compute,
    Count,
    Fraction,
    Name,
    Once,
    Positive,
    Settings,
    TableName,
    load_settings,
)

Objective = Literal["labels", "views", "orientation"]
#: Where they start: weights that have learned already are changed more gently than random ones.
_RATES = {True: 2e-3, False: 3e-4}


class Pretraining(Settings):
    """``[pretraining]``: what is pretrained, from where, on which objectives and how long.

    Attributes:
        name: What the new weights' record is called, and their file unless `output` names another.
        output: The safetensors file that is written, relative to this file, with its card beside it; "" is
            NAME.safetensors.
        backbone: Any timm backbone.
        weights: Where it starts: `imagenet`, `radimagenet`, `random`, `file:PATH`, or a record's name.
        record: The record that describes an unknown file.
        folder_of_weights: A folder to look for weights files in before the usual places, relative to this file.
        objectives: `labels` (each source's own, one head a source, classes and sources balanced), `views`
            (self-supervised: two views of a picture are told alike, VICReg), `orientation` (by how many quarter turns a
            picture was turned). Several are learned together, their losses added.
        size: Side of the pictures in pixels.
        coarse: Share of the steps, the first ones, in which pictures are shown at two thirds of their size.
        epochs: Passes over the pictures.
        batch_size: Pictures in a step.
        learning_rate: Peak rate; unless it is said, 0.002 from random weights and 0.0003 from others.
        weight_decay: Decoupled weight decay (AdamW); norms and biases have none.
        held_out: Share of each source's patients on whom what is learned is measured, and nothing learned.
        interpolate: Also write the weights this far on the way from the start to the end (WiSE-FT): 0.25 is a quarter.
        augment: Live augmentation, as of a study's networks.
        seed: The one random seed.
    """

    name: Name
    output: str = ""
    backbone: str = "resnet50"
    weights: str = "imagenet"
    record: str | None = None
    folder_of_weights: str = "weights"
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1), Once] = ("labels",)
    size: Annotated[int, Field(ge=32, le=1024)] = 224
    coarse: Fraction = 0.5
    epochs: Count = 10
    batch_size: Annotated[int, Field(ge=2)] = 32
    learning_rate: Positive | None = None
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    held_out: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    interpolate: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Once] = ()
    augment: Augment = Augment()
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @property
    def rate(self) -> float:
        """The peak rate."""
        return self.learning_rate or _RATES[self.weights == "random"]

    @field_validator("augment")
    @classmethod
    def _no_box(cls, value: Augment) -> Augment:
        if value.jitter:
            raise ValueError("jitter moves boxes, and these pictures have none")
        return value


class Source(Settings):
    """``[[sources]]``: pictures, with labels of one meaning or none.

    Attributes:
        name: The source's name.
        pictures: A folder or a zip file of pictures, relative to this file; "" is the table's folder.
        table: A table with a row for each picture; without one all pictures there are taken, and none has a label.
        rows: Of the table, only rows with these values: column to value.
        image: The table's column that names the picture, relative to `pictures`.
        labels: The column that holds the label; or several columns of signs, each 0 or 1. None: no labels.
        patient: The column that names the patient; "" where nobody knows: each picture counts as a patient of its own.
        square: Whether a picture's shorter side is widened to a square (with black); otherwise it is stretched.
        licence: On what terms the pictures may be used, e.g. `CC BY 4.0`; "" for pictures of one's own.
        citation: What to cite.
    """

    name: Name
    pictures: str = ""
    table: str = ""
    rows: dict[TableName, TableName] = Field(default_factory=dict)
    image: TableName = "image"
    labels: Annotated[tuple[TableName, ...], Once] = ()
    patient: str = ""
    square: bool = True
    licence: str = ""
    citation: str = ""

    @model_validator(mode="after")
    def _table_or_pictures(self) -> Source:
        if not (self.table or self.pictures):
            raise ValueError("name its pictures (a folder or a zip file), a table of them, or both")
        said = [name for name in ("rows", "labels", "patient") if getattr(self, name)]
        if said and not self.table:
            raise ValueError(f"{said[0]} names columns of a table: name the table")
        return self


class SettingsFile(Settings):
    """A whole settings file; ``folder`` is where it lies."""

    pretraining: Pretraining
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    compute: Compute = Compute()
    folder: Annotated[Path, Field(exclude=True)] = Path()

    @property
    def output(self) -> Path:
        """The weights file that is written."""
        return self.folder / (self.pretraining.output or f"{self.pretraining.name}.safetensors")

    @model_validator(mode="after")
    def _names_differ(self) -> SettingsFile:
        names = [source.name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are named '{name}'")
        if self.pretraining.objectives == ("labels",) and not any(source.labels for source in self.sources):
            raise ValueError("the only objective is labels, and no source has any; name the column, or objectives")
        return self


def load(path: str | Path) -> SettingsFile:
    """Read a settings file.

    Raises:
        StudyError: It is absent, not TOML, or holds an unknown or impossible setting.
    """
    return load_settings(Path(path), SettingsFile)
