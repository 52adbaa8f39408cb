"""What each diagnosis looks like, and how much the diagnoses overlap.

Every kind has an age range, places it prefers and ranges of its signs. One number, its aggressiveness, moves margin,
rim, breach, permeation, reaction and mass together; kinds differ in how it is distributed, and one lesion in 25 draws
it from the other side, so that no sign decides alone. Langerhans cell histiocytosis is benign and looks like a Ewing
sarcoma; a low-grade chondrosarcoma looks like an enchondroma; a giant cell tumour is as sharp as a cyst.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from osteon.cohort.synthetic.anatomy import Patient
from osteon.cohort.synthetic.lesions import Lesion

Range = tuple[float, float]
Host = tuple[str, str, float, float]  # site, bone, least and greatest level in adult mm

_KNEE_METAPHYSIS: tuple[Host, ...] = (
    ("knee", "femur", 38, 75), ("knee", "tibia", 28, 62), ("femur", "femur", 45, 90), ("tibia", "tibia", 32, 75),
)  # fmt: skip
_SHAFTS: tuple[Host, ...] = (("femur", "femur", 95, 190), ("tibia", "tibia", 85, 180), ("humerus", "humerus", 60, 120))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A diagnosis.

    Attributes:
        subtype: Its name.
        label: ``benign``, ``malignant`` or ``giant cell tumor``.
        frequency: Relative frequency within its class.
        ages: Least, most frequent and greatest age.
        hosts: Where it sits.
        aggressiveness: The two parameters of its beta distribution.
        signs: Ranges of :class:`.lesions.Lesion` attributes; the rest follow from aggressiveness.
        matrix: Its mineralised matrix.
        reactions: Periosteal reactions it can have.
    """

    subtype: str
    label: str
    frequency: float
    ages: tuple[int, int, int]
    hosts: tuple[Host, ...]
    aggressiveness: tuple[float, float]
    signs: Mapping[str, Range] = field(default_factory=dict)
    matrix: str = "none"
    reactions: tuple[tuple[str, ...], ...] = (("solid",), ("lamellated",))


_HAND: tuple[Host, ...] = tuple(
    ("hand", f"{bone} {ray}", low, high)
    for bone, low, high in (("proximal", 10, 26), ("middle", 7, 15), ("metacarpal", 18, 42))
    for ray in "2345"
)

