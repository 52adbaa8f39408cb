"""What a served model sends, and what its OpenAPI page says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from osteon.core.version import __version__
from osteon.pipeline.prediction import NOTICE, Model, Prediction


class Spread(BaseModel):
    """Standard deviation, least and greatest of several probabilities."""

    sd: float | None = Field(description="Standard deviation; null for one alone.")
    low: float = Field(description="The least.")
    high: float = Field(description="The greatest.")


class Answer(BaseModel):
    """What the model says of one lesion."""

    probability: float = Field(description="Of the positive class.")
    recalibrated: float | None = Field(description="The same, recalibrated on development cases; null if not fitted.")
    positive: str = Field(description="What the positive class is called.")
    calls: dict[str, str] = Field(description="For each fixed operating point, the class that the case is called.")
    set: str = Field(description="The class its prediction set leaves, unsure (both), unlike either, or nothing known.")
    folds: Spread = Field(description="Over the models of the folds.")
    boxes: Spread | None = Field(description="Over changed boxes; null where none was asked for.")
    distance: float | None = Field(description="How far it lies from the development cases, 1 being usual.")
    percentile: float | None = Field(description="Share of held-out development cases that lie nearer.")
    unlike: bool = Field(description="Whether that is more than 99%: do not rely on the answer then.")
    imputed: list[str] = Field(description="What was not told and the model filled in.")
    name: str = Field(description="The model's name.")
    model: str = Field(description="The model's identity, a SHA-256.")
    synthetic: bool = Field(description="Whether the model was made from synthetic data.")
    notice: str = Field(description="To be shown beside every answer.")


class About(BaseModel):
    """What is served."""

    name: str = Field(description="The model's name.")
    identity: str = Field(description="SHA-256 of its contents.")
    study: str = Field(description="The study that it comes from.")
    synthetic: bool = Field(description="Whether it was made from synthetic data.")
    classes: list[str] = Field(description="The negative and the positive class.")
    columns: list[str] = Field(description="What has to be told of a case beside radiograph and box.")
    needs_box: bool = Field(description="Whether it looks at the lesion at all.")
    operating_points: dict[str, float] = Field(description="Fixed thresholds of the probability.")
    recalibrated: bool = Field(description="Whether a recalibration was fitted.")
    most_unsteady: int = Field(description="Under so many changed boxes it can be asked again.")
    largest: int = Field(description="Bytes of the longest request.")
    osteon: str = Field(description="The version that serves it.")
    notice: str = Field(description="To be shown beside every answer.")


class Health(BaseModel):
    """That the server answers."""

    status: str = Field(description="ok")
    waiting: int = Field(description="Questions that are being answered or wait for it.")


class Refusal(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="What was wrong, and what to do about it.")


_WHY = {
    401: "The token is absent or wrong.",
    403: "It comes from another site's page.",
    413: "It is too long.",
    415: "It holds no picture of a kind that is read.",
    422: "The picture, the box or a column cannot be used.",
    429: "Too many from one address; Retry-After says how many seconds to wait.",
    503: "Too many are waiting; Retry-After says how many seconds to wait.",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": why} for status, why in _WHY.items()
}


def answer(said: Prediction, name: str) -> Answer:
    """What a model says, as it is sent."""

    def known(value: float) -> float | None:
        return None if np.isnan(value) else value

    def spread(three: tuple[float, float, float]) -> Spread:
        return Spread(sd=known(three[0]), low=three[1], high=three[2])

    return Answer(
        probability=said.probability, recalibrated=known(said.recalibrated), positive=said.positive,
        calls=dict(said.calls), set=said.set, folds=spread(said.folds),
        boxes=None if np.isnan(said.boxes[1]) else spread(said.boxes),
        distance=known(said.distance), percentile=known(said.percentile), unlike=said.unlike,
        imputed=list(said.imputed), name=name, model=said.model, synthetic=said.synthetic, notice=NOTICE,
    )  # fmt: skip


def described(model: Model, *, most_unsteady: int, largest: int) -> About:
    """What is said of the model that is served."""
    told = model.file.about
    return About(
        name=model.name, identity=model.identity, study=told["study"], synthetic=told["synthetic"],
        classes=list(told["classes"]), columns=list(model.columns), needs_box=model.file.looks,
        operating_points=told["operating_points"], recalibrated=told["recalibration"] is not None,
        most_unsteady=most_unsteady, largest=largest, osteon=__version__, notice=NOTICE,
    )  # fmt: skip
