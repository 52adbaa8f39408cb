"""Bone lesions: what one is made of, and what it does to the bone it sits in.

A lesion is a frozen set of measurements sampled once. Applied to a bone in a projection it yields
:class:`.body.BoneChanges` and the exact mask of its extent. The signs are those of Lodwick's and
Madewell's patterns of destruction and of Ragsdale's periosteal reactions (1981, Radiol Clin North Am 19:715 and 749).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from osteon.cohort.synthetic.body import Bone, BoneChanges
from osteon.cohort.synthetic.geometry import Field, Grid, bump, lay, ramp, signed_distance, smooth_outline
from osteon.core.types import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """One lesion; lengths in mm on the film, shares between 0 and 1.

    Attributes:
        subtype: Diagnosis.
        label: ``benign``, ``malignant`` or ``giant cell tumor``.
        bone: Name of the bone.
        level: Distance of its middle from the joint along the bone's axis.
        length: Half its extent along the bone.
        width: Half its extent across, as a share of the bone's half-width there.
        offset: How far off the axis its middle lies, as a share of what is possible.
        azimuth: Around the axis, radians; 0 is the frontal view's positive side, pi/2 that of the other view.
        margin: Width of the zone of transition.
        rim: Sclerotic rim.
        lysis: Share of bone destroyed.
        lobulation: Irregularity of the outline.
        swelling: Expansion of the bone's contour.
        scalloping: Thinning of the cortex from within.
        breach: Share of the cortex destroyed on the lesion's side.
        permeation: Share of the destruction that is in separate small holes.
        matrix: ``none``, ``chondroid``, ``osteoid`` or ``ground glass``.
        mineralisation: Amount of matrix.
        septa: Ridges on the walls, which look like septa.
        reaction: Periosteal reactions, of ``solid``, ``lamellated``, ``spiculated`` and ``codman``.
        reaction_height: Its height.
        mass: How far a soft-tissue mass reaches beyond the bone.
        stalk: Length of an exostosis; 0 for lesions in the bone.
        phases: Eight random phases for its irregularities.
    """

    subtype: str
    label: str
    bone: str
    level: float
    length: float
    width: float
    offset: float = 0.0
    azimuth: float = 0.0
    margin: float = 1.5
    rim: float = 0.0
    lysis: float = 0.8
    lobulation: float = 0.1
    swelling: float = 0.0
    scalloping: float = 0.5
    breach: float = 0.0
    permeation: float = 0.0
    matrix: str = "none"
    mineralisation: float = 0.0
    septa: float = 0.0
    reaction: tuple[str, ...] = ()
    reaction_height: float = 0.0
    mass: float = 0.0
    stalk: float = 0.0
    phases: tuple[float, ...] = (0.0,) * 8


@dataclass(frozen=True, slots=True)
class Applied:
    """A lesion in one projection.

    Attributes:
        changes: To the bone, over its window.
        mask: (rows, columns) bool, the lesion's extent over the window.
    """

    changes: BoneChanges
    mask: np.ndarray


def reach(lesion: Lesion) -> float:
    """How far beyond its bone's outline a lesion can extend, mm."""
    return 3.0 + lesion.swelling + max(1.5 * lesion.reaction_height, 1.7 * lesion.mass)


def territory(lesion: Lesion, bone: Bone, frontal: bool, own: Floats | None) -> Floats:
    """(4, 2) film corners of the part of the bone's surroundings that a lesion changes."""
    s, _, along, _, _ = placed(lesion, bone, frontal)
    far = 1.45 * along + 6 * lesion.margin + 4.0
    low, high = bone.edges[:, 1].min(), bone.edges[:, 2].max()
    wide = reach(lesion) + 2.0
    box = np.array([(s - far, low - wide), (s + far, high + wide), (s - far, high + wide), (s + far, low - wide)])
    return bone.film(box) if own is None else np.vstack([own - 3.0, own + 3.0])


def placed(lesion: Lesion, bone: Bone, frontal: bool) -> tuple[float, float, float, float, float]:
    """Centre (s, u), half-axes along and across in mm, and side (+-1, or 0 when en face) in a projection."""
    s0 = lesion.level
    low, high = bone.width_at(s0)
    half = (high - low) / 2
    across = max(lesion.width * half, 2.5)
    facing = float(np.cos(lesion.azimuth) if frontal else np.sin(lesion.azimuth))
    room = max(half - 0.55 * across, 0.0) * lesion.offset
    side = 0.0 if lesion.offset * abs(facing) < 0.25 else float(np.sign(facing))
    return s0, (low + high) / 2 + room * facing, lesion.length, across, side


