"""``[plan]``: what is expected outside, for the number of cases; nothing else in a study depends on it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from osteon.study.settings import Positive, Settings

Share = Annotated[float, Field(gt=0, lt=1)]
Area = Annotated[float, Field(gt=0.5, lt=1)]


class PlanReaders(Settings):
    """``[plan.readers]``: what the reader study shall find.

    Attributes:
        number: Readers; None takes the people of ``[readers]``.
        cases: Cases; None takes those of ``[readers]``, or all external ones where it names none.
        effect: Difference in AUC between the arms that shall be found.
        design: ``crossed``: every reader reads every case in both arms. ``split-plot``: readers and cases are dealt
            into groups. ``unpaired readers``, ``unpaired cases``, ``unpaired``: half of the readers, of the cases, or
            of both for each arm.
        groups: Of a split-plot design.
        auc: What readers reach without advice; variances are then those of simulated readers.
        pilot: Readings of a crossed pilot with two arms, relative to the study file, in place of simulated readers.
    """

    number: Annotated[int, Field(ge=2)] | None = None
    cases: Annotated[int, Field(ge=4)] | None = None
    effect: Share = 0.05
    design: Literal["crossed", "split-plot", "unpaired readers", "unpaired cases", "unpaired"] = "crossed"
    groups: Annotated[int, Field(ge=2)] = 2
    auc: Area = 0.8
    pilot: str = ""


class Plan(Settings):
    """``[plan]``: what is expected at the external centres, and how narrow intervals shall be.

    Attributes:
        prevalence: Share of positive cases there; None takes that of development.
        auc: AUC of the first model of the primary contrast.
        auc_other: That of the second; None leaves the comparison out.
        correlation: Of the two models' scores within a class.
        power: Of every test.
        oe: Observed over expected cases.
        log_odds: Mean and standard deviation of the first model's log odds. Without these and ``beta``, log odds are
            normal in both classes, as AUC and prevalence determine.
        beta: The parameters of a beta distribution of its probabilities, in place of ``log_odds``.
        threshold: Threshold probability of net benefit; None leaves net benefit out.
        width_oe: Widest interval of observed over expected cases.
        width_slope: Of the calibration slope.
        width_auc: Of the AUC.
        width_benefit: Of standardised net benefit.
        readers: The reader study.
    """

    prevalence: Share | None = None
    auc: Area = 0.85
    auc_other: Area | None = None
    correlation: Annotated[float, Field(gt=-1, lt=1)] = 0.5
    power: Share = 0.8
    oe: Positive = 1.0
    log_odds: tuple[float, Positive] | None = None
    beta: tuple[Positive, Positive] | None = None
    threshold: Share | None = None
    width_oe: Positive = 0.2
    width_slope: Positive = 0.2
    width_auc: Positive = 0.1
    width_benefit: Positive = 0.2
    readers: PlanReaders | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Plan:
        if self.log_odds and self.beta:
            raise ValueError("log_odds and beta both say how probabilities are spread; give one")
        return self
