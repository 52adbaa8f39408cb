"""A cohort of synthetic patients from four hospitals, written as a user would bring it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from osteon.cohort.synthetic.anatomy import VIEWS, Patient
from osteon.cohort.synthetic.centres import CENTRES, Centre
from osteon.cohort.synthetic.kinds import Diagnosis, sample_host, sample_kind, sample_lesion
from osteon.cohort.synthetic.lesions import Lesion
from osteon.cohort.synthetic.radiographs import Phantom, take
from osteon.core.tables import COHORT, write, written
from osteon.core.types import Pixels

_SUFFIX = {"png8": ".png", "png16": ".png", "dicom": ".dcm"}
#: Share of osteochondromas that are multiple, and of pain by class.
_MULTIPLE, _PAIN = 0.2, {"benign": 0.38, "malignant": 0.72, "giant cell tumor": 0.7}


@dataclass(frozen=True, slots=True)
class _Admission:
    """One patient to be made."""

    centre: Centre
    patient_id: str
    label: str
    seed: np.random.SeedSequence


def make_cohort(folder: Path, *, patients: int = 170, seed: int = 0, centres: int = 4, jobs: int = 1) -> Path:
    """Make a synthetic multi-centre cohort: images, exact masks, drawn boxes and clinical columns.

    Centre A is a flat panel (16-bit PNG); B a storage-phosphor reader (12-bit DICOM, partly MONOCHROME1, noisy);
    C a teaching-file export (8-bit PNG, strongly processed, boxes drawn generously); D a digitised film (8-bit PNG,
    unsharp). Centres differ in prevalence, ages and missing items, too. Most patients have a second view; some with
    osteochondromas have two lesions on a film, and so two rows.

    Args:
        folder: Where ``cohort.csv``, ``images`` and ``masks`` go; made if absent. The table is written last.
        patients: Number of patients; about 1.75 radiographs each.
        seed: The same seed gives the same bytes, whatever `jobs` is.
        centres: How many of the four centres, in their order.
        jobs: Processes.

    Returns:
        The path of ``cohort.csv``; columns as in :data:`osteon.core.tables.COHORT`, and ``pain``, ``duration_weeks``
        and ``synthetic``, which is always "yes".

    Raises:
        ValueError: Fewer than one or more than four centres, or fewer than ten patients a centre.
    """
    from joblib import Parallel, delayed

    if not 1 <= centres <= len(CENTRES) or patients < 10 * centres:
        raise ValueError(f"{patients} patients in {centres} centres: give 1 to 4 centres and 10 patients or more each")
    admissions = _admit(CENTRES[:centres], patients, np.random.SeedSequence(seed))
    made = Parallel(n_jobs=jobs)(delayed(_make)(folder, admission) for admission in admissions)
    table = folder / "cohort.csv"
    write(pd.DataFrame([row for rows in made for row in rows]), table, COHORT)
    return table


def _admit(centres: Sequence[Centre], patients: int, seed: np.random.SeedSequence) -> list[_Admission]:
    """Share the patients among the centres and their classes, in random order within a centre."""
    rng = np.random.default_rng(seed)
    shares = np.array([centre.share for centre in centres])
    numbers = np.maximum(np.floor(patients * shares / shares.sum()).astype(int), 8)
    numbers[0] += patients - numbers.sum()
    admissions = []
    for centre, number in zip(centres, numbers, strict=True):
        malignant = max(2, round(number * centre.malignant))
        giant = max(1, round(number * centre.giant_cell))
        labels = ["malignant"] * malignant + ["giant cell tumor"] * giant
        labels += ["benign"] * (number - len(labels))
        admissions += [
            _Admission(centre, f"{centre.name}{index + 1:03d}", str(label), own)
            for index, (label, own) in enumerate(zip(rng.permutation(labels), seed.spawn(number), strict=True))
        ]
    return admissions


def _make(folder: Path, admission: _Admission) -> list[dict[str, Any]]:
    """Make a patient with all films, write them, and return the rows."""
    rng = np.random.default_rng(admission.seed)
    centre, patient_id = admission.centre, admission.patient_id
    kind = sample_kind(rng, admission.label)
    youngest, _, oldest = kind.ages
    age = int(np.clip(rng.triangular(*kind.ages) + centre.older, max(2, youngest - 2), oldest + 3))
    sex = "M" if rng.random() < (0.44 if admission.label == "giant cell tumor" else 0.56) else "F"
    patient = Patient.sample(rng, age, sex)
    site, lesions = lesions_of(rng, kind, patient)
    clinical = _clinical(rng, admission.label, age, sex, site, centre)
    views = list(VIEWS[site]) if rng.random() < centre.second_view else [str(rng.choice(VIEWS[site]))]
    rows = []
    for number, view in enumerate(views, 1):
        film = take(rng, patient, lesions, (site, view), centre, ("SYNTHETIC", f"PHANTOM {patient_id}"))
        stem = f"{patient_id}-{number}"
        image = Path("images") / f"{stem}{_SUFFIX[centre.files]}"
        _write_picture(folder / image, film, centre, patient_id, number, rng)
        for index, (lesion, mask) in enumerate(zip(lesions, film.masks, strict=True)):
            case = stem if len(lesions) == 1 else f"{stem}{'ab'[index]}"
            mask_path = Path("masks") / f"{case}.png"
            _write_png(folder / mask_path, mask.astype(np.uint8) * np.uint8(255))
            rows.append(
                {
                    "case_id": case,
                    "image": image.as_posix(),
                    "centre": centre.name,
                    "label": lesion.label,
                    **dict(zip(("x0", "y0", "x1", "y1"), _drawn_box(rng, mask, centre), strict=True)),
                    "patient_id": patient_id,
                    "mask": mask_path.as_posix(),
                    "view": view,
                    "subtype": lesion.subtype,
                    "synthetic": "yes",
                    **clinical,
                }
            )
    return rows


def lesions_of(rng: np.random.Generator, kind: Diagnosis, patient: Patient) -> tuple[str, tuple[Lesion, ...]]:
    """The site and the lesions of a patient."""
    host = sample_host(rng, kind)
    first = sample_lesion(rng, kind, host, patient)
    if not first.stalk or rng.random() > _MULTIPLE:
        return host[0], (first,)
    others = [other for other in kind.hosts if other[0] == host[0] and other[1] != host[1]]
    if not others:
        return host[0], (first,)
    return host[0], (first, sample_lesion(rng, kind, others[int(rng.integers(len(others)))], patient))


def _clinical(rng: np.random.Generator, label: str, age: int, sex: str, site: str, centre: Centre) -> dict[str, Any]:
    """What the records say, some of it missing."""
    pain = bool(rng.random() < _PAIN[label])
    weeks = float(np.exp(rng.normal(3.3 - 0.7 * (label == "malignant"), 0.9)))
    draws = rng.random(3)
    return {
        # The best-kept records have every age.
        "age": np.nan if draws[0] < 0.4 * (centre.missing - 0.1) else float(age),
        "sex": sex,
        "site": site,
        "pain": "" if draws[1] < centre.missing else ("yes" if pain else "no"),
        "duration_weeks": "" if draws[2] < 1.3 * centre.missing or not pain else str(max(1, round(weeks))),
    }


def _drawn_box(rng: np.random.Generator, mask: np.ndarray, centre: Centre) -> tuple[float, float, float, float]:
    """The box a person would draw: around the lesion, by the centre's habit, on the picture."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x0, x1, y0, y1 = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    size = float(np.sqrt((x1 - x0) * (y1 - y0)))  # as much room on the long sides as on the short ones
    out = size * (centre.box_margin / 2 + rng.normal(0, centre.box_jitter, 4)) + rng.normal(0, 1, 4)
    height, width = mask.shape
    box = np.array([x0 - out[0], y0 - out[1], x1 + out[2], y1 + out[3]]).round()
    box = np.clip(box, 0, [width, height, width, height])
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def _write_picture(
    path: Path, film: Phantom, centre: Centre, patient_id: str, number: int, rng: np.random.Generator
) -> None:
    """Store a film as its centre does."""
    if centre.files == "dicom":
        from osteon.cohort.synthetic.dicom import write_dicom

        with written(path) as beside:
            write_dicom(beside, film, patient_id, number, inverted=bool(rng.random() < 0.6))
        return
    depth: type[np.uint8] | type[np.uint16] = np.uint8 if centre.files == "png8" else np.uint16
    _write_png(path, quantised(film.picture, 8 if depth is np.uint8 else 16).astype(depth))


def quantised(picture: Pixels, bits: int) -> np.ndarray:
    """Grey levels in [0, 1] as (H, W) whole numbers of `bits` bits."""
    return np.asarray(np.rint(picture * np.float32(2**bits - 1)), dtype=np.uint32)


def _write_png(path: Path, pixels: np.ndarray) -> None:
    with written(path) as beside:
        Image.fromarray(pixels).save(beside, format="PNG", compress_level=1)