def apply(
    lesion: Lesion, bone: Bone, window: tuple[Grid, Field], *, frontal: bool, grain: float, own: Floats | None
) -> Applied:
    """Work a lesion into a bone.

    Args:
        lesion: The lesion.
        bone: Its bone, with the outlines of all exostoses joined to it.
        window: The bone's window of the film, and there the signed distance inward from the bone's surface, mm.
        frontal: Whether this is the first of the site's two views.
        grain: Where in the textures the lesion begins.
        own: The outline that :func:`exostosis` drew for this lesion, if it is one.
    """
    grid, distance = window
    if own is not None:
        return _cap(lesion, bone, grid, distance, grain, own)
    s, u = bone.local(grid.x, grid.y)
    s0, u0, a, b, side = placed(lesion, bone, frontal)
    ds, du = s - np.float32(s0), u - np.float32(u0)
    radius, theta = _lobulated(lesion, ds / a, du / b)
    # Depth within the outline in mm, about; an ill-defined edge is ragged, not merely blurred.
    ragged = np.float32(0.3 * lesion.margin) * lay("grain", 0.8 * s, 0.8 * u, grain + 41)
    depth = (1 - radius) * np.float32(min(a, b)) + ragged
    inside = ramp(depth, -0.5 * lesion.margin, 0.5 * lesion.margin)
    low, high = bone.width_at(s0)
    middle, half = (low + high) / 2, (high - low) / 2
    near_side = 0.2 + 0.8 * ramp(side * (u - middle), -0.2 * half, 0.6 * half) if side else np.ones_like(u)
    along = ramp(np.abs(ds), 1.15 * a, 0.55 * a)
    # Seen end-on, a lesion of part of the width swells towards the reader more than to the sides.
    swelling = lesion.swelling * (1.0 if side else min(1.0, lesion.width) ** 2) * along * near_side
    surface = distance + swelling
    in_bone = surface > 0

    holes = _holes(lesion, s, u, grain)
    destroyed = inside * ((1 - lesion.permeation) + lesion.permeation * holes)
    # A round lesion takes most of the bone from the rays through its middle; the walls before and behind it remain.
    ceiling = 0.45 + 0.55 * np.sqrt(np.clip(depth / max(0.55 * min(a, b), 1.0), 0, 1))
    marrow_kept = 1 - np.float32(lesion.lysis) * destroyed * ceiling
    wall = ramp(distance, 0.6 * half, 0.25 * half)
    cortex = 1 - np.float32(lesion.scalloping) * inside * (0.4 + 0.6 * near_side * wall)
    wavy = ramp(lay("grain", 0.35 * s, 0.12 * u, grain), -0.8, 0.5)
    breached = np.float32(lesion.breach) * inside * (0.35 + 0.65 * near_side * wall) * (0.35 + 0.65 * wavy)
    cortex_kept = 1 - np.clip(breached + 0.8 * lesion.permeation * inside * holes, 0, 0.97)

    partial = 0.55 + 0.45 * np.sin(2 * theta + lesion.phases[5])
    rim = (4.2 * lesion.rim) * (partial + 0.35) * bump(depth + 0.6, 0.6 + 0.5 * lesion.rim) * in_bone
    mineral = rim + _matrix(lesion, ds, du, inside, depth, grain)
    septa = ramp(lay("septa", ds, du, grain, magnify=0.6 + min(a, b) / 20), 0.3, 2.5)
    mineral = mineral + 2.6 * lesion.septa * septa * ramp(depth, -1.0, 1.0) * in_bone
    # Within the joint capsule there is no periosteum to react.
    covered = near_side * ramp(s, bone.capsule * bone.size, (bone.capsule + 10) * bone.size)
    reaction, reaction_extent = _reaction(lesion, (s, ds), surface, covered, a, grain)
    soft, mass_extent = _mass(lesion, ds, u, side, a, (middle, half))
    if lesion.mass and lesion.matrix == "osteoid":
        cloud = ramp(lay("cloud", s, u, grain + 31), 0.0, 1.6)
        mineral = mineral + 2.4 * lesion.mineralisation * cloud * mass_extent * ~in_bone
    swollen = in_bone & (distance <= 0) & (swelling > 0.4) & (radius < 1.7)
    mask = ((depth > 0) & in_bone) | swollen | reaction_extent | ((mass_extent > 0.25) & ~in_bone & (radius < 4))
    changes = BoneChanges(
        swelling=swelling,
        cortex=cortex,
        cortex_kept=cortex_kept,
        marrow_kept=marrow_kept,
        mineral=mineral + reaction,
        soft=soft,
    )
    return Applied(changes, mask)


