"""From a patient and the lesions in a projection to the attenuation of every ray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from osteon.cohort.synthetic.anatomy import Patient, Scene
from osteon.cohort.synthetic.body import BoneChanges
from osteon.cohort.synthetic.geometry import Field, Grid, bump
from osteon.cohort.synthetic.lesions import Lesion, apply, exostosis, reach, skin_bulge, territory


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """What the detector's pixels see behind the patient.

    Attributes:
        attenuation: (rows, columns) -log of the primary transmission.
        masks: One (rows, columns) bool mask a lesion: its exact extent.
    """

    attenuation: Field
    masks: tuple[np.ndarray, ...]


def trace(patient: Patient, scene: Scene, lesions: Sequence[Lesion], grid: Grid, *, frontal: bool) -> Rays:
    """Follow every ray through limb, bones and lesions.

    Args:
        patient: The body.
        scene: Its projection.
        lesions: Lesions, each in a bone of the scene.
        grid: The detector's pixels, in the scene's mm.
        frontal: Whether the scene is the first of the site's two views.
    """
    shape = (grid.rows, grid.columns)
    bone_film = np.zeros(shape, dtype=np.float32)
    bulge = np.zeros(shape, dtype=np.float32)
    masks = [np.zeros(shape, dtype=bool) for _ in lesions]
    for number, bone in enumerate(scene.bones):
        grain = patient.grain + 7.0 * number
        mine = [index for index, lesion in enumerate(lesions) if lesion.bone == bone.name]
        spurs = {i: exostosis(lesions[i], bone, frontal) for i in mine if lesions[i].stalk}
        whole = replace(bone, additions=tuple(spurs.values()))
        around = 3.0 + max((reach(lesions[i]) for i in mine), default=0.0)
        part = grid.window(np.vstack([bone.outline, *spurs.values()]), around)
        if part is None:
            continue
        window, where = part
        distance = whole.distance(window)
        if mine:
            corners = [territory(lesions[i], bone, frontal, spurs.get(i)) for i in mine]
            near, here = window.window(np.vstack(corners), 0.0) or (window, (slice(None), slice(None)))
            changes = BoneChanges()
            for i in mine:
                applied = apply(
                    lesions[i], whole, (near, distance[here]), frontal=frontal, grain=grain + 3.0 * i, own=spurs.get(i)
                )
                masks[i][where][here] |= applied.mask
                changes = changes.joined(applied.changes)
                spot, width, height = skin_bulge(lesions[i], bone, frontal, spurs.get(i))
                bulge += np.float32(height) * bump(grid.y - spot[1], width) * bump(grid.x - spot[0], width)
            s, u = bone.local(near.x, near.y)
            bone_film[where][here] += whole.mineral(
                s, u, distance[here], grain=grain, quality=patient.quality, changes=changes
            )
            distance[here] = -1.0  # drawn; what is left of the bone is healthy
        bone.draw(bone_film[where], window, distance, grain=grain, quality=patient.quality)
    film = scene.limb.attenuation(grid, patient.grain, bulge)
    for soft in scene.softs:
        soft.add_to(film, grid)
    return Rays(np.maximum(film, 0.0) + bone_film, tuple(masks))
