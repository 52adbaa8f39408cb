"""Patients and projections: which bones and soft tissues lie where on a film of a site."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from osteon.cohort.synthetic import atlas
from osteon.cohort.synthetic.body import Bone, Limb, Pose, Soft
from osteon.cohort.synthetic.geometry import smooth_outline, tube
from osteon.core.types import Floats

SITES = ("femur", "tibia", "knee", "humerus", "hand")
#: The two projections of each site: a hand's second view is oblique, for in a true lateral the fingers coincide.
VIEWS = {site: ("frontal", "oblique" if site == "hand" else "lateral") for site in SITES}


@dataclass(frozen=True, slots=True)
class Patient:
    """What is the same on all films of a patient.

    Attributes:
        age: Years.
        sex: ``F`` or ``M``.
        side: ``L`` or ``R``.
        size: Bone size relative to the adult drawing.
        quality: Mineral content, 1 in a young adult.
        openness: Of the growth plates, 1 in a young child, 0 in an adult.
        fat: Thickness of subcutaneous fat relative to the drawing.
        girth: Thickness of the limb relative to the drawing.
        habit: Numbers in [-1, 1] that bend the drawing into this patient's own.
        grain: Where in the trabecular texture the patient begins, mm.
    """

    age: int
    sex: str
    side: str
    size: float
    quality: float
    openness: float
    fat: float
    girth: float
    habit: tuple[float, ...]
    grain: float

    @classmethod
    def sample(cls, rng: np.random.Generator, age: int, sex: str) -> Patient:
        """Draw a body for an age and sex."""
        grown = np.interp(age, [2, 6, 10, 14, 17], [0.5, 0.62, 0.76, 0.93, 1.0])
        adult = {"F": 0.94, "M": 1.04}[sex]
        closing = 14.5 if sex == "F" else 16.0
        openness = float(np.interp(age, [4, closing - 1.5, closing, closing + 2, 24], [1.0, 0.75, 0.4, 0.12, 0.0]))
        loss = max(0, age - (48 if sex == "F" else 60)) * (0.011 if sex == "F" else 0.007)
        return cls(
            age=age,
            sex=sex,
            side=str(rng.choice(["L", "R"])),
            size=float(grown * adult * rng.normal(1.0, 0.04)),
            quality=float(np.clip(rng.normal(1.0, 0.1) - loss, 0.5, 1.25)),
            openness=openness,
            fat=float(np.clip(rng.lognormal(0.0, 0.45) * (1.25 if sex == "F" else 0.85), 0.4, 2.6)),
            girth=float(np.clip(rng.normal(1.0, 0.09), 0.8, 1.3)),
            habit=tuple(rng.uniform(-1, 1, 8)),
            grain=float(rng.uniform(0, 128)),
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """A projection: bones in the order of drawing, the limb, and further soft tissue, all in film mm.

    Attributes:
        bones: Bones; a lesion belongs to one of them by name.
        limb: Skin, fat and muscle.
        softs: Tendons, fat pads, lung.
        field: Height and width of the exposed field around the origin, mm.
        centre: What the central ray points at unless a lesion is centred on, mm.
    """

    bones: tuple[Bone, ...]
    limb: Limb
    softs: tuple[Soft, ...]
    field: tuple[float, float]
    centre: tuple[float, float]

    def moved(self, pose: Pose) -> Scene:
        """The whole projection turned or mirrored."""
        centre = pose.apply(np.asarray([self.centre]))[0]
        return replace(
            self,
            bones=tuple(bone.moved(pose) for bone in self.bones),
            limb=self.limb.moved(pose),
            softs=tuple(soft.moved(pose) for soft in self.softs),
            centre=(float(centre[0]), float(centre[1])),
        )

    def bone(self, name: str) -> Bone:
        """The bone of that name."""
        return next(bone for bone in self.bones if bone.name == name)


def scene(patient: Patient, site: str, view: str, rng: np.random.Generator) -> Scene:
    """Lay out a patient's projection, with a radiographer's small inaccuracies of position.

    Args:
        patient: The body.
        site: One of :data:`SITES`.
        view: One of the site's :data:`VIEWS`.
        rng: Source of the positioning's randomness.
    """
    if site == "hand":
        laid = _hand(patient, view, rng)
    elif site == "humerus":
        laid = _shoulder(patient, view, rng)
    else:
        laid = _leg(patient, site, view, rng)
    turn = float(rng.normal(0, 0.05))
    adult = laid.moved(Pose(size=patient.size, mirror=patient.side == "L", angle=turn))
    scale = 0.25 + 0.75 * patient.size
    return replace(adult, field=(laid.field[0] * scale, laid.field[1] * scale))


def _bent(points: atlas.Points | Floats, patient: Patient, rounding: float = 2.5) -> Floats:
    """A drawing bent into the patient's own shape: slightly bowed, broader or slimmer at the ends."""
    outline = smooth_outline(points, rounding)
    a, b, c, d = patient.habit[:4]
    y = outline[:, 1]
    bow = 2.5 * a * np.sin(y / 110.0 + b)
    flare = 1.0 + 0.05 * c * np.exp(-np.square(y / 60.0)) + 0.04 * d
    # A child's shaft is slimmer and its ends less moulded.
    return np.column_stack([outline[:, 0] * flare + bow, y])


