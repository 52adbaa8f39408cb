"""``[[models]]`` that read columns: their settings, and what the report says of them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from osteon.core.run import Tables
from osteon.core.words import counted, listed
from osteon.study.settings import Count, ModelSettings, Name, Once, Positive, TableName

_RIDGE = "logistic regression with a ridge penalty"
Learner = Literal["elastic-net", "trees", "boosting"]
_LEARNERS = {
    "elastic-net": "elastic-net logistic regression",
    "trees": "800 extremely randomised trees",
    "boosting": "histogram gradient boosting",
}


def _several(value: Any) -> Any:
    """One name as a list of one, and ``auto`` as all learners there are."""
    if value == "auto":
        return get_args(Learner)
    return (value,) if isinstance(value, str) else value


#: Who learns from columns: one, or several of which inner folds choose.
Learners = Annotated[tuple[Learner, ...], BeforeValidator(_several), Once]
_OneOrMore = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


class Radiomics(ModelSettings):
    """``[[models]] kind = "radiomics"``: features of the lesion, with the box, clinical columns and deep features.

    Attributes:
        name: The model's name.
        region: ``mask`` (the box where a case has none) or ``box``.
        bins: Fixed bin number of the discretisation.
        filters: Filtered images to add: ``log-SIGMA``, ``wavelet``, ``gradient``, ``lbp``.
        spacing: Resample to this many mm where the spacing is known; None keeps the pixels.
        learner: ``elastic-net``, ``trees`` (extremely randomised), ``boosting`` (of histograms), a list of these or
            ``auto`` for all: inner folds choose in each fold.
        with_box: Add the box's size and position.
        variables: Add clinical columns.
        deep: Add principal components of what the frozen backbone of this network of the study makes of the crop.
        components: How many.
        correlation: An elastic net's: of two features correlated above this, one is dropped, inside each fold.
        rule: An elastic net's: ``best`` or ``1se`` (the sparsest within one standard error).
        icc: Reliability filter: least ICC(3,1) under box perturbation, below 1; 0 for none.
    """

    kind: Literal["radiomics"] = "radiomics"
    name: Name = "radiomics"
    region: Literal["mask", "box"] = "mask"
    bins: Annotated[int, Field(ge=4, le=256)] = 32
    filters: tuple[str, ...] = ()
    spacing: Positive | None = None
    learner: Annotated[Learners, Field(min_length=1)] = ("elastic-net",)
    with_box: bool = False
    variables: Annotated[tuple[TableName, ...], Once] = ()
    deep: str = ""
    components: Count = 40
    correlation: Annotated[float, Field(gt=0, le=1)] = 0.95
    rule: Literal["best", "1se"] = "best"
    icc: Annotated[float, Field(ge=0, lt=1)] = 0.0
    drawn: ClassVar[tuple[str, int] | None] = ("#E69F00", 4)

    @property
    def masks(self) -> bool:
        """Whether it looks at the lesion's mask, where there is one."""
        return self.region == "mask"

    @property
    def columns(self) -> tuple[str, ...]:
        """Clinical columns of the cohort that it reads."""
        return self.variables

    @property
    def sees_through(self) -> tuple[str, ...]:
        """The network whose frozen backbone it sees through."""
        return (self.deep,) if self.deep else ()

    @property
    def screens(self) -> bool:
        """Whether it is an elastic net that screens features of the picture and the box alone."""
        return self.learner == ("elastic-net",) and not self.variables and not self.deep

    def in_words(self, run: Tables) -> str:
        """The region, the features and how they are chosen."""
        filters = f"; filtered pictures: {listed(self.filters)}" if self.filters else ""
        spacing = f"; resampled to {self.spacing:g} mm where the spacing is known" if self.spacing else ""
        parts = [f"{_learned(self.learner)} on IBSI features of {self._region_in_words(run)}"]
        parts.append(f"{self.bins} grey-level bins{filters}{spacing}")
        parts += ["with the box's size and position"] * self.with_box
        parts += [f"with {listed(self.variables)}"] * bool(self.variables)
        deep = f"the pooled features that the frozen backbone of {self.deep} makes of the crop"
        parts += [f"with {counted(self.components, 'principal component')} of {deep}"] * bool(self.deep)
        parts += [f"features with an ICC under {self.icc:g} between redrawn regions left out"] * bool(self.icc)
        if not self.screens:
            return "; ".join([*parts, _chosen(self.learner)])
        parts.append(
            f"missing features imputed by the median of the training cases, and of two features correlated above "
            f"{self.correlation:g} one left out, all inside the folds"
            if _gaps(run)
            else f"of two features correlated above {self.correlation:g} one left out, inside the folds"
        )
        rule = "the best" if self.rule == "best" else "the sparsest within one standard error of the best"
        parts.append(f"mixing and penalty by inner cross-validation ({rule})")
        return "; ".join(parts)

    def _region_in_words(self, run: Tables) -> str:
        """The region that was measured: a mask only where there was one."""
        if self.region == "box":
            return "the box"
        cohort = run.table("cohort")
        if cohort is None:
            return "the lesion's mask, or of the box where a case has none"
        masked = int((cohort["mask"] != "").sum()) if "mask" in cohort else 0
        if not masked:
            return "the box (no case had a mask)"
        if masked == len(cohort):
            return "the mask"
        return f"the mask in {masked:,} of {len(cohort):,} cases and of the box in the others"


def _learned(learner: tuple[Learner, ...]) -> str:
    """Who learns."""
    names = [_LEARNERS[name] for name in learner]
    return names[0] if len(names) == 1 else f"the best of {listed(names)}"


