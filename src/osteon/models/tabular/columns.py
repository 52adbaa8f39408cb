"""What models of tables look at: the columns of their designs, for all cases at once and without any label."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from scipy.special import logit

from osteon.core.errors import StudyError, TableError
from osteon.core.types import Floats
from osteon.study import Clinical, Combined, Python, Radiomics

#: How the column of another model's score begins.
SCORE = "logit of "
#: How the columns of deep features begin.
DEEP = "deep feature "
#: Names of the box's columns.
BOX_COLUMNS = (
    "log width", "log height", "log area", "log aspect", "log width share", "log height share", "log area share",
    "centre x", "centre y", "log area mm2",
)  # fmt: skip
_SURE = 1e-6


def box_columns(cases: pd.DataFrame) -> pd.DataFrame:
    """Size, shape and position of each box: what a diagnosis can be guessed from without looking at the bone.

    Args:
        cases: x0, y0, x1, y1, and height and width of the picture; row_spacing and column_spacing (mm) where known.

    Returns:
        Logarithms of width, height, area and aspect ratio in pixels, of width, height and area as shares of the
        picture's, and of the area in mm2 where the spacing is known (else nan); centre as a share of the picture.
    """
    width, height = cases["x1"] - cases["x0"], cases["y1"] - cases["y0"]
    columns = {
        "log width": np.log(width),
        "log height": np.log(height),
        "log area": np.log(width * height),
        "log aspect": np.log(width / height),
        "log width share": np.log(width / cases["width"]),
        "log height share": np.log(height / cases["height"]),
        "log area share": np.log(width * height / (cases["width"] * cases["height"])),
        "centre x": (cases["x0"] + cases["x1"]) / (2 * cases["width"]),
        "centre y": (cases["y0"] + cases["y1"]) / (2 * cases["height"]),
    }
    if "row_spacing" in cases:
        columns[BOX_COLUMNS[-1]] = np.log(width * height * cases["row_spacing"] * cases["column_spacing"])
    return pd.DataFrame(columns).astype(np.float64)


def clinical_columns(model: Clinical | Combined | Python | Radiomics, cases: pd.DataFrame) -> pd.DataFrame:
    """The clinical columns that a model names.

    Raises:
        StudyError: The cohort lacks one.
    """
    for variable in model.variables:
        if variable not in cases:
            raise StudyError(f"model '{model.name}': the cohort table has no column '{variable}'")
    return cases[list(model.variables)].copy()


def combined_columns(model: Combined, cases: pd.DataFrame, told: Mapping[str, Floats]) -> pd.DataFrame:
    """Other models' scores, as logits, and clinical columns.

    Args:
        model: The combined model's settings.
        cases: case_id and clinical columns.
        told: (n,) probability of each case by each model that it is `of`: out of fold for development cases, of the
            ensemble for external ones.

    Raises:
        TableError: A case has no score.
    """
    scores = {}
    for name in model.of:
        score = np.asarray(told[name], dtype=np.float64)
        if np.isnan(score).any():
            missing = cases["case_id"].to_numpy()[np.isnan(score)]
            raise TableError(f"{len(missing)} cases have no score of '{name}', the first is '{missing[0]}'")
        scores[SCORE + name] = logit(score.clip(_SURE, 1 - _SURE))
    return pd.concat([pd.DataFrame(scores, index=cases.index), clinical_columns(model, cases)], axis=1)


def deep_columns(features: Floats, index: pd.Index) -> pd.DataFrame:
    """Pooled features of a frozen backbone.

    Args:
        features: (n, F).
        index: Of the cases.
    """
    return pd.DataFrame(features, index=index, columns=[f"{DEEP}{k}" for k in range(features.shape[1])])


def radiomics_columns(
    model: Radiomics, cases: pd.DataFrame, features: pd.DataFrame, reliable: Collection[str] | None = None
) -> pd.DataFrame:
    """Radiomics features and, where asked for, the box and clinical columns.

    Args:
        model: The radiomics model's settings.
        cases: case_id, clinical columns, and what :func:`box_columns` needs.
        features: One row a case_id.
        reliable: Names of the features to take; None takes all.

    Raises:
        TableError: A case has no features.
    """
    table = features.set_index("case_id")
    unknown = cases.loc[~cases["case_id"].isin(table.index), "case_id"]
    if len(unknown):
        raise TableError(f"{len(unknown)} cases have no radiomics features, the first is '{unknown.iloc[0]}'")
    if reliable is not None:
        table = table[[name for name in table if name in set(reliable)]]
    chosen = table.loc[cases["case_id"]].set_axis(cases.index).astype(np.float64)
    more = [box_columns(cases)] * model.with_box + [clinical_columns(model, cases)] * bool(model.variables)
    return pd.concat([chosen, *more], axis=1) if more else chosen