def _leg(patient: Patient, site: str, view: str, rng: np.random.Generator) -> Scene:
    frontal = view == "frontal"
    openness = patient.openness
    flexion = 0.0 if frontal else float(rng.uniform(0.1, 0.75) if site == "knee" else rng.uniform(0.0, 0.35))
    knee = Pose(angle=-flexion, pivot=(4.0, -22.0))
    drawings = (
        (atlas.FEMUR_FRONTAL, atlas.TIBIA_FRONTAL, atlas.FIBULA_FRONTAL, atlas.PATELLA_FRONTAL)
        if frontal
        else (atlas.FEMUR_LATERAL, atlas.TIBIA_LATERAL, atlas.FIBULA_LATERAL, atlas.PATELLA_LATERAL)
    )
    femur, tibia, fibula, patella = (_bent(drawing, patient, 1.6) for drawing in drawings)
    bones = [
        Bone("femur", femur, atlas.LONG_BONE, (0.0, 0.0), (0.0, -1.0), physes=(23.0,), capsule=24.0, openness=openness),
        Bone("tibia", tibia, atlas.LONG_BONE, (0.0, 6.0), physes=(15.0,), capsule=14.0, openness=openness).moved(knee),
        Bone(
            "fibula",
            fibula,
            atlas.SMALL_LONG_BONE,
            (-37.0, 19.0) if frontal else (26.0, 19.0),
            physes=(12.0,),
            openness=openness,
        ).moved(knee),
    ]
    cap = Bone("patella", patella, atlas.PATELLA, (-2.0, -26.0) if frontal else (-47.0, -30.0), radius=11.0)
    if patient.age > 4:
        small = Pose(size=float(np.interp(patient.age, [4, 12], [0.5, 1.0])), pivot=cap.origin)
        bones.append(cap.moved(small).moved(replace(knee, angle=knee.angle * 0.55)))
    fat, girth = 7.0 * patient.fat, patient.girth
    if frontal:
        parts = [smooth_outline(drawing, 8.0) for drawing in (atlas.THIGH_FRONTAL, atlas.CALF_FRONTAL)]
        softs: list[Soft] = []
    else:
        condyle = Bone(
            "condyle", _bent(atlas.CONDYLE_LATERAL, patient), atlas.FLAT_BONE, (0.0, 0.0), (0.0, -1.0), radius=14.0
        )
        bones.append(condyle)
        half = replace(knee, angle=knee.angle * 0.55)
        front, softs = _extensor_mechanism(half, knee, fat)
        parts = [smooth_outline(atlas.THIGH_LATERAL, 8.0), knee.apply(smooth_outline(atlas.CALF_LATERAL, 8.0)), front]
    limb = Limb(tuple(_girth(part, girth, fat) for part in parts), 50.0 * girth, 50.0 * girth, fat)
    fields = {"femur": ((300.0, 190.0), (0.0, -110.0)), "tibia": ((300.0, 180.0), (0.0, 110.0))}
    field, centre = fields.get(site, ((235.0, 190.0), (0.0, -4.0)))
    return Scene(tuple(bones), limb, tuple(softs), field, centre)


def _extensor_mechanism(patella: Pose, tibia: Pose, fat: float) -> tuple[Floats, list[Soft]]:
    """The skin in front of a bent knee, and the tendons and fat pads that its lateral view shows."""
    top, front, apex, back = patella.apply(np.array([(-46.0, -52.0), (-58.0, -32.0), (-47.0, -9.0), (-40.0, -22.0)]))
    tuberosity, plateau = tibia.apply(np.array([(-27.0, 40.0), (-26.0, 10.0)]))
    thigh, trochlea = np.array([-34.0, -140.0]), np.array([-22.0, -9.0])
    ahead = np.array([-3.0 - 0.6 * fat, 0.0])
    skin = [
        thigh + ahead * 2,
        top + 2.2 * ahead,
        front + ahead,
        apex + ahead * 1.3,
        tuberosity + ahead,
        tuberosity + 20,
        trochlea,
    ]
    bands = ((thigh, top, 3.5, 0.003), (apex, tuberosity, 2.4, 0.0045))
    tendons = []
    for start, end, half, contrast in bands:
        side = np.array([end[1] - start[1], start[0] - end[0]])
        side = half * side / np.hypot(*side)
        tendons.append(
            Soft(
                smooth_outline(np.array([start + side, end + side, end - side, start - side]), 2.0), 10.0, contrast, 2.0
            )
        )
    hoffa = smooth_outline(np.array([back, trochlea, plateau, tuberosity * 0.7 + plateau * 0.3, apex]), 2.5)
    pads = [Soft(hoffa, 17.0, -0.0026, 5.0), Soft(smooth_outline(atlas.SUPRAPATELLAR_FAT, 4.0), 12.0, -0.0026, 5.0)]
    return smooth_outline(np.array(skin), 7.0), [*tendons, *pads]


