"""study.toml <-> a frozen Study. Unknown settings are refused, with the nearest known one.

Everything has a default. ``preset = "fair"`` (the default) is the study as it should be run; ``preset = "paper"`` takes
the published settings of the 2026 study (doi 10.1186/s13244-026-02271-y) as far as they are known.
"""

from __future__ import annotations

from osteon.study.file import Study, load, load_settings, register
from osteon.study.kinds import KINDS, Model, default_models
from osteon.study.network import RECIPES, Augment, Network
from osteon.study.plan import Plan, PlanReaders
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
from osteon.study.settings import Count, Fraction, ModelSettings, Name, Once, Positive, Settings, TableName
from osteon.study.tabular import Box, Clinical, Combined, Python, Radiomics

__all__ = [
    "KINDS",
    "RECIPES",
    "Augment",
    "Box",
    "Centres",
    "Clinical",
    "Combined",
    "Compute",
    "Count",
    "Crop",
    "Evaluation",
    "Explain",
    "FiguresSection",
    "Fraction",
    "Model",
    "ModelSettings",
    "Name",
    "Network",
    "Once",
    "Plan",
    "PlanReaders",
    "Positive",
    "Python",
    "Radiomics",
    "Readers",
    "Report",
    "Robustness",
    "Settings",
    "Study",
    "StudySection",
    "TableName",
    "Task",
    "default_models",
    "load",
    "load_settings",
    "register",
]
