"""Synthetic radiographs and cohorts, for the demonstration and the tests.

Drawn from textbook proportions and simulated projection physics; no patient's data are in them. Every picture says
SYNTHETIC.
"""

from __future__ import annotations

from osteon.cohort.synthetic.cohort import make_cohort
from osteon.cohort.synthetic.pretraining import (
    PICTURES_A_PATIENT,
    RADIOGRAPH_SIGNS,
    TEXTURE_CLASSES,
    Pictures,
    pretraining_radiographs,
    pretraining_textures,
)
from osteon.cohort.synthetic.radiographs import Facts, Phantom, radiograph

__all__ = [
    "PICTURES_A_PATIENT",
    "RADIOGRAPH_SIGNS",
    "TEXTURE_CLASSES",
    "Facts",
    "Phantom",
    "Pictures",
    "make_cohort",
    "pretraining_radiographs",
    "pretraining_textures",
    "radiograph",
]
