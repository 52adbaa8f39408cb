"""Whether a cohort can be read as a protocol asks, before anything has been computed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from osteon.core.errors import InputError, suggest
from osteon.readers import plan
from osteon.readers.told import told
from osteon.study import Study
from osteon.study.protocol import BurnedIn


def refuse_impossible(study: Study, cohort: pd.DataFrame, lines: pd.Series) -> None:
    """Refuse a reader study that could not be made from this cohort once its models have told their probabilities.

    Args:
        study: The study; one without ``[readers]`` is not looked at.
        cohort: The included cases: ``split``, ``target``, and the table's columns.
        lines: Case to its line in the cohort table.

    Raises:
        InputError: There are too few cases, an operating point, a case or a column that is not there, or a column that
            readers must not see unasked.
    """
    protocol = study.readers
    if protocol is None:
        return
    file = study.cohort_path
    asked = study.evaluation
    rules = ("youden", f"sensitivity >= {asked.sensitivity:g}", f"specificity >= {asked.specificity:g}")
    if protocol.rule not in rules:
        raise InputError(
            f"no operating point '{protocol.rule}'", column="readers.rule", fix=suggest(protocol.rule, rules)
        )
    external = cohort[cohort["split"] == "external"]
    if external.empty:
        if protocol.people:
            raise InputError("there is no external case to read", file=file, fix="Name an external centre.")
        return
    cases = plan.reading_cases(external.assign(label=external["target"]), views=protocol.views)
    plan.wanted(cases.groupby("lesion")["label"].first(), protocol.cases, protocol.positives)
    refuse_unknown(protocol.burned_in, external["case_id"].tolist())
    told(study, protocol, cohort, external[["case_id"]].assign(code=external["case_id"]), file, lines)


def refuse_unknown(decided: BurnedIn, case_ids: Sequence[str]) -> None:
    """Refuse decisions about cases that are not there.

    Raises:
        InputError: A case that is named is none of the external cases.
    """
    for setting, named in (("paint", decided.paint), ("confirmed", decided.confirmed), ("boxes", decided.boxes)):
        for case_id in named:
            if case_id not in case_ids and not (case_id == "all" and setting != "boxes"):
                raise InputError(
                    f"no external case is called '{case_id}'",
                    column=f"readers.burned_in.{setting}",
                    fix=suggest(case_id, case_ids),
                )
