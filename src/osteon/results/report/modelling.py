"""The models in the report's Methods, each as it was fitted in this run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from osteon.core.words import counted, listed
from osteon.results.report.folder import Finished
from osteon.study import Augment, Clinical, Combined, ModelSettings, Network, Radiomics

_RECIPES = {"frozen": "the head alone trained", "last-stage": "the last stage and the head trained"}
_AUGMENTED = {
    "rotate": "rotation up to {:g}°",
    "shift": "shifts up to {:.0%}",
    "scale": "scaling up to {:.0%}",
    "flip": "left-right flips",
    "flip_vertical": "upside-down flips",
    "gamma": "gamma",
    "contrast": "contrast",
    "noise": "noise",
    "jitter": "jitter of the box up to {:.0%}",
}


def models(run: Finished) -> Iterator[Markup]:
    """One sentence a model: those of the study, then those that a person added to the predictions."""
    line = Markup("<b>{}</b>: {}.")
    for model in run.study.models:
        told = described(run, model)
        if model.name not in run.models:
            told = "named in the study, without predictions in this run; it is in no table"
        yield line.format(model.name, told)
    for name in run.added:
        yield line.format(
            name,
            "added by hand: its probabilities were put into predictions.csv, osteon did not fit it, and how it was "
            "made, and whether its development predictions are out of fold, is not known here",
        )


def input_sizes(run: Finished, names: Sequence[str]) -> list[int]:
    """The sides of these networks' inputs, as the provenance has it."""
    return sorted({int(found["input_size"]) for name in names if "input_size" in (found := facts(run, name))})


def cropped(run: Finished, names: Sequence[str]) -> str:
    """What became of the box before these networks saw it, as a clause."""
    crop, sizes = run.study.crop, input_sizes(run, names)
    wide = f"widened by {100 * crop.margin:.0f}% of its side on each side, " if crop.margin else ""
    shape = "its shorter side then widened to a square" if crop.square else "then stretched to a square"
    size = f"to {listed(sizes)} pixels a side" if sizes else "to the size each network was made for"
    return f"the box was {wide}{shape}, and what it held was resampled {size}, antialiased"


def facts(run: Finished, name: str) -> Mapping[str, str]:
    """What a model started from, as the provenance has it, which outlives the fitted models."""
    found: Mapping[str, str] = run.provenance.get("started", {}).get(name, {})
    return found


def described(run: Finished, model: ModelSettings) -> str:
    """How a model of this study is made, as one clause."""
    match model:
        case Network():
            return _network(run, model)
        case Radiomics():
            return _radiomics(run, model)
        case Combined():
            given = f"the out-of-fold score of {model.of} and {listed(model.variables)}"
            return f"logistic regression with a ridge penalty on {given}{_imputed(run, model)}"
        case Clinical():
            return f"logistic regression with a ridge penalty on {listed(model.variables)}{_imputed(run, model)}"
    if model.baseline:
        return (
            "logistic regression with a ridge penalty on the size, shape and position of the box alone: the shortcut "
            "baseline beside every study"
        )
    return f"a model of the kind “{model.kind}”, which is not one of osteon's own"


def _network(run: Finished, model: Network) -> str:
    parts = [f"{model.backbone} from {start(run, model)}"]
    if model.recipe == "frozen" and model.head == "logistic":
        parts.append(
            "the backbone frozen and an L2-penalised logistic regression on its standardised features, the penalty "
            "chosen by inner folds that keep patients whole"
        )
    else:
        parts.append(f"{_RECIPES.get(model.recipe, 'all layers trained')} for at most {counted(model.epochs, 'epoch')}")
        parts.append(f"peak learning rate {model.learning_rate:g}, weight decay {model.weight_decay:g}")
        parts.append(f"dropout {model.dropout:g}, {model.loss} loss")
        if model.recipe != "frozen":
            parts.append(f"batches of {model.batch_size}, {model.schedule} schedule")
            parts += [f"layer decay {model.layer_decay:g}"] * (model.layer_decay != 1)
            parts += [f"moving average of the weights {model.ema:g}"] * bool(model.ema)
            parts.append(_augmented(model.augment))
        patient = model.schedule == "cosine" or model.recipe == "frozen"
        stopped = f", stopped after {counted(model.patience, 'epoch')} without a better one" if patient else ""
        parts.append(f"kept at the best AUC of patients set aside inside the training cases{stopped}")
    if model.class_weights:
        parts.append("classes weighed by their frequency and the intercept moved back to the training prevalence")
    if model.recipe == "frozen" and model.augment.jitter:
        parts.append(f"learned from boxes jittered by up to {model.augment.jitter:.0%}")
    if model.average_boxes > 1:
        parts.append(f"predictions averaged over {model.average_boxes} boxes around the drawn one")
    if model.seeds > 1:
        parts.append(f"probabilities averaged over {model.seeds} training seeds")
    return f"{'; '.join(parts)} (recipe “{model.recipe}”)"