def _lobulated(lesion: Lesion, along: Field, across: Field) -> tuple[Field, Field]:
    """Distance from the middle, 1 on the lobulated outline, and the angle around it."""
    theta = np.arctan2(across, along)
    waves = zip((2, 3, 4, 6, 9), lesion.phases[:5], strict=True)
    wobble = np.asarray(sum(np.sin(order * theta + phase) / (order - 1) ** 0.8 for order, phase in waves))
    return np.hypot(along, across) / (1 + lesion.lobulation * wobble).clip(0.5, 1.6), theta


def _holes(lesion: Lesion, s: Field, u: Field, grain: float) -> Field:
    """Many small lucencies: moth-eaten when the lesion is large, permeative when small."""
    if not lesion.permeation:
        return np.zeros_like(s * u)
    coarse = lay("grain", 0.55 * s, 0.9 * u, grain + 11)
    fine = lay("grain", 0.9 * s, 1.8 * u, grain + 23)
    return ramp(np.maximum(coarse, 0.9 * fine), 0.0, 0.9)


def _matrix(lesion: Lesion, ds: Field, du: Field, inside: Field, depth: Field, grain: float) -> Field | float:
    """Mineralised matrix as mm of cortical bone."""
    if lesion.matrix == "chondroid":
        arcs = np.maximum(lay("curls", ds, du, grain), 0)
        return 2.2 * lesion.mineralisation * arcs * ramp(depth, 0.0, 4.0)
    if lesion.matrix == "osteoid":
        cloud = ramp(lay("cloud", 0.8 * ds, 0.8 * du, grain), -1.8, 2.4)
        return 9.0 * lesion.mineralisation * cloud * inside
    if lesion.matrix == "ground glass":
        return 2.6 * lesion.mineralisation * inside * (1 + 0.12 * lay("grain", ds, du, grain))
    return 0.0


def _reaction(
    lesion: Lesion, along: tuple[Field, Field], surface: Field, near_side: Field, a: float, grain: float
) -> tuple[Field, np.ndarray]:
    """Periosteal new bone as mm of cortical bone, and where it is; `along`: the level in the bone and in the lesion."""
    s, ds = along
    above = -surface  # height above the bone
    strength = np.zeros(surface.shape, dtype=np.float32)
    extent = np.zeros(surface.shape, dtype=bool)
    uneven = 1 + 0.25 * np.sin(s * 0.21 + lesion.phases[0]) + 0.15 * np.sin(s * 0.53 + lesion.phases[1])
    height = lesion.reaction_height * ramp(np.abs(ds), 1.25 * a, 0.35 * a) * uneven
    span = np.maximum(height, 0.3)
    part = above / span
    end = 1.25 * a - np.abs(ds)
    lifted = 0.42 * np.clip(end, 0, None)
    for kind in lesion.reaction:
        within = (above > 0) & (above < height + 0.4) & (height > 0.8)
        if kind == "solid":
            layer = 3.5 * ramp(part, 1.05, 0.8)
        elif kind == "lamellated":
            lines = max(2, round(lesion.reaction_height / 1.7))
            # Layers lie closer at the ends, where they meet the cortex.
            layer = 3.4 * bump((part * lines + 0.5) % 1.0 - 0.5, 0.2) * ramp(part, 1.1, 0.95)
            layer = layer * (0.65 + 0.35 * ramp(lay("grain", 0.3 * s, 0.5 * above, grain + 5), -1.5, 0.2))
        elif kind == "spiculated":
            fan = s + 0.55 * ds * above / max(a, 6.0)
            rays = ramp(lay("spicules", fan, 0.4 * above, grain + 17), -0.4, 1.4)
            layer = 3.8 * rays * ramp(part, 1.0, 0.2) + 0.7 * ramp(part, 1.0, 0.0)
        else:  # Codman's triangle: periosteum lifted at the edge of the tumour, open towards its middle
            wide_open = ramp(end, 12.0, 8.0)
            layer = (3.2 * bump(above - lifted, 0.55) + 1.6 * (above < lifted)) * wide_open
            within = (above > 0) & (above < lifted + 0.5) & (wide_open > 0.3) & (end > 0)
        strength += layer * within
        extent |= within
    return strength * near_side, extent & (near_side > 0.4)


