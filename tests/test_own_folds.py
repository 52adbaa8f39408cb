"""A study whose cohort says itself in which fold each case is held out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from osteon import study
from osteon.core.errors import StudyError
from osteon.pipeline import Workers, walk
from osteon.pipeline.line import FIT
from small_study import STUDY, make

CLINICAL = (
    "".join(
        part if not at else f"[[models]]{part}"
        for at, part in enumerate(STUDY.split("[[models]]"))
        if '"network"' not in part and '"combined"' not in part and '"radiomics"' not in part
    )
    + STUDY[STUDY.index("[evaluation]") :]
)


def test_the_cohorts_folds_are_those_of_the_run(tmp_path: Path) -> None:
    path = make(tmp_path / "s", study=CLINICAL.replace("folds = 2", 'folds = 3\nfold_column = "cv"'))
    cohort = pd.read_csv(path.parent / "cohort.csv")
    number = cohort["patient_id"].str[1:].astype(int)
    cohort["cv"] = ("run " + (number // 3 % 3).astype(str)).where(cohort["centre"] == "A", "")
    cohort.to_csv(path.parent / "cohort.csv", index=False)
    run = walk(FIT, study.load(path), Workers()).path
    dealt = pd.read_csv(run / "folds.csv").merge(cohort, on="case_id")
    assert (dealt["cv"] == "run " + dealt["fold"].astype(str)).all()
    first = pd.read_csv(run / "predictions.csv")
    cohort["cv"] = ("run " + ((number // 3 + 1) % 3).astype(str)).where(cohort["centre"] == "A", "run 7")
    cohort.to_csv(path.parent / "cohort.csv", index=False)
    walk(FIT, study.load(path), Workers())
    again = pd.read_csv(run / "predictions.csv")
    assert not first["probability"].equals(again["probability"])  # other folds, other models
    cohort["cv"] = "run 1"
    cohort.to_csv(path.parent / "cohort.csv", index=False)
    with pytest.raises(StudyError, match="the column 'cv' has 1"):
        walk(FIT, study.load(path), Workers())
