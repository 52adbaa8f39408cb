"""study.toml <-> a frozen Study. Unknown settings are refused, with the nearest known one."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import tomli_w
from pydantic import Field, ValidationError, model_validator

from osteon.core.cells import plain
from osteon.core.errors import StudyError, suggest
from osteon.core.tables import columns, contents, written
from osteon.study.kinds import KINDS, Model, default_models
from osteon.study.plan import Plan
from osteon.study.protocol import Readers
from osteon.study.report import Report
from osteon.study.sections import (
    Centres,
    Compute,
    Crop,
    Evaluation,
    Explain,
    FiguresSection,
    Robustness,
    StudySection,
    Task,
)
from osteon.study.settings import ModelSettings, Settings


class Study(Settings):
    """A whole study.

    ``folder`` is where its file lies; paths in it are relative to that. ``by_default`` says that the file names no
    models, so that the study has those of :func:`osteon.study.default_models`.
    """

    study: StudySection = StudySection()
    task: Task = Task()
    centres: Centres
    crop: Crop = Crop()
    models: Annotated[tuple[Model, ...], Field(min_length=1)]
    evaluation: Evaluation = Evaluation()
    robustness: Robustness = Robustness()
    explain: Explain = Explain()
    figures: FiguresSection = FiguresSection()
    compute: Compute = Compute()
    readers: Readers | None = None
    plan: Plan | None = None
    report: Report | None = None
    folder: Annotated[Path, Field(exclude=True)] = Path()
    by_default: Annotated[bool, Field(exclude=True)] = False

    @model_validator(mode="before")
    @classmethod
    def _always_a_box_baseline(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("models"), list | tuple):
            kinds = [m.get("kind") if isinstance(m, dict) else getattr(m, "kind", None) for m in given["models"]]
            if "box" not in kinds:
                given = {**given, "models": [*given["models"], {"kind": "box", "name": "box"}]}
        return given

    @model_validator(mode="after")
    def _names_agree(self) -> Study:
        names = [model.name for model in self.models]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two models are named '{name}'")
            alike = [other for other in names if other != name and plain(other) == plain(name)]
            if alike:
                raise ValueError(f"the models '{name}' and '{alike[0]}' differ in case or spaces only")
        for index, model in enumerate(self.models):
            for of in model.needs:
                if of not in names:
                    raise ValueError(f"models[{index}].of: no model '{of}'. {suggest(of, names)}")
                if self.model(of).needs:
                    raise ValueError(f"models[{index}].of: '{of}' is itself a combined model")
            for of in model.sees_through:
                if of not in names:
                    raise ValueError(f"models[{index}].deep: no model '{of}'. {suggest(of, names)}")
        for name in self.evaluation.primary:
            if name not in names:
                raise ValueError(f"evaluation.primary: no model '{name}'. {suggest(name, names)}")
        if self.plan and self.plan.auc == self.plan.auc_other and self.evaluation.margin is None:
            raise ValueError("plan.auc and auc_other are equal: there is no difference to find; a margin would be")
        if self.readers and self.readers.model and self.readers.model not in names:
            told = self.readers.model
            raise ValueError(f"readers.model: no model '{told}'. {suggest(told, names)}")
        return self

    def model(self, name: str) -> ModelSettings:
        """The model of that name."""
        return next(model for model in self.models if model.name == name)

    def looks(self, model: ModelSettings) -> bool:
        """Whether a model, or one that it is made from, looks at the box or the picture at all."""
        return model.looks or any(self.model(name).looks for name in model.needs)

    def made_once(self, model: ModelSettings) -> str:
        """Why a model is not made again for every bootstrap sample of patients; "" where it is."""
        others = [name for name in model.needs if self.model(name).made_once]
        return model.made_once or (f"it is made from {others[0]}, which is made once" if others else "")

    @property
    def primary(self) -> tuple[str, str]:
        """The primary pair; the first two models unless the study names others."""
        first = [model.name for model in self.models][:2]
        pair = self.evaluation.primary or tuple(first)
        return (pair[0], pair[-1])

    @property
    def cohort_path(self) -> Path:
        """Where the cohort table lies."""
        return self.folder / self.study.cohort

    @property
    def run_path(self) -> Path:
        """Where the run goes."""
        return self.folder / self.study.output

    def without(self, names: Collection[str]) -> Study:
        """The same study with fewer models; what was made from those alone is made from the first that is left."""
        left = [model for model in self.models if model.name not in names]
        first = left[0].name if left else ""

        def of(model: ModelSettings) -> tuple[str, ...]:
            return tuple(name for name in model.needs if name not in names) or (first,)

        models = tuple(
            model.model_copy(update={"of": of(model)}) if set(model.needs) & set(names) else model for model in left
        )
        return self.model_copy(update={"models": models})

    def as_run(self) -> Study:
        """The same study with the models that its finished run has, where its file names none."""
        file = self.run_path / "study.toml"
        if not (self.by_default and file.is_file()):
            return self
        made = [model.name for model in load(file).models]
        left = self.without([model.name for model in self.models if model.name not in made])
        return left.model_copy(update={"by_default": False}) if left.models else self

    def relocated(self, folder: Path) -> Study:
        """The same study as a file in another folder would say it: every path relative to that folder."""

        def moved(path: str) -> str:
            return Path(os.path.relpath(self.folder / path, folder)).as_posix()

        section = self.study.model_copy(
            update={name: moved(getattr(self.study, name)) for name in ("cohort", "output", "weights")}
        )
        if section.agreement:
            section = section.model_copy(update={"agreement": moved(section.agreement)})
        models = tuple(model.relocated(moved) for model in self.models)
        plan = self.plan
        if plan and plan.readers and plan.readers.pilot:
            pilot = plan.readers.model_copy(update={"pilot": moved(plan.readers.pilot)})
            plan = plan.model_copy(update={"readers": pilot})
        robustness = self.robustness
        if robustness.differences:
            robustness = robustness.model_copy(update={"differences": moved(robustness.differences)})
        told = {"study": section, "models": models, "robustness": robustness, "plan": plan, "folder": folder}
        return self.model_copy(update=told)

    def to_toml(self) -> str:
        """The resolved study, every default written out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True), multiline_strings=False)

    def write(self, path: Path) -> None:
        """Write the resolved study, atomically."""
        with written(path) as beside:
            beside.write_text(self.to_toml(), encoding="utf-8")


