"""One radiograph of one patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from osteon.cohort.synthetic.anatomy import VIEWS, Patient, Scene, scene
from osteon.cohort.synthetic.centres import CENTRES, Centre
from osteon.cohort.synthetic.film import Exposure, expose
from osteon.cohort.synthetic.geometry import Grid
from osteon.cohort.synthetic.kinds import DIAGNOSES, sample_host, sample_lesion
from osteon.cohort.synthetic.lesions import Lesion, placed
from osteon.cohort.synthetic.render import trace
from osteon.core.types import Pixels


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a synthetic radiograph.

    Attributes:
        patient: The body.
        site: As in :data:`.anatomy.SITES`.
        view: ``frontal``, ``lateral`` or ``oblique``.
        centre: Name of the hospital.
        lesions: The lesions, in the order of the masks.
        spacing: Pixel spacing, mm.
    """

    patient: Patient
    site: str
    view: str
    centre: str
    lesions: tuple[Lesion, ...]
    spacing: float


class Phantom(NamedTuple):
    """A radiograph with its truth.

    Attributes:
        picture: (H, W) float32 grey levels in [0, 1], bone bright.
        mask: (H, W) bool, the lesions' exact extent; empty for a healthy bone.
        facts: What is true of it.
        masks: One mask a lesion.
    """

    picture: Pixels
    mask: np.ndarray
    facts: Facts
    masks: tuple[np.ndarray, ...]


def radiograph(
    rng: np.random.Generator,
    *,
    lesion: str | None = None,
    site: str | None = None,
    view: str = "frontal",
    age: int | None = None,
    centre: str = "A",
) -> Phantom:
    """Make up a patient and take one radiograph.

    Args:
        rng: Source of randomness.
        lesion: A diagnosis of :data:`.kinds.DIAGNOSES`, or None for a healthy bone.
        site: One of :data:`.anatomy.SITES`; a lesion that does not occur there goes where it does.
        view: One of the site's views; ``lateral`` means ``oblique`` for a hand.
        age: In years; by default as the diagnosis has it.
        centre: Whose equipment.

    Raises:
        KeyError: An unknown diagnosis, site or centre.

    >>> picture, mask, facts, _ = radiograph(np.random.default_rng(1), lesion="giant cell tumor", site="knee")
    >>> picture.shape == mask.shape, facts.lesions[0].label
    (True, 'giant cell tumor')
    """
    hospital = {known.name: known for known in CENTRES}[centre]
    kind = DIAGNOSES[lesion] if lesion else None
    if age is None:
        age = int(rng.triangular(*(kind.ages if kind else (4, 30, 85))))
    patient = Patient.sample(rng, age, str(rng.choice(["F", "M"])))
    lesions: tuple[Lesion, ...] = ()
    if kind:
        host = sample_host(rng, kind, site)
        site = host[0]
        lesions = (sample_lesion(rng, kind, host, patient),)
    site = site or str(rng.choice(list(VIEWS)))
    return take(rng, patient, lesions, (site, view), hospital)


def take(
    rng: np.random.Generator,
    patient: Patient,
    lesions: Sequence[Lesion],
    shot: tuple[str, str],
    centre: Centre,
    text: Sequence[str] = ("SYNTHETIC",),
) -> Phantom:
    """Take a radiograph of a patient.

    Args:
        rng: Source of positioning, exposure and noise.
        patient: The body.
        lesions: In bones of the site.
        shot: One of :data:`.anatomy.SITES`, and ``frontal``, or anything else for the site's second view.
        centre: The hospital.
        text: Lines burned into the picture.
    """
    site, view = shot
    view = VIEWS[site][0 if view == "frontal" else 1]
    frontal = view == "frontal"
    laid = scene(patient, site, view, rng)
    detector = centre.detector
    spacing = round(max(float(rng.uniform(*detector.spacing)), max(laid.field) / 850.0), 3)
    grid = _aim(laid, lesions, frontal, spacing, rng)
    rays = trace(patient, laid, lesions, grid, frontal=frontal)
    picture = expose(rays.attenuation, detector, Exposure(patient.side, tuple(text), spacing), rng)
    mask = np.zeros(picture.shape, dtype=bool)
    for one in rays.masks:
        mask |= one
    facts = Facts(patient, site, view, centre.name, tuple(lesions), spacing)
    return Phantom(picture, mask, facts, rays.masks)


def _aim(laid: Scene, lesions: Sequence[Lesion], frontal: bool, spacing: float, rng: np.random.Generator) -> Grid:
    """Point the tube at the site, moved so far that the lesions and their surroundings are on the film."""
    height, width = np.asarray(laid.field) * rng.uniform(0.94, 1.08)
    middle = np.asarray(laid.centre) + rng.normal(0, 5, 2)
    for lesion in lesions:
        bone = laid.bone(lesion.bone)
        s, u, along, _, _ = placed(lesion, bone, frontal)
        spot = bone.film(np.array([[s, u]]))[0]
        room = np.maximum(np.array([width, height]) * 0.42 - (along + 12.0), 5.0)
        middle = np.clip(middle, spot - room, spot + room)
    return Grid(
        int(height / spacing),
        int(width / spacing),
        spacing,
        float(middle[0] - width / 2),
        float(middle[1] - height / 2),
    )
