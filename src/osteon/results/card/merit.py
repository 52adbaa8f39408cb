"""How good a model is, where, and what moves it: every number as the run's tables have it."""

from __future__ import annotations

from collections.abc import Iterator

from osteon.core.words import bare_p, headline, level_title, number, stratum_title
from osteon.results.card.markdown import escape, interval, table
from osteon.results.card.subject import Subject, of, one
from osteon.results.figures.explanation import measures
from osteon.results.report import maps
from osteon.results.report.accuracy import rule_title
from osteon.results.report.robustness import MEASURES, change
from osteon.results.report.words import METHODS_OF_MAPS, capital

_CALLS = ("sensitivity", "specificity")
_CALIBRATION = {"calibration_intercept": 2, "calibration_slope": 2, "brier": 3}


def discrimination(model: Subject) -> Iterator[str]:
    """The AUC in every stratum."""
    rows = []
    for stratum in model.run.strata:
        row = model.run.value(model.name, stratum, "auc")
        if row is not None:
            rows.append([stratum_title(stratum), f"{row['n']:,}", f"{row['n_positive']:,}", interval(row)])
    yield table(["", "Cases", capital(model.run.positive), "AUC"], rows)
    pooled = one(model.rows("heterogeneity", metric="auc"))
    if pooled is not None and pooled["value"] == pooled["value"]:
        ahead = f"{number(pooled['prediction_low'], 3)} to {number(pooled['prediction_high'], 3)}"
        known = pooled["prediction_low"] == pooled["prediction_low"]
        yield (
            f"Over the {pooled['centres']} external centres where it can be had, taken as a random sample of centres, "
            f"the AUC is {interval(pooled)}{f'; in a new centre {ahead} is to be expected' if known else ''}."
        )


def thresholds(model: Subject) -> Iterator[str]:
    """Sensitivity and specificity at each threshold."""
    own = model.rows("operating_points")
    if own.empty:
        yield "No threshold was fixed in this run."
        return
    yield (
        "Fixed on the development cases, out of fold, and only then applied outside. A case is called "
        f"{escape(model.run.positive)} where the probability, as the model gives it, reaches the threshold."
    )
    for rule in dict.fromkeys(own["rule"]):
        here = own[own["rule"] == rule]
        yield f"**{capital(rule_title(rule))}**, threshold {number(float(here['threshold'].iloc[0]), 3)}:"
        yield table(
            ["", *map(capital, _CALLS)],
            [
                [stratum_title(stratum), *(interval(one(here, stratum=stratum, metric=name)) for name in _CALLS)]
                for stratum in model.run.strata
            ],
        )


def calibration(model: Subject) -> Iterator[str]:
    """Intercept, slope and Brier score, before and after the recalibration, and its line."""
    run = model.run
    for suffix, title in (("", "as the model gives them"), ("_recalibrated", "recalibrated")):
        yield f"Probabilities {title}. Ideal: an intercept of 0 and a slope of 1; the Brier score is better if lower."
        rows = []
        for stratum in run.strata:
            of_stratum = (run.value(model.name, stratum, name + suffix) for name in _CALIBRATION)
            rows.append([stratum_title(stratum), *map(interval, of_stratum, _CALIBRATION.values())])
        yield table(["", "Intercept", "Slope", "Brier score"], rows)
    row = one(model.rows("recalibration"))
    if row is None:
        return
    if row["slope"] != row["slope"]:
        yield f"No recalibration could be fitted ({escape(row['method'])})."
        return
    yield (
        f"The recalibration: logit(new) = {number(row['intercept'], 3)} + {number(row['slope'], 3)} × logit(old), "
        f"fitted on {row['n']:,} development cases, out of fold."
    )


