"""The report's Methods: what this run did, from its study, its tables and its provenance, and nothing that it did not.

Every sentence stands on something in the run folder. What a run did not do has no sentence; how each interval was made
is read from the tables' own column ``method``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import pandas as pd
from markupsafe import Markup

from osteon.core.ledger import file_digest
from osteon.core.words import change_title, counted, grade_title, in_sentence, level_title, listed
from osteon.results.report.folder import Finished
from osteon.results.report.instability import refitted
from osteon.results.report.margin import tested
from osteon.results.report.page import Block, Heading, Page, bullets, paragraph
from osteon.results.report.rotation import rotated
from osteon.results.report.words import METHODS_OF_MAPS

_ENDINGS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **{".png": "PNG", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF"},
    **dict.fromkeys((".dcm", ".dicom", ".ima"), "DICOM"),
}
#: Tables with a column ``method``, what they hold, and the column that says of which figure.
_RECORDED = {
    "metrics": "Metrics",
    "comparisons": "Differences in AUC",
    "contrast": "The first pair, beyond its AUCs",
    "operating_points": "Operating points",
    "recalibration": "Recalibration",
    "subgroups": "Subgroups",
    "heterogeneity": "Over the centres",
    "rotation": "Each centre held out in turn",
    "selection_stability": "Choice of features",
    "robustness": "Under changes",
    "robustness_comparisons": "Pairs under changes",
    "explanation": "Maps",
    "explanation_comparisons": "Pairs by their maps",
    "explanation_sanity": "Checks of the maps",
    "explanation_stability": "Stability of the maps",
}
_FIGURES = {
    "auc": "AUC",
    "brier": "Brier score",
    "ici": "ICI",
    "ppv": "PPV",
    "npv": "NPV",
    "sd": "SD of a case",
    "auc_loss": "AUC lost",
    "icc": "ICC",
    "observed_expected": "observed / expected",
    "auc_difference": "difference in AUC",
}


def methods(page: Page) -> Iterator[Block | None]:
    """The section."""
    run = page.run
    for title, told in (
        ("Task and centres", _task(run)),
        ("Pictures", _pictures(run)),
        ("Models", None),
        ("Development and sealed test", _development(run)),
        ("Statistics", _statistics(run)),
        ("Each centre held out in turn", rotated(run)),
        ("Instability of predictions", refitted(run)),
        ("Changed boxes and pictures", _changes(run)),
        ("Maps", _maps(run)),
        ("Reproducibility", _reproducibility(run)),
    ):
        if told is None:
            yield Heading(title)
            yield bullets(_models(run))
        elif text := " ".join(told):
            yield Heading(title)
            yield paragraph(text)
        if title == "Statistics":
            yield _recorded(page)


def _task(run: Finished) -> Iterator[str]:
    study = run.study
    labels = f" (labels: {listed(study.task.positive)})" if study.task.positive else ""
    yield "A case is one lesion on one radiograph."
    yield f"The models estimate the probability that it is {run.positive}{labels}."
    inside, outside = study.centres.development, run.outside
    where = f"Development: {_centres(inside)}"
    yield f"{where}; external test: {_centres(outside)}." if outside else f"{where}. There was no external centre."
    if run.nameless == len(run.cases) and run.nameless:
        yield "No case had a patient identifier: each counts as a patient of its own, and intervals cannot know better."
        return
    yield "Cases of one patient stay together in every split, and every interval knows of them."
    if run.nameless:
        one = run.nameless == 1
        yield (
            f"{counted(run.nameless, 'case')} of {len(run.cases):,} {'has' if one else 'have'} no patient identifier; "
            f"{'it' if one else 'each'} counts as a patient of its own."
        )


def _centres(names: tuple[str, ...] | list[str]) -> str:
    return f"centre{'' if len(names) == 1 else 's'} {listed(names)}"


def _pictures(run: Finished) -> Iterator[str]:
    study, cohort = run.study, run.table("cohort")
    if cohort is not None:
        yield from _files(cohort)
    if shown_crops := _shown_crops(run):
        yield f"For networks {cropped(run, shown_crops)}."
        yield "Pixels were normalised as the record of the weights says, not as the architecture does."
    yield f"Cases with a box side under {study.crop.min_box:g} pixels were set aside."


def cropped(run: Finished, models: Sequence[str]) -> str:
    """What became of the box before these models saw it, as a clause."""
    crop, started = run.study.crop, [run.started(name) for name in models]
    sizes = sorted({int(found["input_size"]) for found in started if "input_size" in found})
    wide = f"widened by {100 * crop.margin:.0f}% of its side on each side, " if crop.margin else ""
    shape = "its shorter side then widened to a square" if crop.square else "then stretched to a square"
    size = f"to {listed(sizes)} pixels a side" if sizes else "to the size each network was made for"
    return f"the box was {wide}{shape}, and what it held was resampled {size}, antialiased"


def _shown_crops(run: Finished) -> list[str]:
    """The models that were shown crops."""
    return [model.name for model in run.study.models if model.crops and model.name in run.models]


def _files(cohort: pd.DataFrame) -> Iterator[str]:
    """The kinds of file that were read, and what was done to each."""
    endings = cohort["image"].drop_duplicates().map(lambda name: PurePosixPath(str(name).lower()).suffix)
    kinds = endings.map(_ENDINGS).fillna("")
    counts = kinds.value_counts(sort=False).sort_index()
    named = [counted(int(n), f"{kind} file") for kind, n in counts.items() if kind]
    if "" in counts:
        named.append(counted(int(counts[""]), "file without a known ending, read by its content",
                             "files without a known ending, read by their content"))  # fmt: skip
    yield f"The cases' radiographs were {listed(named)}. They were read at the depth they have, bone bright."
    found = set(kinds)
    if found & {"DICOM", ""}:
        of = "DICOM files were" if "DICOM" in found else "Those that are DICOM were"
        yield (
            f"{of} shown through their modality transformation and their own VOI look-up table or window, and between "
            "percentiles of their values where they name none; where black and white are exchanged they were turned."
        )
    plain = [kind for kind in ("JPEG", "PNG", "TIFF", "BMP") if kind in found]
    if plain:
        deep = " (of 8 bits; deeper ones between percentiles of their values)" if {"PNG", "TIFF"} & found else ""
        yield (
            f"{listed(plain)} pictures hold values made for display and were taken as they are, 0 as black and 255 as "
            f"white{deep}; colour became luminance, and the picture was turned upright where its EXIF says how."
        )


def _models(run: Finished) -> Iterator[Markup]:
    """One sentence a model: those of the study, then those that a person added to the predictions."""
    line = Markup("<b>{}</b>: {}.")
    for model in run.study.models:
        there = model.name in run.models
        absent = "named in the study, without predictions in this run; it is in no table"
        yield line.format(model.name, model.in_words(run) if there else absent)
    for name in run.added:
        yield line.format(
            name,
            "added by hand: its probabilities were put into predictions.csv, osteon did not fit it, and how it was "
            "made, and whether its development predictions are out of fold, is not known here",
        )


def _development(run: Finished) -> Iterator[str]:
    e = run.study.evaluation
    dealt = "grouped by patient and stratified by class"
    if e.fold_column is not None:
        dealt = f"in folds that the cohort's column “{e.fold_column}” gave, none of which parts a patient"
    yield f"Development used {e.folds}-fold cross-validation, {dealt}; its results are out of fold."
    if run.outside:
        yield (
            "External cases were predicted by the mean of the folds' models. The labels of external centres were kept "
            "from every step before the predictions."
        )
    table = run.table("recalibration")
    left = [] if table is None else list(table.loc[table["slope"].isna(), "model"])
    fitted = "" if table is None or len(left) == len(table) else " and a logistic recalibration"
    then = "and only then applied outside" if run.outside else "and are given for the same cases"
    yield (
        f"Two operating points (Youden's, and the highest threshold with a sensitivity of at least "
        f"{100 * e.sensitivity:g}%){fitted} were fixed on out-of-fold predictions {then}."
    )
    if left:
        yield f"No recalibration could be fitted for {listed(left)}: their probabilities were left as they are."


def _statistics(run: Finished) -> Iterator[str]:
    e, has = run.study.evaluation, run.table
    always = [name for name in ("odds_ratios", "selection_stability") if e.level != 0.95 and has(name) is not None]
    but = f", those of {listed(name.replace('_', ' ') for name in always)} one of 95%" if always else ""
    yield f"Intervals have a level of {100 * e.level:g}%{but}."
    by_patient = ", in Obuchowski's form (1997) where patients have several cases" if run.clusters else ""
    yield f"AUCs have DeLong's variance (1988){by_patient}."
    if run.clusters:
        yield "There Student's t with patients - 1 degrees of freedom takes the place of the normal distribution."
    if has("comparisons") is not None:
        yield "Differences in AUC are tested by the paired DeLong test."
        yield from _tests(run)
        yield from tested(run)
    if has("contrast") is not None:
        yield (
            "For the same two models sensitivity and specificity at the thresholds fixed on development are compared "
            "by McNemar's score test and the interval that inverts it (Tango 1998), and net benefit at the development "
            "prevalence."
        )
    if run.bootstraps:
        yield f"Bootstrap intervals are from {e.bootstrap:,} resamples of patients."
    if has("operating_points") is not None:
        by_patient = ", by patients after Rao and Scott (1992) where they have several cases" if run.clusters else ""
        yield f"Proportions have Wilson's intervals{by_patient}."
    if run.any_metric("calibration_slope"):
        yield (
            "Calibration is described by intercept, slope, observed over expected events, the integrated calibration "
            "index and a smooth curve, before and after recalibration."
        )
    if has("decision") is not None:
        low, high = e.thresholds
        yield f"Decision curves use recalibrated probabilities, at thresholds from {100 * low:g}% to {100 * high:g}%."
    table = has("heterogeneity")
    if table is not None and table["value"].notna().any():
        ahead = " with a prediction interval for a new centre" if table["prediction_low"].notna().any() else ""
        yield f"Centres are summarised by a random-effects model{ahead}."
    if has("subgroups") is not None:
        yield (
            f"Subgroups by {listed(e.subgroups)} are compared by a test of interaction; numbers are cut at the "
            "development median."
        )
    seeds = has("seeds")
    if seeds is not None:
        yield f"Probabilities of {listed(dict.fromkeys(seeds['model']))} are means over training seeds."
    yield (
        "What the data do not determine, such as an AUC with one class only, is called not estimable and given no "
        "number."
    )


def _tests(run: Finished) -> Iterator[str]:
    a, b = run.study.primary
    if a == b:
        return
    others = "; the other pairs have Holm-adjusted p values within their stratum" if len(run.models) > 2 else ""
    if run.prespecified:
        if run.locks:
            yield f"The plan was locked on {run.locks[-1].when}, before there were predictions."
        yield (
            f"The one prespecified test is {a} against {b} in the stratum “{in_sentence(run.headline)}”, unadjusted"
            f"{others}; the same pair in other strata is descriptive."
        )
    else:
        yield (
            f"The study file names no primary contrast. {a} and {b}, its first two models, are compared first and "
            f"without adjustment, which nobody prespecified: the p value is exploratory{others}."
        )


def _recorded(page: Page) -> Block | None:
    """How each interval and test was made, as the tables say it row by row."""
    rows: list[list[object]] = []
    for name, title in _RECORDED.items():
        table = page.run.table(name)
        if table is None or "method" not in table:
            continue
        known = table[(table["method"] != "") & ~table["method"].str.startswith(("not estimable", "left as"))]
        if known.empty:
            continue
        rows.append([title])
        figures = known["metric"] if "metric" in known else pd.Series(title, index=known.index)
        by_method: dict[str, list[str]] = {}
        for method, of in known.groupby([known["method"], figures], sort=False).size().index:
            by_method.setdefault(str(method), []).append(_figure(str(of)))
        counts = known["method"].value_counts()
        for method, of in by_method.items():
            told = listed(dict.fromkeys(of)) if "metric" in known else title
            rows.append([told[0].upper() + told[1:], method, f"{counts[method]:,}"])
    if not rows:
        return None
    return page.table(
        ["Figure", "Method", "Rows"],
        rows,
        "How every interval and test of this run was made. As the column “method” of each table says, with the number "
        "of rows; rows that are not estimable say why there.",
        words=2,
    )


def _figure(metric: str) -> str:
    """A metric in words; recalibrated ones are measured alike."""
    name = metric.removesuffix("_recalibrated")
    words = name.replace("_", " ").replace("iou ", "IoU at ").replace("(youden)", "(Youden's index)")
    return _FIGURES.get(name, level_title(words))


def _in_a_list(title: str) -> str:
    return title if title.isupper() else title[:1].lower() + title[1:]


def _changes(run: Finished) -> Iterator[str]:
    table = run.table("robustness")
    if table is None:
        return
    changed = table[~table["kind"].isin(["drawn", "all box changes"])]
    kinds = []
    for kind, rows in changed.groupby("kind", sort=False):
        grades = [grade for each in dict.fromkeys(rows["grade"]) if (grade := grade_title(str(kind), float(each)))]
        kinds.append(_in_a_list(change_title(str(kind))) + (f" ({listed(grades)})" if grades else ""))
    n = int(table["n"].max())
    repeats = run.study.robustness.repeats
    yield (
        f"{listed(dict.fromkeys(table['model']))} predicted {counted(n, 'external case')} again under changes on the "
        f"original radiograph, the same ones for every model: {listed(kinds)}; "
        f"{counted(repeats, 'draw')} of each change that has chance in it."
    )
    differences = run.table("box_differences")
    if differences is not None and run.study.robustness.grades == "annotators":
        yield _exchanged(differences)
    yield (
        "The spread of a case, the share of calls that change sides of Youden's threshold and the AUC (mean over "
        "draws) are given for each change; cases, not draws, are the unit of every interval."
    )
    pairs = run.table("robustness_comparisons")
    if pairs is not None and not pairs.empty:
        yield "Models are compared over all changes of the box by Wilcoxon's signed-rank test over patients."


def _exchanged(differences: pd.DataFrame) -> str:
    """How boxes were changed by what was measured between annotators."""
    people = len({*differences["from"], *differences["to"]})
    low, middle, high = differences["iou"].quantile([0.25, 0.5, 0.75])
    return (
        "Boxes were not changed by assumed fractions: each was exchanged for another annotator's, by differences drawn "
        f"with replacement from {counted(len(differences) // 2, 'pair')} of boxes that {counted(people, 'annotator')} "
        f"drew independently of each other in {counted(differences['case'].nunique(), 'case')} (median intersection "
        f"over union {middle:.2f}, quartiles {low:.2f} and {high:.2f}). Lesions that one of them alone boxed are not "
        "among these."
    )


def _maps(run: Finished) -> Iterator[str]:
    table = run.table("explanation")
    if table is None:
        return
    names = [METHODS_OF_MAPS.get(name, name) for name in dict.fromkeys(table["map"])]
    everyone = table[(table["outcome"] == "all") & (table["stratum"] == "external")]
    n = int(everyone["n"].max()) if len(everyone) else 0
    with_mask = [m for m in dict.fromkeys(table["metric"]) if m.endswith("_mask")]
    masked = int(
        table.loc[table["metric"].isin(with_mask) & (table["outcome"] == "all"), "n"].max() if with_mask else 0
    )
    against = "the box" if not masked else "mask and box" if masked >= n else f"the box, and the mask in {masked:,}"
    yield (
        f"{listed(names)} maps of {listed(dict.fromkeys(table['model']))} were made for {counted(n, 'external case')}, "
        f"as the mean over the folds' networks, and scored against {against}."
    )
    if run.table("explanation_comparisons") is not None:
        yield "Pairs of networks are compared by Wilcoxon's signed-rank test over patients."
    sanity = run.table("explanation_sanity")
    if sanity is not None:
        yield "The same scores were given to maps of networks whose weights were made random or whose labels permuted."
    if run.table("explanation_stability") is not None:
        yield "Maps under changed boxes were compared with those of the box as drawn by rank correlation."


def _reproducibility(run: Finished) -> Iterator[str]:
    study = run.study
    seed = run.provenance.get("seed", study.study.seed)
    yield f"All randomness comes from the seed {seed}; the preset is “{study.study.preset}”."
    if _shown_crops(run):
        told = "float32" if study.compute.predict == "float32" else "the precision the device is fastest with"
        yield f"Networks told their final probabilities in {told}."
    if engines := run.provenance.get("engines", {}):
        by_engine = {engine: [name for name, said in engines.items() if said == engine] for engine in engines.values()}
        yield f"Frozen backbones ran on {listed([f'{one} ({listed(names)})' for one, names in by_engine.items()])}."
    for name in ("predictions", "folds"):
        if changed_by_hand(run, name):
            yield (
                f"{name}.csv is not as osteon wrote it: a person has changed it since, and this report is of "
                "the changed file."
            )
    yield (
        "Every table of this report is a CSV file in the run folder; from predictions.csv and cohort.csv its metrics, "
        "comparisons, calibration and decision curves can be computed again, without pictures or networks."
    )


def changed_by_hand(run: Finished, name: str) -> bool:
    """Whether a table is another than the one that its step recorded."""
    recorded = run.provenance.get("steps", {}).get(name, {}).get("files", {})
    path = run.file(name)
    return path.is_file() and path.name in recorded and file_digest(path) != recorded[path.name]
