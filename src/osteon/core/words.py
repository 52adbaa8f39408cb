"""How strata and numbers are said, alike in every figure and in the report."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


def shown(strata: Iterable[str]) -> list[str]:
    """The strata worth a panel: the pooled external one repeats a lone external centre, and is then left out."""
    names = list(dict.fromkeys(strata))
    centres = [name for name in names if name.startswith("centre:")]
    return [name for name in names if name != "external" or len(centres) != 1]


def headline(strata: Iterable[str]) -> str:
    """The stratum a study's claim is about: outside, or development where there is no outside.

    >>> headline(["development", "centre:2", "centre:3", "external"]), headline(["development", "centre:2", "external"])
    ('external', 'centre:2')
    """
    names = list(dict.fromkeys(strata))
    centres = [name for name in names if name.startswith("centre:")]
    if len(centres) == 1:
        return centres[0]
    return "external" if "external" in names else "development"


def stratum_title(stratum: str) -> str:
    """A stratum as a reader says it.

    >>> [stratum_title(s) for s in ("development", "centre:2", "centre:Radiopaedia", "external")]
    ['Development, out of fold', 'Centre 2', 'Radiopaedia', 'External, pooled']
    """
    if stratum.startswith("centre:"):
        name = stratum.removeprefix("centre:")
        return f"Centre {name}" if len(name) <= 3 else name
    return {"development": "Development, out of fold", "external": "External, pooled"}.get(stratum, stratum)


def in_sentence(stratum: str) -> str:
    """A stratum within a sentence; names of centres keep their capitals.

    >>> in_sentence("external"), in_sentence("centre:Radiopaedia")
    ('external, pooled', 'Radiopaedia')
    """
    title = stratum_title(stratum)
    return title if stratum.startswith("centre:") else title[0].lower() + title[1:]


def level_title(level: str) -> str:
    """A subgroup's level, or a rule, with mathematical signs.

    >>> level_title("<= 26"), level_title("sensitivity >= 0.9")
    ('≤ 26', 'sensitivity ≥ 0.9')
    """
    return level.replace("<=", "≤").replace(">=", "≥")


def feature_title(name: str) -> str:
    """A radiomics feature, or a column, as a reader says it.

    >>> feature_title("glcm_contrast"), feature_title("shape_area_density_ellipse"), feature_title("age")
    ('GLCM contrast', 'shape area density ellipse', 'age')
    """
    family, *rest = name.split("_")
    return " ".join([family.upper() if family in _MATRICES else family, *rest])


#: Families of features that are named by their letters.
_MATRICES = ("glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm", "ivh")


def in_stratum(scores: pd.DataFrame, stratum: str) -> pd.DataFrame:
    """The rows of a score table that belong to a stratum."""
    if stratum.startswith("centre:"):
        return scores[(scores["split"] == "external") & (scores["centre"] == stratum.removeprefix("centre:"))]
    return scores[scores["split"] == stratum]


def number(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """A number with a true minus sign; a dash for nan.

    >>> number(-0.126), number(float("nan")), number(0.1, sign=True), number(-0.001)
    ('−0.13', '–', '+0.10', '0.00')
    """
    if value != value:
        return "–"
    rounded = round(value, digits) or 0.0  # no minus zero
    return f"{rounded:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def p_value(p: float) -> str:
    """A p value as journals print it.

    >>> p_value(0.0002), p_value(0.0423), p_value(0.62)
    ('p < 0.001', 'p = 0.042', 'p = 0.62')
    """
    if p != p:
        return "p –"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def bare_p(p: float) -> str:
    """A p value in a column that is headed p.

    >>> bare_p(0.0002), bare_p(0.62)
    ('< 0.001', '0.62')
    """
    return p_value(p).removeprefix("p ").removeprefix("= ")


def counted(n: int, word: str, plural: str = "") -> str:
    """A number with its noun; thousands stand apart as everywhere.

    >>> counted(1, "case"), counted(1200, "case"), counted(2, "body", "bodies")
    ('1 case', '1,200 cases', '2 bodies')
    """
    return f"{n:,} {word if n == 1 else plural or word + 's'}"


def listed(names: Iterable[object], last: str = "and") -> str:
    """Words in a row, as a sentence has them.

    >>> listed(["A"]), listed(["A", "B"]), listed(["A", "B", "C"], "or")
    ('A', 'A and B', 'A, B or C')
    """
    *before, end = [str(name) for name in names] or [""]
    return f"{', '.join(before)} {last} {end}" if before else end


#: Fewer cases of a class than this are said to be few.
FEW = 10
#: A standardised difference beyond this is a difference worth looking at (Austin 2009, doi 10.1002/sim.3697).
NOTEWORTHY = 0.1


def noteworthy(difference: float) -> bool:
    """Whether a standardised difference is worth looking at; what is not known is not.

    >>> noteworthy(-0.11), noteworthy(0.1), noteworthy(float("nan"))
    (True, False, False)
    """
    return abs(difference) > NOTEWORTHY


#: Changes of the box by fractions that are assumed; all changes of the box, with the one that was measured.
ASSUMED = ("shift", "scale", "aspect", "combined")
BOX_CHANGES = (*ASSUMED, "annotators")
_CHANGES = {
    "shift": "Box moved",
    "scale": "Box scaled",
    "aspect": "Box stretched",
    "combined": "Box moved, scaled and stretched",
    "annotators": "Another annotator's box",
    "rotation": "Rotation",
    "gamma": "Gamma",
    "noise": "Noise",
    "blur": "Blur",
    "jpeg": "JPEG",
    "markers": "Markers off",
}


def change_title(kind: str) -> str:
    """A change of box or picture as a reader says it.

    >>> change_title("shift"), change_title("all box changes")
    ('Box moved', 'All box changes')
    """
    return _CHANGES.get(kind, kind[:1].upper() + kind[1:])


def grade_title(kind: str, grade: float) -> str:
    """How strong a change is, with its unit.

    >>> [grade_title(*each) for each in (("shift", 0.1), ("rotation", 5), ("jpeg", 50), ("gamma", 0.25))]
    ['10%', '5°', 'quality 50', '0.25']
    """
    if kind in (*ASSUMED, "blur"):
        return f"{100 * grade:g}%"
    return {"rotation": f"{grade:g}°", "jpeg": f"quality {grade:g}", "markers": "", "annotators": ""}.get(
        kind, f"{grade:g}"
    )
