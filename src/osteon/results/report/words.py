"""The report's sentences, put together from the tables; nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from osteon.core.words import FEW, counted, in_sentence, listed, number, p_value, stratum_title
from osteon.results.report import margin
from osteon.results.report.folder import Finished

#: How methods of maps are called.
METHODS_OF_MAPS = {"gradcam": "Grad-CAM", "gradcam++": "Grad-CAM++", "hirescam": "HiResCAM", "occlusion": "Occlusion"}


def pair(run: Finished) -> str:
    """What the contrast of the two models that are compared first is."""
    if run.prespecified:
        return "the prespecified contrast"
    return "the contrast of the first two models, which nobody prespecified,"


def pair_of_models(run: Finished) -> str:
    """The two models that are compared first."""
    return "the models of the prespecified contrast" if run.prespecified else "the first two models of the study"


def capital(text: str) -> str:
    """A phrase at the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def estimate(row: pd.Series, *, level: float | None = None) -> str:
    """As prose has it: ``0.807 (95% CI 0.761 to 0.846)``."""
    if row["value"] != row["value"]:
        return "not estimable"
    if row["low"] != row["low"]:
        return number(row["value"], 3)
    word = f"{100 * level:g}% CI " if level else ""
    return f"{number(row['value'], 3)} ({word}{number(row['low'], 3)} to {number(row['high'], 3)})"


def primary_row(run: Finished, stratum: str) -> pd.Series | None:
    """The primary contrast in a stratum."""
    table = run.table("comparisons")
    if table is None:
        return None
    found = table[table["primary"] & (table["stratum"] == stratum)]
    return None if found.empty else found.iloc[0]


def summary(run: Finished) -> Iterator[str]:
    """The study's result in a few sentences, the primary contrast first."""
    yield from contrast(run)
    yield from few(run)
    yield from between_centres(run)
    yield from shortcut(run)
    if run.added:
        was = "was" if len(run.added) == 1 else "were"
        yield f"{listed(run.added)} {was} added by hand: osteon did not fit {'it' if was == 'was' else 'them'}."


def contrast(run: Finished) -> Iterator[str]:
    """The two models that are compared first, where the claim is made."""
    a, b = run.study.primary
    level = run.study.evaluation.level
    first = run.value(a, run.headline, "auc")
    if first is None:
        return
    centres = sum(name.startswith("centre:") for name in dict.fromkeys(run.metrics["stratum"]))
    n = int(first["n"])
    where = (
        f"{counted(n, 'external case')} of {counted(centres, 'centre')}"
        if centres
        else f"{counted(n, 'development case')}, out of fold"
    )
    begun = f"On {where} ({first['n_positive']:,} {run.positive}), "
    if first["value"] != first["value"]:
        reason = str(first["method"]).removeprefix("not estimable: ")
        yield (f"{begun}no AUC can be estimated ({reason}): how well {a} tells the classes apart there is not known.")
        return
    sentence = f"{begun}{a} reached an AUC of {estimate(first, level=level)}"
    second = run.value(b, run.headline, "auc") if a != b else None
    contrast = primary_row(run, run.headline)
    if second is None or contrast is None:
        yield sentence + "."
        return
    sentence += f" and {b} {estimate(second)}"
    if contrast["difference"] != contrast["difference"]:
        yield sentence + "; their difference is not estimable."
        return
    limits = f"{number(contrast['low'], 3)} to {number(contrast['high'], 3)}"
    yield (
        f"{sentence}: a difference of {number(contrast['difference'], 3, sign=True)} "
        f"({100 * level:g}% CI {limits}; paired DeLong test, {p_value(contrast['p'])})."
    )
    told, against = capital(pair(run)), margin.held(run, run.headline)
    if against is not None:
        yield margin.told(against)
    if contrast["low"] > 0:
        yield f"{told} favours {a}."
    elif contrast["high"] < 0:
        yield f"{told} favours {b}."
    elif against is None:
        yield f"{told} does not separate the two."


def few(run: Finished) -> Iterator[str]:
    """A caution where a class has few cases."""
    areas = run.metrics[run.metrics["metric"] == "auc"].drop_duplicates("stratum").set_index("stratum")
    told = []
    for name in run.strata:
        n, positive = int(areas["n"][name]), int(areas["n_positive"][name])
        few = [f"{positive} {run.positive}"] * (positive < FEW)
        few += [counted(n - positive, "other")] * (n - positive < FEW)
        if few:
            told.append(f"{listed(few)} of {counted(n, 'case')} in {in_sentence(name)}")
    if told:
        yield (
            f"Caution, few cases of a class: {'; '.join(told)}. Such figures can change much with a few more "
            "cases, and a difference that is not found there may well exist."
        )


def between_centres(run: Finished) -> Iterator[str]:
    """Their difference over the centres, taken as a random sample."""
    table = run.table("heterogeneity")
    if table is None:
        return
    pooled = table[(table["metric"] == "auc_difference") & table["value"].notna()]
    if pooled.empty:
        return
    row = pooled.iloc[0]
    yield (
        f"Over the {counted(int(row['centres']), 'centre')} where it can be had, taken as a random sample of centres, "
        f"the difference is {estimate(row)}, "
        f"I² {row['i2']:.0%}."
    )


def shortcut(run: Finished) -> Iterator[str]:
    """What the box alone reaches."""
    for name in run.box_models:
        inside, outside = run.value(name, "development", "auc"), run.value(name, run.headline, "auc")
        if outside is None:
            continue
        if outside["value"] != outside["value"]:
            known = run.headline != "development" and inside is not None and inside["value"] == inside["value"]
            if known and inside is not None:
                yield f"The box alone, its size and position, reached {estimate(inside)} on development."
            continue
        if run.headline != "development" and inside is not None:
            reached = f"{estimate(inside)} on development and {estimate(outside)} outside"
        else:
            reached = estimate(outside)
        yield f"The box alone, its size and position, reached {reached}: pictures add what a model reaches beyond that."


def headline(run: Finished) -> str:
    """The result for a terminal: the sentences and the AUCs by model and stratum, as plain text."""
    width = max(len(name) for name in run.models)
    heads = [stratum_title(name).removesuffix(", out of fold").removesuffix(", pooled") for name in run.strata]
    lines = ["SYNTHETIC DATA: these numbers say nothing about patients.", ""] if run.synthetic else []
    lines += [*summary(run), ""]
    lines.append(f"{'AUC':<{width}}  " + "  ".join(f"{head:>21}" for head in heads))
    for model in run.models:
        cells = []
        for stratum in run.strata:
            row = run.value(model, stratum, "auc")
            text = "-" if row is None else estimate(row)
            cells.append(f"{text:>21}")
        lines.append(f"{model:<{width}}  " + "  ".join(cells))
    return "\n".join(lines)
