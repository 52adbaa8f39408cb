"""Four hospitals that share nothing but the disease: equipment, files, patients and habits of annotation."""

from __future__ import annotations

from dataclasses import dataclass

from osteon.cohort.synthetic.film import Detector


@dataclass(frozen=True, slots=True)
class Centre:
    """A hospital.

    Attributes:
        name: As in the cohort table.
        share: Of the cohort's patients.
        detector: Its equipment.
        files: ``png16``, ``png8`` or ``dicom``.
        malignant: Share of malignant tumours among its patients.
        giant_cell: Share of giant cell tumours.
        older: Years by which its patients are older than usual for their tumour.
        box_margin: Mean margin of its drawn boxes around the lesion, as a share of the lesion's size.
        box_jitter: Standard deviation of each drawn side, likewise.
        second_view: Probability that a patient has the second view too.
        missing: Probability that a clinical item was not recorded.
    """

    name: str
    share: float
    detector: Detector
    files: str
    malignant: float
    giant_cell: float
    older: float = 0.0
    box_margin: float = 0.12
    box_jitter: float = 0.05
    second_view: float = 0.8
    missing: float = 0.1


CENTRES: tuple[Centre, ...] = (
    Centre(
        "A",
        0.48,
        Detector(edge=0.25, curve=1.35, equalisation=0.6, window=(8.0, 99.7)),
        "png16",
        malignant=0.25,
        giant_cell=0.09,
    ),
    Centre(
        "B",
        0.20,
        Detector(
            spacing=(0.42, 0.5), photons=14.0, electronic=0.0012, blur=0.26, scatter=0.35, equalisation=0.65, edge=0.0,
            curve=1.1, toe=0.0, window=(9.0, 99.8), shutter="white", collimation=(0.84, 0.95), marker="circled",
        ),
        "dicom",
        malignant=0.34,
        giant_cell=0.10,
        older=4.0,
        box_margin=0.1,
        second_view=0.9,
        missing=0.25,
    ),
    Centre(
        "C",
        0.17,
        Detector(
            spacing=(0.3, 0.44), photons=30.0, electronic=0.0006, blur=0.17, scatter=0.2, equalisation=0.7, edge=1.3,
            curve=1.35, toe=0.7, window=(10.0, 99.4), shutter="none", collimation=(1.0, 1.0), marker="initials",
        ),
        "png8",
        malignant=0.40,
        giant_cell=0.12,
        older=-3.0,
        box_margin=0.28,
        box_jitter=0.09,
        second_view=0.45,
        missing=0.4,
    ),
    Centre(
        "D",
        0.15,
        Detector(
            spacing=(0.44, 0.55), photons=26.0, electronic=0.001, blur=0.27, scatter=0.22, heel=0.15, equalisation=0.6,
            edge=0.0, curve=1.3, toe=0.4, window=(8.0, 99.8), shutter="black", collimation=(0.9, 1.0), marker="film",
            grain=0.8,
        ),
        "png8",
        malignant=0.20,
        giant_cell=0.06,
        older=6.0,
        box_margin=0.16,
        box_jitter=0.06,
        second_view=0.7,
        missing=0.15,
    ),
)  # fmt: skip