DIAGNOSES: dict[str, Diagnosis] = {
    kind.subtype: kind
    for kind in (
        Diagnosis("non-ossifying fibroma", "benign", 1.0, (5, 13, 30), (*_KNEE_METAPHYSIS, ("tibia", "fibula", 40, 80)),
             (1.5, 8), {"length": (14, 34), "width": (0.45, 0.78), "offset": (0.75, 1.0), "lobulation": (0.14, 0.26),
                        "swelling": (0, 1.6), "rim": (0.5, 1.0), "scalloping": (0.5, 0.9), "septa": (0.1, 0.8)}),
        Diagnosis("simple bone cyst", "benign", 0.8, (3, 11, 24), (*(("humerus", "humerus", 42, 85),) * 3,
             ("femur", "femur", 70, 120), ("tibia", "tibia", 50, 90)),
             (1.5, 8), {"length": (18, 42), "width": (0.75, 0.98), "offset": (0, 0.25), "lobulation": (0.03, 0.12),
                        "swelling": (0, 3), "rim": (0.1, 0.5), "scalloping": (0.6, 0.85), "septa": (0, 0.4)}),
        Diagnosis("osteochondroma", "benign", 1.2, (6, 20, 65), (*_KNEE_METAPHYSIS, ("humerus", "humerus", 45, 90)),
             (1.2, 6), {"length": (10, 20), "width": (0.5, 0.8), "stalk": (20, 58), "lobulation": (0.1, 0.9),
                        "mineralisation": (0.1, 1.0), "rim": (0.4, 1.0)}),
        Diagnosis("enchondroma", "benign", 1.0, (12, 35, 75), (*_HAND, *(("humerus", "humerus", 45, 90),) * 8,
             *(("femur", "femur", 60, 120),) * 8),
             (1.5, 8), {"length": (13, 36), "width": (0.6, 0.92), "offset": (0, 0.4), "lobulation": (0.1, 0.25),
                        "swelling": (0, 1.2), "rim": (0.1, 0.6), "scalloping": (0.3, 0.8), "mineralisation": (0.2, 1.1),
                        "lysis": (0.7, 0.92)}, matrix="chondroid"),
        Diagnosis("fibrous dysplasia", "benign", 0.5, (6, 22, 60), _SHAFTS,
             (1.5, 8), {"length": (20, 40), "width": (0.65, 0.95), "offset": (0, 0.5), "swelling": (0.5, 3),
                        "rim": (0.4, 0.9), "mineralisation": (0.5, 1.1), "lysis": (0.7, 0.92)}, matrix="ground glass"),
        Diagnosis("aneurysmal bone cyst", "benign", 0.45, (5, 16, 45), (
                  *_KNEE_METAPHYSIS, ("humerus", "humerus", 45, 90), *_HAND[8:]),
             (2.5, 5), {"length": (16, 38), "width": (0.6, 0.95), "offset": (0.5, 1.0), "swelling": (3, 9),
                      "rim": (0.0, 0.4), "scalloping": (0.75, 0.92), "lysis": (0.8, 0.95), "septa": (0.4, 1.1)}),
        Diagnosis("Langerhans cell histiocytosis", "benign", 0.22, (2, 9, 30), _SHAFTS,
             (5, 3), {"length": (12, 32), "width": (0.5, 0.92), "offset": (0, 0.5), "lobulation": (0.1, 0.2),
                      "mass": (0, 0)}),
        Diagnosis("giant cell tumor", "giant cell tumor", 1.0, (18, 32, 60), (
             *(("knee", "femur", 14, 34), ("knee", "tibia", 12, 28)) * 3, ("femur", "femur", 16, 36),
             ("tibia", "tibia", 12, 28), ("hand", "radius", 10, 18), ("hand", "radius", 10, 18)),
             (3, 4), {"length": (12, 26), "width": (0.35, 0.62), "offset": (0.4, 0.9), "lobulation": (0.06, 0.18),
                      "rim": (0.0, 0.12), "swelling": (0.5, 5), "scalloping": (0.7, 0.92), "lysis": (0.75, 0.95),
                      "septa": (0, 0.9)},
             reactions=(("solid",),)),
        Diagnosis("osteosarcoma", "malignant", 1.4, (7, 16, 70), (*_KNEE_METAPHYSIS, ("humerus", "humerus", 40, 85)),
             (7, 2), {"length": (12, 32), "width": (0.45, 0.85), "offset": (0.2, 0.9), "mineralisation": (0.05, 1.0),
                        "lysis": (0.65, 0.92), "lobulation": (0.1, 0.25)}, matrix="osteoid",
             reactions=(("spiculated",), ("spiculated", "codman"), ("codman",), ("lamellated", "codman"))),
        Diagnosis("Ewing sarcoma", "malignant", 0.8, (4, 14, 35), _SHAFTS,
             (7, 2), {"length": (14, 34), "width": (0.7, 1.0), "offset": (0, 0.5), "lysis": (0.72, 0.94)},
             reactions=(("lamellated",), ("lamellated", "codman"), ("spiculated",))),
        Diagnosis("chondrosarcoma", "malignant", 0.7, (30, 58, 85), (*(("humerus", "humerus", 45, 100),) * 3,
             *(("femur", "femur", 55, 130),) * 3, ("knee", "tibia", 28, 60), *_HAND[:3]),
             (4, 2.5), {"length": (12, 34), "width": (0.65, 0.98), "offset": (0, 0.5), "mineralisation": (0.2, 1.1),
                      "swelling": (0.5, 4), "scalloping": (0.6, 0.92), "lobulation": (0.12, 0.25)},
             matrix="chondroid", reactions=(("solid",),)),
        Diagnosis("metastasis", "malignant", 0.6, (45, 66, 90), (*_SHAFTS, ("knee", "femur", 30, 70)),
             (5, 2.5), {"length": (9, 28), "width": (0.45, 0.92), "offset": (0, 0.9), "lysis": (0.75, 0.96)}),
    )
}  # fmt: skip


