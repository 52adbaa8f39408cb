"""Write docs/reference/study.md and pretraining.md from the settings' own docstrings.

python docs/make_study_reference.py
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from osteon import study
from osteon.pretraining import settings as pretraining
from osteon.study import protocol

SECTIONS: list[tuple[str, type[study.Settings]]] = [
    ("[study]", study.StudySection),
    ("[task]", study.Task),
    ("[centres]", study.Centres),
    ("[crop]", study.Crop),
    ('[[models]] kind = "network"', study.Network),
    ("[models.augment], of a network", study.Augment),
    ('[[models]] kind = "radiomics"', study.Radiomics),
    ('[[models]] kind = "clinical"', study.Clinical),
    ('[[models]] kind = "combined"', study.Combined),
    ('[[models]] kind = "python"', study.Python),
    ('[[models]] kind = "box"', study.Box),
    ("[evaluation]", study.Evaluation),
    ("[robustness]", study.Robustness),
    ("[explain]", study.Explain),
    ("[figures]", study.FiguresSection),
    ("[compute]", study.Compute),
    ("[report]", study.Report),
    ("[plan]", study.Plan),
    ("[plan.readers]", study.PlanReaders),
    ("[readers]", protocol.Readers),
    ("[readers.burned_in]", protocol.BurnedIn),
    ("[[readers.people]]", protocol.Person),
    ("[[readers.before]] and [[readers.after]]", protocol.Item),
]
PRETRAINING: list[tuple[str, type[study.Settings]]] = [
    ("[pretraining]", pretraining.Pretraining),
    ("[[sources]]", pretraining.Source),
    ("[pretraining.augment]", study.Augment),
    ("[compute]", study.Compute),
]
TARGET = Path(__file__).parent / "reference" / "study.md"


def described(kind: type[study.Settings]) -> dict[str, str]:
    """What the docstring says of each setting."""
    text = inspect.getdoc(kind) or ""
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text.partition("Attributes:")[2], re.MULTILINE)
    return {name: re.sub(r"\s+", " ", said).replace("``", "`") for name, said in found}


def default(value: Any) -> str:
    """A default as TOML would say it."""
    if value is PydanticUndefined:
        return "required"
    if value == {}:
        return "none"
    if isinstance(value, study.Settings) or (
        isinstance(value, tuple) and any(isinstance(v, study.Settings) for v in value)
    ):
        return "see below"
    if value is None:
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{v}"' if isinstance(v, str) else f"{v:g}" for v in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def by_default(preset: str) -> list[str]:
    """Rows of a table of the models that a study has which names none."""
    rows = []
    every = study.default_models({"age", "sex", "site"}, preset)
    for model in [*every, {"kind": "box", "name": "box"}]:
        said = [
            f"`{name} = {value if isinstance(value, list) else chr(34) + value + chr(34)}`".replace("'", '"')
            for name, value in model.items()
            if name not in ("kind", "name")
        ]
        rows.append(f"| `{model['name']}` | {model['kind']} | {', '.join(said) or '-'} |")
    return rows


def no_models() -> list[str]:
    """What a study is that names no models."""
    head = ["", "| model | kind | settings |", "|---|---|---|"]
    return [
        "",
        "## A study that names no models",
        "",
        "Without any `[[models]]` a study asks whether a network pretrained on medical images beats one pretrained on "
        "photographs, radiomics, and clinical data. All other settings of these models are the defaults above.",
        *head,
        *by_default("fair"),
        "",
        "The clinical and the combined model take those of age, sex and site that the cohort table has as columns; "
        "without any of the three there is neither. The primary contrast, unless `[evaluation] primary` names one, is "
        "between the first two models.",
        "",
        "Networks start from weights files, which osteon never downloads by itself. Of these default networks, those "
        "are left out whose weights are not on this machine; `osteon check`, `osteon run` and the report say which, "
        "and how to get them ([weights](../how-to/weights.md)). The combined model is then made from the first model "
        "that is left. So a study that names no models runs anywhere; a study that *names* a model whose weights are "
        "absent is refused.",
        "",
        'With `[study] preset = "paper"` the networks are, with `margin = 0.0` in `[crop]`:',
        *head,
        *(row for row in by_default("paper") if "| network |" in row),
    ]


def section(title: str, kind: type[study.Settings]) -> list[str]:
    """A group of settings as a table."""
    said = described(kind)
    lines = ["", f"## {title}", "", "| setting | default | what it is |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        if name != "kind" or kind is protocol.Item:
            usual = default(field.get_default(call_default_factory=True))
            lines.append(f"| `{name}` | {usual} | {said.get(name, '').replace('|', '/')} |")
    return lines


def pretraining_page() -> str:
    """The page of what 'osteon pretrain' is told."""
    lines = [
        "# The settings of osteon pretrain",
        "",
        "Made from the settings' own descriptions by `python docs/make_study_reference.py`. Unknown settings are "
        "refused, with the nearest known one. Paths are relative to the file. The guide is "
        "[here](../how-to/pretrain.md).",
    ]
    return "\n".join([*lines, *(line for title, kind in PRETRAINING for line in section(title, kind))]) + "\n"


def page() -> str:
    """The whole page."""
    lines = [
        "# The study file",
        "",
        "Made from the settings' own descriptions by `python docs/make_study_reference.py`. Unknown settings are "
        "refused, with the nearest known one. Paths are relative to the study file.",
    ]
    for title, kind in SECTIONS:
        lines += section(title, kind)
    recipes = ["", "## Recipes", "", "What a network's `recipe` sets unless the study says otherwise.", ""]
    for recipe, settings in study.RECIPES.items():
        plain = {k: v for k, v in settings.items() if k != "augment"}
        recipes.append(f"- `{recipe}`: " + ", ".join(f"{name} {default(value)}" for name, value in plain.items()))
    return "\n".join([*lines, *recipes, *no_models()]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    TARGET.with_name("pretraining.md").write_text(pretraining_page(), encoding="utf-8")
