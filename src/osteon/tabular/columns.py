"""What each kind of model looks at: the columns of its design, for all cases at once and without any label."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.special import logit

from osteon.errors import StudyError, TableError
from osteon.study import Box, Clinical, Combined, Model, Network, Radiomics
from osteon.types import Floats

#: How the column of another model's score begins.
SCORE = "logit of "
_SURE = 1e-6


def design(
    model: Model,
    cases: pd.DataFrame,
    features: pd.DataFrame | None = None,
    score: Floats | None = None,
    reliable: Collection[str] | None = None,
) -> pd.DataFrame:
    """The columns that a model is fitted on and predicts from.

    Args:
        model: Settings of a radiomics, clinical, combined or box model.
        cases: Development and external cases: case_id, boxes, height and width of the picture, row_spacing and
            column_spacing where known, clinical columns. No label.
        features: Radiomics features, one row a case_id.
        score: (n,) probability of each case by the model that a combined model is `of`: out of fold for development
            cases, of the ensemble for external ones.
        reliable: Names of the features whose ICC reaches the model's `icc`; None where the model asks for none.

    Returns:
        One row a case, with the index of `cases`.

    Raises:
        StudyError: The model asks for what is not there.
        TableError: A case has no features or no score.
    """
    if isinstance(model, Box):
        return box_columns(cases)
    if isinstance(model, Clinical):
        return _variables(model.name, model.variables, cases)
    if isinstance(model, Combined):
        if score is None:
            raise StudyError(f"model '{model.name}' needs the scores of '{model.of}'")
        score = np.asarray(score, dtype=np.float64)
        if np.isnan(score).any():
            missing = cases["case_id"].to_numpy()[np.isnan(score)]
            raise TableError(f"{len(missing)} cases have no score of '{model.of}', the first is '{missing[0]}'")
        told = pd.Series(logit(score.clip(_SURE, 1 - _SURE)), index=cases.index, name=SCORE + model.of)
        return pd.concat([told, _variables(model.name, model.variables, cases)], axis=1)
    if isinstance(model, Radiomics):
        return _radiomics(model, cases, features, reliable)
    assert isinstance(model, Network)
    raise StudyError(f"model '{model.name}' is a network and reads pictures, not columns")


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
        columns["log area mm2"] = np.log(width * height * cases["row_spacing"] * cases["column_spacing"])
    return pd.DataFrame(columns).astype(np.float64)


def _variables(name: str, variables: Collection[str], cases: pd.DataFrame) -> pd.DataFrame:
    for variable in variables:
        if variable not in cases:
            raise StudyError(f"model '{name}': the cohort table has no column '{variable}'")
    return cases[list(variables)].copy()


def _radiomics(
    model: Radiomics, cases: pd.DataFrame, features: pd.DataFrame | None, reliable: Collection[str] | None
) -> pd.DataFrame:
    if features is None:
        raise StudyError(f"model '{model.name}' needs radiomics features")
    table = features.set_index("case_id")
    unknown = cases.loc[~cases["case_id"].isin(table.index), "case_id"]
    if len(unknown):
        raise TableError(f"{len(unknown)} cases have no radiomics features, the first is '{unknown.iloc[0]}'")
    if model.icc > 0:
        if reliable is None:
            raise StudyError(f"model '{model.name}': icc = {model.icc:g} needs the features' reliability")
        table = table[[name for name in table if name in set(reliable)]]
        if table.empty:
            raise StudyError(f"model '{model.name}': no feature has an ICC of {model.icc:g}", fix="Ask for less.")
    chosen = table.loc[cases["case_id"]].set_axis(cases.index).astype(np.float64)
    return pd.concat([chosen, box_columns(cases)], axis=1) if model.with_box else chosen