def _mass(
    lesion: Lesion, ds: Field, u: Field, side: float, a: float, bone: tuple[float, float]
) -> tuple[Field | float, Field]:
    """Soft-tissue mass: mm of tissue in place of fat, and its share of the ray; `bone`: its middle and half-width."""
    middle, half = bone
    edge = middle + side * half
    nothing = np.zeros(np.broadcast_shapes(ds.shape, u.shape), dtype=np.float32)
    if lesion.mass <= 0:
        return 0.0, nothing
    if side:
        radius = np.hypot(ds / (1.05 * a), (u - edge + side * 0.35 * lesion.mass) / (1.25 * lesion.mass))
    else:
        radius = np.hypot(ds / (1.05 * a), (u - edge) / (half + 0.9 * lesion.mass))
    share = np.sqrt(np.clip(1 - radius * radius, 0, None))
    return 2.2 * lesion.mass * share, share


def skin_bulge(lesion: Lesion, bone: Bone, frontal: bool, own: Floats | None) -> tuple[Floats, float, float]:
    """Where a lesion lifts the skin (film point), over what width (standard deviation) and how far, all in mm."""
    s, _, along, _, side = placed(lesion, bone, frontal)
    if own is not None:
        return bone.film(np.array([_tip(bone, own)]))[0], 14.0, 0.15 * lesion.stalk
    low, high = bone.width_at(s)
    u = (low + high) / 2 + side * (high - low) / 2
    return bone.film(np.array([[s, u]]))[0], 0.8 * max(along, lesion.mass), 0.35 * lesion.mass


def exostosis(lesion: Lesion, bone: Bone, frontal: bool) -> Floats:
    """The outline of an exostosis, rooted in its bone and pointing away from the joint.

    Joined to the bone's own outline, cortex and marrow continue into it.
    """
    facing = float(np.cos(lesion.azimuth) if frontal else np.sin(lesion.azimuth))
    low, high = bone.width_at(lesion.level)
    edge = high if facing > 0 else low
    middle = (low + high) / 2
    lean = 0.55 + 0.35 * np.sin(lesion.phases[2])
    height = lesion.stalk * abs(facing) ** 0.7
    root = np.array([lesion.level, middle + (edge - middle) * 0.55 * abs(facing) ** 0.3])
    tip = np.array([lesion.level + lean * lesion.stalk, edge + np.sign(facing) * height - (edge - middle) * 0.1])
    axis = tip - root
    across = np.array([-axis[1], axis[0]]) / max(float(np.hypot(*axis)), 1e-6)
    base, waist, head = lesion.length, lesion.length * 0.62, lesion.length * (0.72 + 0.3 * lesion.lobulation)
    knob = 1 + 0.35 * lesion.lobulation * np.sin(np.array(lesion.phases[:6]) * 3)
    spine = [(0.0, base * 1.25), (0.45, waist * 1.15), (0.7, waist * knob[0]), (0.88, head * knob[1]),
             (1.02, head * 0.9 * knob[2]), (1.1, head * 0.45 * knob[3])]  # fmt: skip
    one = [root + t * axis + width * across for t, width in spine]
    other = [root + t * axis - width * (2 - knob[4]) * across for t, width in spine]
    return bone.film(smooth_outline(np.asarray([*one, *other[::-1]]), 1.8))


def _cap(lesion: Lesion, bone: Bone, grid: Grid, distance: Field, grain: float, outline: Floats) -> Applied:
    """An exostosis' calcified cartilage cap, and its extent beyond its bone."""
    s, u = bone.local(grid.x, grid.y)
    own = signed_distance([outline], grid)
    parent = signed_distance([bone.outline], grid)
    tip = _tip(bone, outline)
    far = np.hypot(s - tip[0], u - tip[1])
    cap = ramp(far, 1.6 * lesion.length, 0.5 * lesion.length) * ramp(distance, -1.5, 1.0)
    arcs = np.maximum(lay("curls", s, u, grain), 0) + 0.5 * ramp(lay("cloud", s, u, grain), -0.3, 1.5)
    protruding = ramp(parent, 3.0, -1.0)
    # Where it is seen end-on there is no profile: its own cortex shows as a ring over the bone.
    ring = 2.6 * lesion.rim * bump(own - 0.8, 0.8) * (parent > 1.0)
    mineral = 2.6 * lesion.mineralisation * arcs * cap * (0.4 + 0.6 * protruding) + ring
    mask = (own > 0) & ((parent < 1.5) | (far < 1.3 * lesion.length))
    return Applied(BoneChanges(mineral=mineral.astype(np.float32)), mask)


def _tip(bone: Bone, addition: Floats) -> tuple[float, float]:
    """Bone coordinates of the part of an addition that is farthest out, or of its middle."""
    s, u = bone.local(addition[:, 0], addition[:, 1])
    low, high = bone.width_at(float(s.mean()))
    out = np.abs(u - (low + high) / 2)
    outer = out >= np.quantile(out, 0.8)
    return float(s[outer].mean()), float(u[outer].mean())
