"""What goes with every step: the study, its run folder, the ledger, who does the work, and the cases behind a line.

The external line is drawn here. Up to the probabilities, steps work on :attr:`Context.cases`, which tell no diagnosis;
:attr:`Context.labels` of development cases are added for the training cases of each fold alone.
:attr:`Context.answers` come back when the last model has been written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from osteon.cohort import check as checks
from osteon.core import tables
from osteon.core.errors import InputError, StudyError
from osteon.core.ledger import Ledger, file_digest, stream, write_json
from osteon.core.run import RunFolder
from osteon.core.workers import Workers
from osteon.models.inputs.case import in_chunks
from osteon.models.model import Kind, Place, Sealed, kinds
from osteon.study import Study, load


@dataclass(frozen=True, eq=False)
class Context(Place):
    """A study on its way through the steps."""

    #: Models that a study without any has by default, but not on this machine; and why.
    left_out: Mapping[str, InputError] = field(default_factory=dict)
    _checked: list[checks.Checked] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, study: Study, workers: Workers) -> Context:
        """A study, and the run folder that it names.

        Of a study that names no models, those are left out that start from weights which are not on this machine,
        unless the study asks for one by its name elsewhere, or its run has it already.
        """
        run = RunFolder(study.run_path)
        _keep_apart(study, run)
        place = cls(study, run, Ledger(run), workers)
        if not study.by_default:
            return place
        made = [model.name for model in load(run.study_file).models] if run.study_file.is_file() else []
        wanted = {*made, *study.evaluation.primary, study.readers.model if study.readers else ""}
        absent = {kind.model.name: kind.absent() for kind in kinds(place) if kind.model.name not in wanted}
        left_out = {name: why for name, why in absent.items() if why is not None}
        return cls(study.without(left_out), run, place.ledger, workers, left_out)

    @cached_property
    def asked(self) -> Study:
        """The study as the run folder's own file says it, wherever it was read from."""
        return self.study.relocated(self.run.path)

    @cached_property
    def kinds(self) -> list[Kind]:
        """The study's models, each as its kind, in their order."""
        return kinds(self)

    @cached_property
    def started(self) -> dict[str, dict[str, str]]:
        """What each model starts from.

        Raises:
            InputError: It is not there, or does not fit what the study asks for.
        """
        return {kind.model.name: dict(kind.ready()) for kind in self.kinds}

    @cached_property
    def engines(self) -> dict[str, str]:
        """What each model's frozen backbone runs on."""
        told = {kind.model.name: kind.runs_on() for kind in sorted(self.kinds, key=lambda kind: kind.model.name)}
        return {name: said for name, said in told.items() if said}

    def try_models(self) -> None:
        """Find and try what models start from, once, before any long work begins.

        Raises:
            InputError: As for :attr:`started`.
        """
        _ = self.started

    def check(self, *, images: bool = True) -> checks.Checked:
        """Read every row and every picture; nothing is written."""
        workers = self.workers
        checked = checks.check(
            self.study, images=images, jobs=workers.jobs, progress=workers.progress, cache=self.run.cache
        )
        told = {
            f"Model '{name}' is left out: the study names no models, and {why.what}.": why.fix
            for name, why in self.left_out.items()
        }
        checked.flow["warnings"] += list(told)  # without the way to get them, which names folders of this machine
        checked = replace(checked, warnings=(*checked.warnings, *(f"{said} {fix}" for said, fix in told.items())))
        self._checked[:] = [checked]
        return checked

    def write_checked(self) -> None:
        """Write the cases that are in, those that are out, the flow and the baseline table."""
        checked = self._checked[0]
        self.run.write(checked.cohort, "cohort")
        self.run.write(checked.excluded, "excluded")
        write_json(self.run.flow_file, checked.flow)
        self.run.write(checked.baseline, "baseline")

    @property
    def flow(self) -> Mapping[str, Any]:
        """What becomes flow.json."""
        return self._checked[0].flow

    @cached_property
    def _cases(self) -> pd.DataFrame:
        """All cases in their order, with their labels and what is known of their pictures."""
        checked = self._checked[0]
        facts = checked.images.drop(columns=["thumbnail"])
        cases = checked.cohort.merge(facts, on="image", how="left", validate="many_to_one")
        if "patient_id" not in cases:
            cases["patient_id"] = ""
        cases["row"] = np.arange(len(cases))
        return cases

    @cached_property
    def sealing(self) -> dict[str, str]:
        """Of models that start from weights which osteon pretrained: whether external cases are known to be apart."""
        external = self._cases.loc[self._cases["split"] == "external", "content"].dropna()
        told = {kind.model.name: kind.sealed(set(external)) for kind in self.kinds}
        return {name: said for name, said in told.items() if said}

    @cached_property
    def cases(self) -> Sealed:
        """All cases; nothing in them tells a diagnosis."""
        return Sealed.of(self._cases)

    @property
    def development(self) -> pd.DataFrame:
        """Development cases with their labels."""
        cases = self._cases
        return cases[cases["split"] == "development"]

    @property
    def labels(self) -> pd.Series:
        """Case identifier to target, of development cases only: the only labels that models are made from."""
        return self.development.set_index("case_id")["target"].astype(np.int64)

    @property
    def answers(self) -> pd.DataFrame:
        """All cases with their labels, once every model has told its probabilities.

        Raises:
            RuntimeError: It is asked for before.
        """
        if not self.run.file("predictions").is_file():
            raise RuntimeError("external labels are sealed until the last model is written")
        return self._cases

    def unsealed(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Every model's probabilities with all labels put back: the predictions table."""
        known = self._cases[["case_id", "patient_id", "centre", "split", "target"]].rename(columns={"target": "label"})
        return scores.merge(known, on="case_id", how="left", validate="many_to_one")

    def learning_from(self, chosen: np.ndarray) -> Context:
        """The same study with other roles: development is these cases, and all others are external to it.

        Args:
            chosen: (n,) whether a case is learned from, in the order of the cases.
        """
        dealt = self._checked[0].cohort.assign(split=np.where(chosen, "development", "external"))
        evaluation = self.study.evaluation.model_copy(update={"fold_column": None})  # it tells of one development alone
        other = self.study.model_copy(update={"evaluation": evaluation})
        return replace(self, study=other, _checked=[replace(self._checked[0], cohort=dealt)])

    def digests(self, *names: str) -> list[str]:
        """Digests of tables of the run."""
        return [file_digest(self.run.file(name)) for name in names]


def _keep_apart(study: Study, run: RunFolder) -> None:
    """Refuse a run folder that is no folder, or in which the study's own files would be written over."""
    if run.path.exists() and not run.path.is_dir():
        raise StudyError(f"study.output: '{study.study.output}' is a file", file=run.path, fix="Name a folder.")
    here = run.path.resolve()
    own = here == study.folder.resolve() and not run.provenance_file.is_file()
    if own or here == study.cohort_path.parent.resolve():
        raise StudyError(
            f"study.output: '{study.study.output}' holds the study's own files, which a run would write over",
            file=run.path,
            fix='Name a folder of its own, such as output = "run".',
        )


class Step:
    """One step: what it is made from, and what it makes of that.

    A step that nothing has changed for is not made again; one that is not asked for takes away what an earlier run
    left.
    """

    #: The step's name in the ledger.
    name: str

    def key(self, at: Context) -> str | None:
        """Digest of all that it depends on; None where it is not asked for, or cannot be made."""
        raise NotImplementedError

    def make(self, at: Context, key: str) -> Iterable[Path]:
        """Do the work and give the files that were written."""
        raise NotImplementedError

    def forget(self, at: Context) -> None:
        """Take away what an earlier run made."""

    def said(self, at: Context, fresh: bool) -> str:
        """What a person is told; "" for nothing."""
        return ""

    def __call__(self, at: Context) -> None:
        """Make the step unless it is current."""
        key = self.key(at)
        if key is None:
            self.forget(at)
            return
        fresh = at.ledger.step(self.name, key, lambda: self.make(at, key))
        if message := self.said(at, fresh):
            at.workers.progress.say(f"[green]✓[/] {message}")


#: Cases of a centre that were drawn together stand in the cohort's order.
_DRAWN_TOGETHER = 16


def sample(cases: pd.DataFrame, count: int, seed: Sequence[int]) -> list[str]:
    """Choose cases, as equally as can be from each centre and class.

    Args:
        cases: case_id, centre, label.
        count: How many; -1 for all.
        seed: Source of randomness. The smaller of two samples from the same seed is a part of the larger, and a centre
            more leaves the order of the other centres' cases as it is.

    Returns:
        Case identifiers: one of each centre and class, then a second of each, ...
    """
    if count < 0 or cases.empty:
        return list(cases["case_id"])
    drawn = []
    for centre, own in cases.sort_values("case_id").groupby("centre"):
        shuffled = own.sample(frac=1, random_state=np.random.default_rng([*seed, stream(str(centre))]))
        drawn.append(shuffled.assign(turn=shuffled.groupby("label").cumcount()))
    return list(pd.concat(drawn).sort_values("turn", kind="stable")["case_id"].head(count))


def chosen(at: Context, count: int) -> pd.DataFrame:
    """External cases, a sample of so many, without their labels; those of a centre and on one radiograph together.

    A sample that is smaller, since another centre has its share of it, begins as the larger does, so that what was made
    of a chunk of its cases is found again.
    """
    told = at.run.read("predictions").drop_duplicates("case_id")
    names = sample(told[told["split"] == "external"], count, [at.study.study.seed, stream("explain")])
    found = at.cases.table[at.cases.table["case_id"].isin(names)]
    if count >= 0:
        turn = found["case_id"].map({name: turn for turn, name in enumerate(names)})
        drawn = turn.groupby(found["centre"]).rank() - 1
        found = found.iloc[np.argsort((drawn // _DRAWN_TOGETHER).to_numpy(), kind="stable")]
    order = np.concatenate([*in_chunks(found, 1), np.empty(0, dtype=np.intp)])
    return found.iloc[order].reset_index(drop=True)


def save_array(path: Path, array: np.ndarray) -> None:
    """Write an array beside and rename."""
    with tables.written(path) as beside, beside.open("wb") as handle:
        np.save(handle, array)