def _chosen(learner: tuple[Learner, ...]) -> str:
    """What became of the columns, and how the learner was chosen and calibrated."""
    parts = ["numbers imputed by the median and scaled, categories a column a level, inside the folds"]
    if len(learner) > 1:
        parts.append("the learner chosen in each fold by the deviance of inner folds that keep patients whole")
    if learner != ("elastic-net",):
        parts.append("probabilities recalibrated on those of the inner folds (Platt 1999)")
    return "; ".join(parts)


def _gaps(run: Tables) -> bool:
    """Whether any feature of any case is missing."""
    table = run.table("features")
    return table is not None and bool(table.isna().to_numpy().any() or (table == "").to_numpy().any())


class Clinical(ModelSettings):
    """``[[models]] kind = "clinical"``: logistic regression on chosen columns, imputed and encoded inside the folds.

    Attributes:
        name: The model's name.
        variables: Cohort columns.
        learner: As for radiomics; empty takes logistic regression with splines, which has odds ratios.
    """

    kind: Literal["clinical"] = "clinical"
    name: Name = "clinical"
    variables: Annotated[tuple[TableName, ...], Field(min_length=1), Once] = ("age", "sex", "site")
    learner: Learners = ()
    looks: ClassVar[bool] = False
    drawn: ClassVar[tuple[str, int] | None] = ("#56B4E9", 5)

    @property
    def columns(self) -> tuple[str, ...]:
        """Clinical columns of the cohort that it reads."""
        return self.variables

    def in_words(self, run: Tables) -> str:
        """The columns, and what filled their gaps."""
        if self.learner:
            return f"{_learned(self.learner)} on {listed(self.variables)}; {_chosen(self.learner)}"
        return f"{_RIDGE} on {listed(self.variables)}{_imputed(self, run)}"


class Combined(ModelSettings):
    """``[[models]] kind = "combined"``: out-of-fold scores of other models + clinical columns.

    Attributes:
        name: The model's name.
        of: The model that gives the score, or a list of several, whose scores are stacked.
        variables: Clinical columns.
        learner: As for clinical models.
    """

    kind: Literal["combined"] = "combined"
    name: Name = "combined"
    of: Annotated[_OneOrMore, Field(min_length=1), Once]
    variables: Annotated[tuple[TableName, ...], Once] = ("age", "sex", "site")
    learner: Learners = ()
    looks: ClassVar[bool] = False
    drawn: ClassVar[tuple[str, int] | None] = ("#332288", 6)

    @property
    def columns(self) -> tuple[str, ...]:
        """Clinical columns of the cohort that it reads."""
        return self.variables

    @property
    def needs(self) -> tuple[str, ...]:
        """The models that give the scores."""
        return self.of

    def in_words(self, run: Tables) -> str:
        """The score, the columns, and what filled their gaps."""
        scores = f"the out-of-fold score{'s' * (len(self.of) > 1)} of {listed(self.of)}"
        given = f"{scores} and {listed(self.variables)}" if self.variables else scores
        if self.learner:
            return f"{_learned(self.learner)} on {given}; {_chosen(self.learner)}"
        if not self.variables:
            return f"{_RIDGE} on {given}"
        return f"{_RIDGE} on {given}{_imputed(self, run)}"


def _imputed(model: ModelSettings, run: Tables) -> str:
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


class Python(ModelSettings):
    """``[[models]] kind = "python"``: a scikit-learn-like class of your own on chosen columns, which osteon encodes.

    Attributes:
        name: The model's name.
        estimator: ``package.module:Class`` with ``fit(X, y)`` and ``predict_proba(X)``; osteon imports it.
        variables: Cohort columns: numbers imputed by the median and scaled, a column for each level of a category,
            inside the folds.
        with_box: Add the box's size and position.
        settings: Arguments of the class; ``random_state`` comes from the study's seed unless it is given.
    """

    kind: Literal["python"] = "python"
    name: Name
    estimator: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    variables: Annotated[tuple[TableName, ...], Once] = ()
    with_box: bool = False
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Clinical columns of the cohort that it reads."""
        return self.variables

    @property
    def package(self) -> str:
        """The package that the class belongs to."""
        return self.estimator.partition(":")[0].partition(".")[0]

    @model_validator(mode="after")
    def _sees_something(self) -> Self:
        if not self.variables and not self.with_box:
            raise ValueError("name some variables, or set with_box = true: the model would see nothing")
        return self

    def in_words(self, run: Tables) -> str:
        """The class, its settings, and what it sees."""
        given = f" ({listed(f'{name} {value}' for name, value in self.settings.items())})" if self.settings else ""
        seen = [*self.variables, *["the box's size and position"] * self.with_box]
        end = ", numbers imputed by the median and scaled, categories a column a level, inside the folds"
        return f"{self.estimator.replace(':', '.')}{given}, a class of the authors' choice, on {listed(seen)}{end}"


class Box(ModelSettings):
    """``[[models]] kind = "box"``: the box's size and position alone, the shortcut baseline; always run.

    Attributes:
        name: The model's name.
    """

    kind: Literal["box"] = "box"
    name: Name = "box"
    baseline: ClassVar[bool] = True
    drawn: ClassVar[tuple[str, int] | None] = ("#5c5c5c", 7)

    def in_words(self, run: Tables) -> str:
        """The box alone."""
        seen = "the size, shape and position of the box alone"
        return f"{_RIDGE} on {seen}: the shortcut baseline beside every study"