def _girth(outline: Floats, girth: float, fat: float) -> Floats:
    """A limb's outline made wider by its muscle and its fat."""
    wide = outline.copy()
    wide[:, 0] = wide[:, 0] * girth + np.tanh(wide[:, 0] / 25.0) * (fat - 7.0)
    return wide


def _shoulder(patient: Patient, view: str, rng: np.random.Generator) -> Scene:
    frontal = view == "frontal"
    abduction = Pose(angle=float(rng.uniform(0.05, 0.3)) if frontal else 0.0)
    drawing = atlas.HUMERUS_FRONTAL if frontal else atlas.HUMERUS_LATERAL
    humerus = Bone(
        "humerus",
        _bent(drawing, patient, 1.8),
        atlas.HUMERUS,
        (0.0, 0.0),
        physes=(20.0,),
        openness=patient.openness,
        capsule=20.0,
    ).moved(abduction)
    flat = [
        Bone("acromion", smooth_outline(atlas.ACROMION, 2.0), atlas.FLAT_BONE, (0.0, -50.0), radius=8.0),
        Bone(
            "clavicle",
            smooth_outline(atlas.CLAVICLE, 2.0),
            atlas.SMALL_LONG_BONE,
            (-4.0, -48.0),
            (1.0, 0.0),
            (0.0, 1.0),
        ),
    ]
    scapula = [
        Bone("scapula", smooth_outline(atlas.SCAPULA, 3.0), atlas.FLAT_BONE, (30.0, -40.0), radius=9.0),
        Bone("coracoid", smooth_outline(atlas.CORACOID, 2.0), atlas.FLAT_BONE, (30.0, -30.0), radius=7.0),
    ]
    fat, girth = 6.0 * patient.fat, patient.girth
    if not frontal:
        limb = Limb((_girth(smooth_outline(atlas.ARM_LATERAL, 8.0), girth, fat),), 44.0 * girth, 44.0 * girth, fat)
        aside = Pose(shift=(-22.0, 4.0))
        return Scene((humerus, flat[0], scapula[1].moved(aside)), limb, (), (250.0, 150.0), (0.0, 70.0))
    ribs = [_rib(level, index) for index, level in enumerate(np.arange(-20, 260, 26.0) + 6 * patient.habit[4])]
    limb = Limb((_girth(smooth_outline(atlas.SHOULDER_FRONTAL, 10.0), girth, fat),), 46.0 * girth, 46.0 * girth, fat)
    softs = (
        Soft(smooth_outline(atlas.ARMPIT, 6.0), 46.0 * girth, -0.016, 14.0),
        Soft(smooth_outline(atlas.LUNG, 10.0), 34.0, -0.0155, 26.0),
    )
    return Scene((humerus, *scapula, *flat, *ribs), limb, softs, (240.0, 200.0), (28.0, 55.0))


def _rib(level: float, index: int) -> Bone:
    """One rib of the chest wall beside the arm, front and back arch in one."""
    t = np.linspace(0, 1, 60)
    steep = 1.0 if index % 2 else -0.55  # the front arch falls, the back arch rises towards the spine
    spine = np.column_stack([84 + 150 * t, level + 70 * steep * t**1.3 - 26 * np.exp(-9 * t)])
    half = (5.0 + 1.5 * t * (steep > 0))[:, None] * np.array([[0.0, 1.0]])
    outline = np.vstack([spine + half, (spine - half)[::-1]])
    return Bone(f"rib {index}", smooth_outline(outline, 2.0), atlas.FLAT_BONE, (80.0, level), (1.0, 0.0), (0.0, 1.0),
                radius=5.0)  # fmt: skip