def start(run: Finished, model: Network) -> str:
    """What a network started from: the record's name and source and the file's digest, never a path."""
    found = facts(run, model.name)
    sha = found.get("weights") or dict(run.provenance.get("hashes", {}).get("weights", {})).get(model.name, "")
    name = str(found.get("record") or ("" if model.weights.startswith("file:") else model.weights))
    if name == "random" or model.weights == "random":
        return "random weights, drawn from the study's seed"
    source = str(found.get("source", ""))
    detail = [source] * bool("://" in source or source.startswith("hf:")) + [f"SHA-256 {sha[:12]}…"] * bool(sha)
    told = f"{name} weights" if name else "weights of a file"
    return f"{told} ({', '.join(detail)})" if detail else told


def _augmented(augment: Augment) -> str:
    there = {name: words for name, words in _AUGMENTED.items() if getattr(augment, name)}
    if not there:
        return "no augmentation"
    return f"live augmentation by {listed(words.format(getattr(augment, name)) for name, words in there.items())}"


def _radiomics(run: Finished, model: Radiomics) -> str:
    parts = [f"elastic-net logistic regression on IBSI features of {_region(run, model)}"]
    filters = f"; filtered pictures: {listed(model.filters)}" if model.filters else ""
    spacing = f"; resampled to {model.spacing:g} mm where the spacing is known" if model.spacing else ""
    parts.append(f"{model.bins} grey-level bins{filters}{spacing}")
    parts += ["with the box's size and position"] * model.with_box
    parts += [f"features with an ICC under {model.icc:g} between redrawn regions left out"] * bool(model.icc)
    parts.append(
        f"missing features imputed by the median of the training cases, and of two features correlated above "
        f"{model.correlation:g} one left out, all inside the folds"
        if _gaps(run)
        else f"of two features correlated above {model.correlation:g} one left out, inside the folds"
    )
    rule = "the best" if model.rule == "best" else "the sparsest within one standard error of the best"
    parts.append(f"mixing and penalty by inner cross-validation ({rule})")
    return "; ".join(parts)


def _gaps(run: Finished) -> bool:
    """Whether any feature of any case is missing."""
    path = run.features()
    table = run.table("features") if path.is_file() else None
    return table is not None and bool(table.isna().to_numpy().any() or (table == "").to_numpy().any())


def _region(run: Finished, model: Radiomics) -> str:
    """The region that was measured: a mask only where there was one."""
    if model.region == "box":
        return "the box"
    cohort = run.table("cohort")
    if cohort is None:
        return "the lesion's mask, or of the box where a case has none"
    masked = int((cohort["mask"] != "").sum()) if "mask" in cohort else 0
    if not masked:
        return "the box (no case had a mask)"
    return (
        "the mask"
        if masked == len(cohort)
        else f"the mask in {masked:,} of {len(cohort):,} cases and of the box in the others"
    )


def _imputed(run: Finished, model: ModelSettings) -> str:
    """Which of a model's columns had gaps, and what filled them."""
    cohort = run.table("cohort")
    gaps = {}
    for name in model.columns:
        if cohort is not None and name in cohort:
            values = cohort[name]
            gaps[name] = int((values.isna() | (values.astype(str).str.strip() == "")).sum())
    missing = [f"{name} in {counted(n, 'case')}" for name, n in gaps.items() if n]
    end = ", encoded inside the folds (numbers as restricted cubic splines)"
    if not missing:
        return end if gaps else f", imputed and{end.removeprefix(',')}"
    return (
        f"{end}; missing values ({listed(missing)}): numbers imputed by the median of the training cases, with a "
        "column of their own where enough were missing, and categories taken as a level of their own"
    )