def sample_kind(rng: np.random.Generator, label: str) -> Diagnosis:
    """Draw a diagnosis of a class by its frequency."""
    kinds = [kind for kind in DIAGNOSES.values() if kind.label == label]
    weights = np.array([kind.frequency for kind in kinds])
    return kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]


def sample_host(rng: np.random.Generator, kind: Diagnosis, site: str | None = None) -> Host:
    """Draw where a lesion of a kind sits, in a given site if the kind occurs there, else where it pleases."""
    hosts = [host for host in kind.hosts if host[0] == site] or list(kind.hosts)
    return hosts[int(rng.integers(len(hosts)))]


def sample_lesion(rng: np.random.Generator, kind: Diagnosis, host: Host, patient: Patient) -> Lesion:
    """Draw one lesion's measurements.

    Args:
        rng: Source of randomness.
        kind: The diagnosis.
        host: Site, bone and range of levels.
        patient: Whose size scales the lesion.
    """
    _, bone, lowest, highest = host
    g = float(rng.beta(*kind.aggressiveness))
    if rng.random() < 0.04:  # atypical: as quiet, or as wild, as the other side's lesions
        g = 1.0 - g
    small = 0.62 if any(part in bone for part in ("proximal", "middle", "metacarpal")) else 1.0
    small = 0.7 if bone in ("radius", "fibula") else small
    size = patient.size * small
    loud = float(np.clip(g + rng.normal(0, 0.08), 0, 1))
    signs: dict[str, float] = {
        "margin": (0.9 + 7.0 * loud**1.6) * patient.size * max(small, 0.6),
        "rim": float(np.clip(rng.normal(1.0 - 1.7 * loud, 0.2), 0, 1)),
        "lobulation": float(rng.uniform(0.06, 0.2)),
        "scalloping": float(rng.uniform(0.3, 0.85)),
        "lysis": float(rng.uniform(0.78, 0.96)),
        "breach": float(np.clip(rng.uniform(0.8, 1.8) * (loud - 0.35), 0, 0.95)),
        "permeation": float(np.clip(rng.uniform(1.2, 2.6) * (loud - 0.42), 0, 0.9)),
        "mass": float(max(0.0, rng.uniform(5, 20) * (loud - 0.5)) * size),
        "swelling": 0.0,
    }
    quiet_rim = signs["rim"]
    for name, (low, high) in kind.signs.items():
        value = float(rng.uniform(low, high))
        signs[name] = value * size if name in ("length", "swelling", "stalk") else value
    if "rim" in kind.signs:  # an aggressive lesion of a kind that has a rim loses it
        signs["rim"] *= 0.35 + 0.65 * quiet_rim
    active = rng.random() < np.clip(2.0 * (loud - 0.3), 0, 0.95) and not signs.get("stalk")
    reaction = kind.reactions[int(rng.integers(len(kind.reactions)))] if active else ()
    tall = {"solid": (1.2, 2.5), "lamellated": (3.0, 6.5), "spiculated": (5.0, 11.0), "codman": (4.0, 7.0)}
    height = max((float(rng.uniform(*tall[name])) for name in reaction), default=0.0)
    return Lesion(
        subtype=kind.subtype,
        label=kind.label,
        bone=bone,
        level=float(rng.uniform(lowest, highest)) * patient.size,
        azimuth=float(rng.uniform(0, 2 * np.pi)),
        matrix=kind.matrix,
        reaction=reaction,
        reaction_height=height * size,
        phases=tuple(rng.uniform(0, 2 * np.pi, 8)),
        **signs,
    )
