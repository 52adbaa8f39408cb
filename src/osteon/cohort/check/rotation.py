"""What a study should know that holds out each centre in turn."""

from __future__ import annotations

import pandas as pd

from osteon.cohort.check.rows import named
from osteon.core.words import FEW, counted
from osteon.study import Study


def warn_of_rotations(cohort: pd.DataFrame, study: Study, warnings: list[str]) -> None:
    """Say which centres are small to be held out, and which cases belong to two of them.

    Args:
        cohort: The included cases: case_id, centre, target, cluster.
        study: The study.
        warnings: Where to say it.
    """
    if not study.evaluation.rotate:
        return
    for centre, targets in cohort.groupby("centre")["target"]:
        positive, other = int(targets.sum()), int((1 - targets).sum())
        if 0 < min(positive, other) < FEW:  # one class alone is told of every centre
            few = f"{positive:,} {study.task.name}" if positive < FEW else counted(other, "other case")
            warnings.append(
                f"evaluation.rotate: centre {centre} has {few} of {counted(len(targets), 'case')}; what is found there "
                "while it is held out can change much with a few more."
            )
    shared = cohort[cohort.groupby("cluster")["centre"].transform("nunique") > 1]
    if len(shared):
        warnings.append(
            f"evaluation.rotate: {counted(len(shared), 'case')} share a patient or a picture with another centre "
            f"({named(shared['case_id'])}); nothing is learned from them while that centre is held out."
        )