def _hand(patient: Patient, view: str, rng: np.random.Generator) -> Scene:
    bones: list[Bone] = []
    fingers: list[Floats] = []
    openness = patient.openness
    for name, (x, y, direction, lengths) in atlas.RAYS.items():
        spread = float(rng.normal(0, 2.0)) + 2.0 * patient.habit[int(name)]
        point = np.array([x, y])
        angle = np.deg2rad(direction * (1.1 + 0.25 * patient.habit[0]) + spread)
        joints = [point]
        for index, length in enumerate(lengths):
            distal = index == len(lengths) - 1
            kind = "metacarpal" if index == 0 else ("distal" if distal else ("proximal" if index == 1 else "middle"))
            along = (float(np.sin(angle)), float(-np.cos(angle)))
            growing = (4.0,) if index or name == "1" else (length - 7.0,)
            bones.append(_tubular(f"{kind} {name}", length, (point, along), growing, openness, kind))
            point = point + np.array(along) * (length + (2.0 if openness < 0.5 else 2.6))
            joints.append(point)
            angle += np.deg2rad(rng.normal(0.0, 2.0) - 0.1 * direction * (index == 0))
        fingers.append(_finger(np.asarray(joints[(1 if name != "1" else 0) :]), 11.5 if name != "1" else 13.5))
    for name, points in atlas.CARPALS.items():
        outline = smooth_outline(points, 2.0)
        middle = outline.mean(axis=0)
        appears = {"capitate": 1, "hamate": 1, "triquetrum": 3, "lunate": 4, "pisiform": 10}.get(name, 5)
        if patient.age > appears:
            grown = Pose(
                size=float(np.interp(patient.age - appears, [0, 9], [0.45, 1.0])), pivot=(middle[0], middle[1])
            )
            bones.append(Bone(name, outline, atlas.SHORT_BONE, (middle[0], middle[1]), radius=6.0).moved(grown))
    for name, points, top, level in (
        ("radius", atlas.RADIUS, (-8.0, 0.0), 7.0),
        ("ulna", atlas.ULNA, (17.0, 2.0), 5.0),
    ):
        bones.append(
            Bone(
                name,
                smooth_outline(points, 1.5),
                atlas.SMALL_LONG_BONE,
                top,
                physes=(level,),
                openness=openness,
                radius=11.0,
            )
        )
    fat = 2.2 * patient.fat
    limb = Limb((smooth_outline(atlas.WRIST, 6.0), *fingers), 14.0, 13.0 * patient.girth, fat, fillet=9.0)
    laid = Scene(tuple(bones), limb, (), (285.0, 190.0), (-2.0, -72.0))
    return laid.moved(Pose(squeeze=0.78)) if view == "oblique" else laid


def _tubular(
    name: str,
    length: float,
    axis: tuple[Floats, tuple[float, float]],
    physes: tuple[float, ...],
    openness: float,
    kind: str,
) -> Bone:
    """A metacarpal or phalanx from its base along an axis: broad base, waist, rounded head, or a tuft at the end."""
    base, along = axis
    base_half, waist, head = {
        "metacarpal": (7.5, 4.3, 7.2),
        "proximal": (7.8, 4.8, 6.0),
        "middle": (7.0, 4.2, 5.2),
        "distal": (6.0, 2.9, 4.2),
    }[kind]
    profile = [(0.0, base_half * 0.75), (0.06, base_half), (0.2, base_half * 0.85), (0.45, waist), (0.68, waist * 1.03),
               (0.86, head), (0.95, head * 0.95), (1.0, head * 0.6)]  # fmt: skip
    outline = tube([(t * length, half, half) for t, half in profile], 1.2)
    across = (-along[1], along[0])
    placed = np.asarray(base) + outline[:, 1:] * np.asarray(along) + outline[:, :1] * np.asarray(across)
    thick = 0.38 * waist
    stations = tuple(
        (t * length, wall, 0.95, spongy)
        for t, wall, spongy in (
            (0, 0.5, 1.2),
            (0.15, 0.6, 1.0),
            (0.4, thick, 0.35),
            (0.65, thick, 0.35),
            (0.85, 0.6, 1.0),
            (1.0, 0.5, 1.2),
        )
    )
    return Bone(name, placed, stations, (float(base[0]), float(base[1])), along, across, physes, openness, radius=9.0)


def _finger(joints: Floats, half: float) -> Floats:
    """The soft tissue of one finger along its joints."""
    tip = joints[-1] + 0.0
    start = joints[0] - 8.0 * (joints[1] - joints[0]) / np.hypot(*(joints[1] - joints[0]))
    spine = np.vstack([start, joints[1:-1], tip])
    step = np.gradient(spine, axis=0)
    step /= np.hypot(step[:, 0], step[:, 1])[:, None]
    normal = np.column_stack([-step[:, 1], step[:, 0]])
    width = np.linspace(half, half * 0.72, len(spine))[:, None]
    return smooth_outline(np.vstack([spine + normal * width, (spine - normal * width)[::-1]]), 3.5)
