"""The first page's question on what probabilities are worth: calibration, and the net benefit of acting on them."""

from __future__ import annotations

from markupsafe import Markup

from osteon.core.words import number
from osteon.results.report import sketch
from osteon.results.report.answer import Answer
from osteon.results.report.folder import Finished
from osteon.results.report.sketch import Line, Panel


def usefulness(run: Finished) -> Answer | None:
    """Calibration of the first model after recalibration, and its net benefit."""
    a, where = run.study.primary[0], run.headline
    ratio = run.value(a, where, "observed_expected_recalibrated")
    slope = run.value(a, where, "calibration_slope_recalibrated")
    if ratio is None or slope is None or ratio["value"] != ratio["value"] or slope["value"] != slope["value"]:
        return None
    told = [
        f"After recalibration on development, {number(ratio['value'])} positive cases were seen for each one expected "
        f"({number(ratio['low'])} to {number(ratio['high'])}; ideal 1), and the calibration slope was "
        f"{number(slope['value'])} ({number(slope['low'])} to {number(slope['high'])}; ideal 1)."
    ]
    fits = all(row["low"] <= 1 <= row["high"] for row in (ratio, slope) if row["low"] == row["low"])
    verdict = "No departure from calibration is shown" if fits else "Its probabilities are off outside development"
    span, nearest = _benefit(run, a)
    if span is not None:
        verdict += f"; acting on it beats treating all or none at {span}" if span else "; acting on it is never best"
        told.append(nearest)
    panels = [panel for panel in (_calibration(run, a), _decision(run, a)) if panel is not None]
    picture = sketch.panels(panels) if panels else Markup()
    return Answer(
        "Can its probabilities be trusted, and is it worth using?", f"{verdict}.", tuple(told), picture, "calibration"
    )


def _benefit(run: Finished, model: str) -> tuple[str | None, str]:
    """At which thresholds a model is best, and its net benefit near the share of positives in development."""
    table = run.table("decision")
    if table is None:
        return None, ""
    here = table[table["stratum"] == run.headline]
    wide = here.pivot_table(index="threshold", columns="model", values="net_benefit", observed=True)
    if model not in wide:
        return None, ""
    best = wide.index[wide[model] > wide[["treat all", "treat none"]].max(axis=1)]
    inside = run.value(model, "development", "auc")
    share = float(inside["n_positive"] / inside["n"]) if inside is not None else 0.5
    at = min(wide.index, key=lambda t: abs(t - share))
    row = wide.loc[at]
    nearest = (
        f"At a threshold of {at:.0%}, near the share of positive cases in development, its net benefit is "
        f"{number(row[model], 3)} and that of treating all {number(row['treat all'], 3)}."
    )
    if not len(best):
        return "", nearest
    whole = len(best) == round((best.max() - best.min()) * 100) + 1
    span = f"thresholds from {best.min():.0%} to {best.max():.0%}"
    return (span if whole else f"most {span}" if len(best) > len(wide) / 2 else f"some {span}"), nearest


def _calibration(run: Finished, model: str) -> Panel | None:
    table = run.table("calibration")
    if table is None:
        return None
    own = table[(table["model"] == model) & (table["stratum"] == run.headline) & (table["scale"] == "recalibrated")]
    colour = run.look[model].colour
    lines = [Line("ideal, or treat none", (0, 1), (0, 1), dash="2 3")]
    lines += [Line(model, own["predicted"].tolist(), own["observed"].tolist(), colour)]
    return Panel("Observed against predicted", "predicted", lines, (0, 1, 0, 1)) if len(own) else None


def _decision(run: Finished, model: str) -> Panel | None:
    table = run.table("decision")
    if table is None:
        return None
    here = table[table["stratum"] == run.headline]
    own, every = (here[here["model"] == name] for name in (model, "treat all"))
    if own.empty:
        return None
    colour = run.look[model].colour
    x0, x1 = float(own["threshold"].min()), float(own["threshold"].max())
    top = max(0.05, float(own["net_benefit"].max()), float(every["net_benefit"].max()))
    lines = [
        Line("ideal, or treat none", (x0, x1), (0, 0), dash="2 3"),
        Line("treat all", every["threshold"].tolist(), every["net_benefit"].tolist(), dash="6 3"),
        Line(model, own["threshold"].tolist(), own["net_benefit"].tolist(), colour),
    ]
    return Panel("Net benefit", "threshold", lines, (x0, x1, -0.1 * top, 1.05 * top))
