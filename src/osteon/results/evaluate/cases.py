"""From the prediction table to cases and strata: each case once, one probability a model, seeds averaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from osteon.core import tables
from osteon.core.errors import TableError
from osteon.core.types import Floats
from osteon.study import Study

_CASE = ["case_id", "patient_id", "centre", "split", "label"]


@dataclass(frozen=True)
class Cases:
    """Cases in the order of their identifiers, and what each model says of them.

    Attributes:
        about: One row a case: case_id, patient_id (empty: a patient of its own), centre, split, label.
        probability: One column a model, one row a case, in the same order.
    """

    about: pd.DataFrame
    probability: pd.DataFrame

    @property
    def models(self) -> list[str]:
        """The models in the study's order."""
        return [str(name) for name in self.probability]

    @cached_property
    def truth(self) -> np.ndarray:
        """(n,) of 0 and 1."""
        return self.about["label"].to_numpy()

    @cached_property
    def patients(self) -> np.ndarray:
        """(n,) patient of each case, the clusters of every interval."""
        return self.about["patient_id"].to_numpy()

    def of(self, model: str) -> Floats:
        """(n,) probabilities of one model."""
        return self.probability[model].to_numpy()

    def where(self, keep: Sequence[bool] | np.ndarray | pd.Series) -> Cases:
        """The cases that are kept."""
        chosen = np.asarray(keep, dtype=bool)
        return Cases(self.about[chosen].reset_index(drop=True), self.probability[chosen].reset_index(drop=True))

    def __len__(self) -> int:
        return len(self.about)


def gather(predictions: pd.DataFrame, study: Study) -> tuple[Cases, dict[str, dict[int, Floats]]]:
    """Average each model's probabilities over its seeds.

    Args:
        predictions: A table that meets ``tables.PREDICTIONS``.
        study: Gives the order of the models.

    Returns:
        The cases, and for every model with several seeds its (n,) probabilities by seed.

    Raises:
        TableError: A case told differently in two rows, predicted twice, or not predicted by every model and seed.
    """
    table = tables.conform(predictions, tables.PREDICTIONS)
    _check_cases(table)
    about = table[_CASE].drop_duplicates("case_id").sort_values("case_id").reset_index(drop=True)
    named = [model.name for model in study.models]
    present = set(table["model"])
    models = [name for name in named if name in present] + sorted(present - set(named))
    for name in study.primary:
        if name not in present:
            raise TableError(f"no predictions of '{name}', a model of the primary contrast", file="predictions")
    probability, by_seed = {}, {}
    for model in models:
        rows = table[table["model"] == model]
        wide = rows.pivot_table(index="case_id", columns="seed", values="probability").reindex(about["case_id"])
        absent = wide.isna().any(axis=1)
        if absent.any():
            raise TableError(
                f"{int(absent.sum())} cases have no prediction of '{model}', among them '{absent.idxmax()}'",
                file="predictions",
                fix="Models are compared on the same cases: predict all of them, or leave the cases out everywhere.",
            )
        probability[model] = wide.mean(axis=1).to_numpy()
        if wide.shape[1] > 1:
            by_seed[model] = {int(seed): wide[seed].to_numpy() for seed in wide}
    return Cases(about, pd.DataFrame(probability)), by_seed


def _check_cases(table: pd.DataFrame) -> None:
    twice = table.duplicated(["case_id", "model", "seed"])
    if twice.any():
        row = table[twice].iloc[0]
        raise TableError(
            f"case '{row['case_id']}' is predicted twice by '{row['model']}' with seed {row['seed']}",
            file="predictions",
        )
    told = table[_CASE].drop_duplicates()
    differently = told[told["case_id"].duplicated()]
    if not differently.empty:
        raise TableError(
            f"case '{differently['case_id'].iloc[0]}' has two labels, patients, centres or splits", file="predictions"
        )


def strata(cases: Cases, study: Study) -> Iterator[tuple[str, Cases]]:
    """Development, each external centre, and all external centres pooled; those without cases are left out."""
    split, centre = cases.about["split"], cases.about["centre"]
    if (split == "development").any():
        yield "development", cases.where(split == "development")
    outside = set(centre[split == "external"])
    named = [name for name in study.centres.external if name in outside]
    for name in [*named, *sorted(outside - set(named))]:
        yield f"centre:{name}", cases.where((split == "external") & (centre == name))
    if outside:
        yield "external", cases.where(split == "external")
