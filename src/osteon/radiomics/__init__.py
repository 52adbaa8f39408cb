"""Radiomics of a region of a radiograph: 2D IBSI features with numpy and scipy only."""

from __future__ import annotations

from osteon.radiomics.extract import extract, feature_names
from osteon.radiomics.names import REGISTRY, Feature, describe
from osteon.radiomics.settings import Settings

__all__ = ["REGISTRY", "Feature", "Settings", "describe", "extract", "feature_names"]