def register(kind: type[ModelSettings]) -> None:
    """Let studies name one more kind of model."""
    KINDS[kind.model_fields["kind"].default] = kind
    Study.model_rebuild(force=True)


Group = TypeVar("Group", bound=Settings)


def load_settings(path: Path, kind: type[Group]) -> Group:
    """Read another settings file than a study's: ``folder`` is where it lies.

    Args:
        path: A TOML file.
        kind: What it holds; has a field ``folder``.

    Raises:
        StudyError: As for :func:`load`.
    """
    if not path.is_file():
        raise StudyError("no such file", file=path)
    given = _parsed(path)
    if "folder" in given:
        raise StudyError("unknown setting 'folder'", file=path)
    try:
        return kind.model_validate({**given, "folder": path.parent})
    except ValidationError as error:
        raise _explained(error, path, kind) from None


def load(path: str | Path) -> Study:
    """Read a study file.

    Args:
        path: A ``study.toml``.

    Returns:
        The study with every default filled in.

    Raises:
        StudyError: The file is absent, not TOML, or holds an unknown or impossible setting.
        TableError: No models are named, and the cohort table, whose columns decide which are taken, cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "study.toml"
    given = _parsed(path)
    for name in ("folder", "by_default"):  # which are osteon's own to fill in
        if name in given:
            raise StudyError(f"unknown setting '{name}'", file=path, fix=suggest(name, _known_settings((name,))))
    folder = path.parent
    section = given.get("study")
    section = section if isinstance(section, dict) else {}
    preset = section.get("preset", "fair")
    if preset == "paper" and isinstance(given.setdefault("crop", {}), dict):
        given["crop"].setdefault("margin", 0.0)
    by_default = "models" not in given
    if by_default:
        cohort = folder / str(section.get("cohort", "cohort.csv"))
        # An absent cohort is told by whoever reads it.
        given["models"] = default_models(set(columns(cohort)) if cohort.is_file() else set(), preset)
    try:
        return Study(**given, folder=folder, by_default=by_default)
    except ValidationError as error:
        raise _explained(error, path) from None


def _parsed(path: Path) -> dict[str, Any]:
    """What a TOML file says, in any Unicode encoding."""
    try:
        text = contents(path, error=StudyError, fix="Save it as UTF-8 text.")
    except FileNotFoundError:
        raise StudyError("no such study file", file=path, fix="'osteon demo' makes an example.") from None
    except IsADirectoryError:
        raise StudyError("not a TOML file (it is a folder)", file=path) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = text.splitlines()[int(place[1]) - 1].strip()[:80] if place else ""
        fix = None
        if set(line) & set("\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb"):
            fix = 'Quotes have to be straight: " and not \u201c or \u201d.'
        elif "\\" in line:
            fix = "Write paths with /, or between single quotes."
        elif re.search(r"[=\[,]\s*0\d", line):
            fix = "Put quotes around a number that begins with 0."
        said = f"{error}: {line}" if line else str(error)
        raise StudyError(f"not a TOML file ({said})", file=path, fix=fix) from None


def _explained(error: ValidationError, path: Path, root: type[Settings] = Study) -> StudyError:
    """The first complaint of pydantic as a sentence a radiologist can act on."""
    complaints = error.errors(include_url=False)
    # A misspelt section is also a missing one: the misspelling is the news.
    first = next((c for c in complaints if c["type"] == "extra_forbidden"), complaints[0])
    # A setting of several forms adds the form to its place, such as "literal['all']", which is no name of ours.
    steps = [step for step in first["loc"] if step not in KINDS and not re.search(r"[\[(]", str(step))]
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    if first["type"] == "extra_forbidden":
        known = _known_settings(first["loc"], root)
        return StudyError(f"unknown setting '{place}'", file=path, fix=suggest(str(steps[-1]), known))
    if first["type"] == "missing":
        return StudyError(
            f"the setting '{place}' is missing",
            file=path,
            fix=f"Add it, e.g. {_EXAMPLES.get(place, place + ' = ...')}.",
        )
    if first["type"] == "union_tag_invalid" or first["type"] == "union_tag_not_found":
        return StudyError(f"'{place}' needs a kind", file=path, fix=f"Choose one of {', '.join(KINDS)}.")
    message = first["msg"].removeprefix("Value error, ").replace("a valid tuple", 'a list, such as ["1"]')
    if first["type"] == "string_pattern_mismatch":
        message = "a name begins with a plain letter or digit, then has these, _ and -; a model's also spaces , . +"
    value = first.get("input")
    shown = f" (it is {value!r})" if isinstance(value, str | int | float | bool) else ""
    return StudyError(f"'{place}': {message}{shown}" if place else message, file=path)


_EXAMPLES = {"centres": '[centres] development = ["1"]', "centres.development": 'development = ["1"]'}


def _known_settings(location: tuple[int | str, ...], root: type[Settings] = Study) -> list[str]:
    """The settings that exist where an unknown one was found."""
    here = root
    for step in location[:-1]:
        if isinstance(step, int) or step == "models":
            continue
        if step in KINDS:
            here = KINDS[str(step)]
            continue
        annotation = here.model_fields[str(step)].annotation
        # the group itself, or the group inside `Readers | None` and `tuple[Person, ...]`
        inside = (annotation, *get_args(annotation))
        here = next((kind for kind in inside if isinstance(kind, type) and issubclass(kind, Settings)), here)
    return [name for name in here.model_fields if name not in ("folder", "by_default")]
