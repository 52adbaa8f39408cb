"""``[[models]]``: the kinds of model that a study may name, and the models of a study that names none."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from osteon.study.network import Network
from osteon.study.settings import ModelSettings
from osteon.study.tabular import Box, Clinical, Combined, Python, Radiomics

#: The kinds of model that a study may name; :func:`register` adds to them.
KINDS: dict[str, type[ModelSettings]] = {
    kind.model_fields["kind"].default: kind for kind in (Network, Radiomics, Clinical, Combined, Python, Box)
}


class _OfAnyKind:
    """Tells pydantic to choose a model's settings by its ``kind``, among those there are by now."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        choices = {name: handler.generate_schema(kind) for name, kind in KINDS.items()}
        return core_schema.tagged_union_schema(choices, discriminator="kind")


Model = Annotated[ModelSettings, _OfAnyKind]


def default_models(columns: set[str], preset: str) -> list[dict[str, Any]]:
    """The models of a study that names none: the question of the 2026 paper, asked of this cohort.

    Args:
        columns: The cohort's columns; clinical models use age, sex and site where they exist.
        preset: ``fair`` or ``paper``.
    """
    recipe = "paper" if preset == "paper" else "frozen"
    backbones = ("resnet50", "inception_v3") if preset == "paper" else ("resnet50",)
    models: list[dict[str, Any]] = [
        {
            "kind": "network",
            "name": f"{backbone}-{weights}",
            "backbone": backbone,
            "weights": weights,
            "recipe": recipe,
        }
        for backbone in backbones
        for weights in ("radimagenet", "imagenet")
    ]
    models.append({"kind": "radiomics", "name": "radiomics"})
    clinical = [name for name in ("age", "sex", "site") if name in columns]
    if clinical:
        models.append({"kind": "clinical", "name": "clinical", "variables": clinical})
        models.append({"kind": "combined", "name": "combined", "of": models[0]["name"], "variables": clinical})
    return models