def subgroups(model: Subject) -> Iterator[str]:
    """What it does within the levels of each variable."""
    own = model.rows("subgroups")
    if own.empty:
        yield "The study asked for none: whether it does worse in some patients than in others is not known."
        return
    stratum = headline(own["stratum"])
    own = own[own["stratum"] == stratum]
    yield (
        f"{stratum_title(stratum)}; sensitivity and specificity at the threshold of Youden's index; p: whether the AUC "
        "differs between the levels."
    )
    rows = []
    for variable, level in dict.fromkeys(zip(own["variable"], own["level"], strict=True)):
        here = of(own, variable=variable, level=level)
        first = here.iloc[0]  # the AUC, which comes first
        cells = [interval(one(here, metric=name)) for name in ("auc", *_CALLS)]
        size = f"{first['n']:,} / {first['n_positive']:,}"
        rows.append([f"{variable}: {level_title(level)}", size, *cells, bare_p(first["p_interaction"])])
    yield table(["", f"Cases / {model.run.positive}", "AUC", *map(capital, _CALLS), "p"], rows)


def shortcut(model: Subject) -> Iterator[str]:
    """What the size, shape and position of the box reach alone."""
    if model.settings.baseline:
        yield "It is the box alone: it sees the box's size, shape and position, and no picture."
        return
    for box in model.run.box_models:
        pairs = of(model.run.table("comparisons"))
        if len(pairs):
            pairs = pairs[pairs["model_a"].isin([model.name, box]) & pairs["model_b"].isin([model.name, box])]
        order = (
            f"; p is not adjusted; difference: {' − '.join(pairs[['model_a', 'model_b']].iloc[0])}"
            if len(pairs)
            else ""
        )
        yield (
            f"The model {escape(box)} sees the size, shape and position of the box and no picture. Only what a model "
            f"reaches beyond that comes from something else{escape(order)}."
        )
        rows = []
        for stratum in model.run.strata:
            cells = [interval(model.run.value(name, stratum, "auc")) for name in (model.name, box)]
            pair = one(pairs, stratum=stratum) if len(pairs) else None
            gap = ["–", "–"] if pair is None else [interval(pair.rename({"difference": "value"})), bare_p(pair["p"])]
            rows.append([stratum_title(stratum), *cells, *gap])
        yield table(["", "AUC", "AUC of the box alone", "Difference", "p"], rows)


def robustness(model: Subject) -> Iterator[str]:
    """How far it is moved by another drawing of the box, or another rendering of the picture."""
    if not model.looks:
        yield "It looks at neither the box nor the picture, so that neither can move it."
        return
    own = model.rows("robustness")
    if own.empty:
        yield "Not examined in this run: how much its answers hang on how the box is drawn is not known."
        return
    stratum = headline(own["stratum"])
    own = own[own["stratum"] == stratum]
    yield (
        f"{stratum_title(stratum)}, {int(own['n'].max()):,} cases. AUC: mean over draws; lost: what it falls short of "
        "the box as drawn. SD of a case's probability and calls that change sides of the threshold of Youden's index: "
        "means over cases."
    )
    rows = []
    for kind, grade in dict.fromkeys(zip(own["kind"], own["grade"], strict=True)):
        here = own[(own["kind"] == kind) & (own["grade"] == grade)]
        rows.append([change(str(kind), float(grade)), *(interval(one(here, metric=name)) for name in MEASURES)])
    yield table(["Change", *MEASURES.values()], rows)


def explanation(model: Subject) -> Iterator[str]:
    """How its maps lie to the lesion, and what a map that knows nothing would score."""
    own = model.rows("explanation", stratum="external")
    if own.empty:
        yield (
            "No maps of it were made in this run: where it looks is not known."
            if model.settings.maps
            else "This kind of model has no maps of where it looks."
        )
        return
    method = str(own["map"].iloc[0])
    own = of(own, map=method)
    sanity = model.rows("explanation_sanity", map=method)
    yield escape(f"{METHODS_OF_MAPS.get(method, method)}. {maps.in_words(own, sanity if len(sanity) else None)}")
    shown, rows = measures(own), []
    for outcome, title in maps.OUTCOMES.items():
        here = of(own, outcome=outcome)
        if len(here):
            cells = (interval(one(here, metric=name), 2) for name, _, _ in shown)
            rows.append([title, f"{int(here['n'].max()):,}", *cells])
    yield table(["", "Cases", *(title for _, title, _ in shown)], rows)
    yield (
        "External cases; distance 0 means that the peak lies on the lesion. A good score is no evidence that the model "
        "is right, or that it looked at the lesion for a good reason."
    )
