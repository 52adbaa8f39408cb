"""What a finished run folder holds, read as it is asked for; what is absent is None, and its section stays away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from osteon import study
from osteon.core.run import Tables
from osteon.core.words import headline, shown
from osteon.results.figures.style import Look, looks
from osteon.results.planned import Lock, locks
from osteon.study import Study


@dataclass(frozen=True)
class Finished(Tables):
    """The files of a finished run."""

    @classmethod
    def of(cls, run: Tables) -> Finished:
        """A run whose tables may have been read already: none is read again."""
        return run if isinstance(run, Finished) else cls(run.path, run._read)

    @cached_property
    def study(self) -> Study:
        """The resolved study."""
        return study.load(self.study_file)

    def figure(self, name: str) -> str | None:
        """A figure's SVG text, or None."""
        path = self.figure_file(name)
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def figure_for_print(self, name: str) -> Path:
        """The figure's file that a journal takes: PDF, or else what the study asked for."""
        files = [self.figure_file(name, suffix) for suffix in (".pdf", ".tiff", ".png")]
        return next((path for path in files if path.is_file()), self.figure_file(name))

    @property
    def synthetic(self) -> bool:
        """Whether any case is synthetic."""
        return bool(self.flow.get("synthetic") or self.provenance.get("synthetic"))

    @property
    def positive(self) -> str:
        """What the positive class is called."""
        return super().positive or self.study.task.name

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The metrics table; a report needs at least this.

        Raises:
            TableError: It is absent.
        """
        found = self.table("metrics")
        return self.read("metrics") if found is None else found

    @cached_property
    def models(self) -> list[str]:
        """The models in their order."""
        return list(dict.fromkeys(self.metrics["model"]))

    @cached_property
    def look(self) -> dict[str, Look]:
        """How each model is drawn."""
        return looks(self.models, {model.name: model.drawn for model in self.study.models})

    @cached_property
    def strata(self) -> list[str]:
        """The strata worth a column."""
        return shown(self.metrics["stratum"])

    @cached_property
    def headline(self) -> str:
        """The stratum that the study's claim is about."""
        return headline(self.metrics["stratum"])

    @property
    def prespecified(self) -> bool:
        """Whether the study file, or a plan that was locked before, names the pair of models that is compared first."""
        planned = [tuple(lock.plan["evaluation"]["primary"]) for lock in self.locks[-1:]]
        return bool(self.study.evaluation.primary) or self.study.primary in planned

    @cached_property
    def locks(self) -> list[Lock]:
        """The plans that were locked before the run, the one that counts last."""
        return locks(self)

    @cached_property
    def added(self) -> list[str]:
        """Models that the study does not name: a person put their probabilities into predictions.csv."""
        return [name for name in self.models if name not in {model.name for model in self.study.models}]

    @cached_property
    def outside(self) -> list[str]:
        """The external centres that have predictions."""
        return [name.removeprefix("centre:") for name in dict.fromkeys(self.metrics["stratum"]) if ":" in name]

    @cached_property
    def cases(self) -> pd.DataFrame:
        """Each predicted case once; without columns where there is no score table."""
        scores = self.table("scores")
        return pd.DataFrame() if scores is None else scores.drop_duplicates("case_id")

    @property
    def nameless(self) -> int:
        """How many cases have no patient identifier."""
        return int((self.cases["patient_id"] == "").sum()) if len(self.cases) else 0

    @property
    def bootstraps(self) -> bool:
        """Whether any interval of the run is of resamples."""
        names = ("contrast", "robustness", "explanation", "explanation_comparisons", "robustness_comparisons")
        told = [table["method"] for name in names if (table := self.table(name)) is not None]
        return any(bool(column.str.contains("bootstrap").any()) for column in told)

    @property
    def clusters(self) -> bool:
        """Whether a patient has several cases, so that intervals go by patients."""
        known = self.cases["patient_id"] if len(self.cases) else pd.Series(dtype=str)
        return bool(known[known != ""].duplicated().any())

    def any_metric(self, name: str) -> bool:
        """Whether a metric could be had for any model anywhere."""
        found = self.metrics.loc[self.metrics["metric"] == name, "value"]
        return bool(found.notna().any())

    @cached_property
    def box_models(self) -> list[str]:
        """The models that see the box alone."""
        return [model.name for model in self.study.models if model.baseline and model.name in self.models]

    def value(self, model: str, stratum: str, metric: str) -> pd.Series | None:
        """One row of the metrics table."""
        found = self.metrics
        found = found[(found["model"] == model) & (found["stratum"] == stratum) & (found["metric"] == metric)]
        return None if found.empty else found.iloc[0]
