"""Bones and soft tissue as solids, and the paths of rays through them.

A bone is an outline with an axis. Along the axis (s, in mm from the joint surface towards the shaft) stations give
the cortex, the depth and how much trabecular bone there is; across it runs u. A lesion is written in the same
coordinates, so that it sits at the same level in every view.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy import ndimage

from osteon.cohort.synthetic.geometry import Field, Grid, bump, chord, lay, signed_distance
from osteon.core.types import Floats

#: Linear attenuation beyond the tissue it replaces, 1/mm, at the 60 keV or so of a hardened beam
#: (from the mass attenuation coefficients of NIST XCOM: cortical bone, ICRU-44 soft tissue, adipose, at 60 keV).
CORTEX, TRABECULAR, MUSCLE, FAT, WATER = 0.038, 0.0075, 0.0024, 0.0187, 0.0206


@dataclass(frozen=True, slots=True)
class Pose:
    """A similarity transformation of the plane, perhaps mirrored.

    Attributes:
        angle: Rotation in radians, clockwise on the film.
        size: Magnification.
        mirror: Whether x changes its sign first.
        pivot: The fixed point of rotation and magnification, mm.
        shift: Translation afterwards, mm.
        squeeze: Factor on x before all else: an oblique projection's foreshortening.
    """

    angle: float = 0.0
    size: float = 1.0
    mirror: bool = False
    pivot: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)
    squeeze: float = 1.0

    @property
    def matrix(self) -> Floats:
        """(2, 2) linear part."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        flip = np.diag([-self.squeeze if self.mirror else self.squeeze, 1.0])
        return np.asarray(self.size * np.array([[c, -s], [s, c]]) @ flip)

    def apply(self, points: Floats) -> Floats:
        """Move (N, 2) points."""
        pivot = np.asarray(self.pivot)
        return np.asarray((points - pivot) @ self.matrix.T + pivot + np.asarray(self.shift))

    def turn(self, vector: tuple[float, float]) -> tuple[float, float]:
        """Turn a unit vector, keeping its length."""
        turned = self.matrix @ np.asarray(vector)
        turned = turned / np.hypot(*turned)
        return float(turned[0]), float(turned[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class BoneChanges:
    """What a lesion does to one bone, each at every pixel of the bone's window or one number for all.

    Attributes:
        swelling: Outward displacement of the surface, mm.
        cortex: Factor on the cortical thickness (endosteal scalloping below 1, thickening above).
        cortex_kept: Share of the remaining cortex along the ray that is left.
        marrow_kept: Share of the trabecular bone that is left.
        mineral: Added mineral as mm of cortical bone: rims, matrix, periosteal new bone.
        soft: Added soft-tissue attenuation as mm of muscle in place of fat.
    """

    swelling: Field | float = 0.0
    cortex: Field | float = 1.0
    cortex_kept: Field | float = 1.0
    marrow_kept: Field | float = 1.0
    mineral: Field | float = 0.0
    soft: Field | float = 0.0

    def joined(self, other: BoneChanges) -> BoneChanges:
        """Both lesions' changes in one bone."""
        return BoneChanges(
            swelling=self.swelling + other.swelling,
            cortex=self.cortex * other.cortex,
            cortex_kept=self.cortex_kept * other.cortex_kept,
            marrow_kept=self.marrow_kept * other.marrow_kept,
            mineral=self.mineral + other.mineral,
            soft=self.soft + other.soft,
        )


@dataclass(frozen=True)
class Bone:
    """One bone in one projection.

    Attributes:
        name: Its name.
        outline: (N, 2) mm.
        stations: Rows of (s, cortical thickness, depth / half-width, share of trabecular bone), s in adult mm.
        origin: The point of the axis at the joint surface, mm.
        along: Unit vector of increasing s.
        across: Unit vector of increasing u.
        physes: Levels of the growth plates, s in adult mm.
        openness: 1 for an open growth plate, 0 for none; between, a scar.
        size: Magnification that the outline has had.
        radius: Largest width of the rounded edge, mm: beyond it the bone is flat.
        capsule: Level in adult mm up to which the joint capsule covers the bone.
        additions: Outlines joined to the bone, such as an exostosis.
    """

    name: str
    outline: Floats
    stations: tuple[tuple[float, float, float, float], ...]
    origin: tuple[float, float]
    along: tuple[float, float] = (0.0, 1.0)
    across: tuple[float, float] = (1.0, 0.0)
    physes: tuple[float, ...] = ()
    openness: float = 0.0
    size: float = 1.0
    radius: float = 20.0
    capsule: float = -100.0
    additions: tuple[Floats, ...] = field(default=())

    def moved(self, pose: Pose) -> Bone:
        """The bone in another place."""
        origin = pose.apply(np.asarray([self.origin]))[0]
        return replace(
            self,
            outline=pose.apply(self.outline),
            origin=(float(origin[0]), float(origin[1])),
            along=pose.turn(self.along),
            across=pose.turn(self.across),
            size=self.size * pose.size,
            radius=self.radius * pose.size,
            additions=tuple(pose.apply(addition) for addition in self.additions),
        )

    def local(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Bone coordinates (s, u) in mm of film points."""
        dx, dy = x - np.float32(self.origin[0]), y - np.float32(self.origin[1])
        s = dx * np.float32(self.along[0]) + dy * np.float32(self.along[1])
        u = dx * np.float32(self.across[0]) + dy * np.float32(self.across[1])
        return s.astype(np.float32), u.astype(np.float32)

    def film(self, points: Floats) -> Floats:
        """Film points of (N, 2) bone coordinates (s, u)."""
        axes = np.asarray([self.along, self.across])
        return np.asarray(np.asarray(self.origin) + points @ axes)

    @cached_property
    def edges(self) -> Floats:
        """(K, 3): s every 2 mm, and u of the two edges there."""
        s, u = self.local(self.outline[:, 0], self.outline[:, 1])
        bins = np.arange(s.min() + 1.0, s.max(), 2.0)
        which = np.digitize(s, bins)
        low = np.full(len(bins) + 1, np.inf)
        high = np.full(len(bins) + 1, -np.inf)
        np.minimum.at(low, which, u)
        np.maximum.at(high, which, u)
        seen = np.isfinite(low)
        centres = np.arange(len(bins) + 1) * 2.0 + s.min()
        columns = [np.interp(centres, centres[seen], side[seen]) for side in (low, high)]
        return np.column_stack([centres, *columns])

    def width_at(self, s: float) -> tuple[float, float]:
        """Where the two edges are (u) at one level."""
        return float(np.interp(s, self.edges[:, 0], self.edges[:, 1])), float(
            np.interp(s, self.edges[:, 0], self.edges[:, 2])
        )

    def station(self, s: Field, column: int) -> Field:
        """A property interpolated along the axis."""
        table = np.asarray(self.stations)
        lookup = np.interp(np.arange(-20.0, 400.0, 2.0), table[:, 0], table[:, column]).astype(np.float32)
        at = np.clip((s / np.float32(self.size) + 20.0) * 0.5, 0, len(lookup) - 1.01)
        return np.asarray(lookup[at.astype(np.int32)], dtype=np.float32)

    def distance(self, grid: Grid) -> Field:
        """Signed distance inward from the surface, mm."""
        coarse = 1 if self.radius < 10 else 3
        return signed_distance([self.outline, *self.additions], grid, coarse=coarse, fillet=3.0, beyond=self.radius)

    def draw(self, film: Field, grid: Grid, distance: Field, *, grain: float, quality: float) -> None:
        """Add the attenuation of healthy bone to the film of its window, in place.

        Args:
            film: (rows, columns) of the window.
            grid: The window.
            distance: Signed distance from :meth:`distance`; nothing is drawn where it is not positive.
            grain: Where in the texture this bone begins.
            quality: 1 for young healthy bone, below for osteopenia.
        """
        inside = np.nonzero(distance > 0)
        s, u = self.local(grid.x[0, inside[1]], grid.y[inside[0], 0])
        film[inside] += self.mineral(s, u, distance[inside], grain=grain, quality=quality)

    def mineral(
        self,
        s: Field,
        u: Field,
        distance: Field,
        *,
        grain: float,
        quality: float = 1.0,
        changes: BoneChanges | None = None,
    ) -> Field:
        """Attenuation that the bone adds to soft tissue, -log of transmission.

        Args:
            s: Level at every pixel, mm.
            u: Lateral coordinate, mm.
            distance: Signed distance from :meth:`distance`.
            grain: Where in the texture this bone begins.
            quality: 1 for young healthy bone, below for osteopenia.
            changes: What a lesion does.

        Returns:
            Array of the window's shape.
        """
        changes = changes or BoneChanges()
        inward = distance + changes.swelling
        half = (self.edges[:, 2] - self.edges[:, 1]) / 2
        # A bone's end is as rounded as the bone near it, not as its last millimetre is narrow.
        broad = ndimage.maximum_filter1d(half, 9, mode="nearest").clip(max=self.radius)
        index = np.clip((s - self.edges[0, 0]) * 0.5, 0, len(broad) - 1).astype(np.int32)
        radius = broad.astype(np.float32)[index]
        depth = radius * self.station(s, 2)
        wall = self.station(s, 1) * np.float32(self.size * (0.5 + 0.5 * quality)) * changes.cortex
        outer = chord(inward, radius, depth)
        inner = chord(inward - wall, radius - wall, np.maximum(depth - wall, 0.3))
        # Trabeculae converge from the joint towards the shaft's cortex.
        converging = u * np.sqrt(12.0 / np.maximum(radius, 6.0)) + 1.2 * np.sin(0.11 * s)
        network = lay("trabeculae", s + 1.5 * np.sin(0.13 * u), converging, grain)
        amount = self.station(s, 3) * np.float32(quality)
        spongy = TRABECULAR * inner * amount * np.maximum(1.0 + 0.17 * network, 0.2) * changes.marrow_kept
        # Cortex in projection is not glass: osteons and resorption give it a faint grain along the axis.
        solid = CORTEX * (outer - inner) * (1.0 + 0.025 * network) * changes.cortex_kept
        bone = self._grow(s, u, distance, spongy + solid)
        return np.asarray(bone + CORTEX * changes.mineral + MUSCLE * changes.soft, dtype=np.float32)

    def _grow(self, s: Field, u: Field, distance: Field, bone: Field) -> Field:
        """Cut the growth plates: a wavy lucent line with a dense one on its metaphyseal side."""
        for level in self.physes if self.openness > 0 else ():
            at = level * self.size + 1.6 * np.sin(u * 0.16 + level) + 0.7 * np.sin(u * 0.41)
            away = s - at
            near = np.abs(away) < 7
            gap = 0.85 * min(1.0, 1.6 * self.openness) * bump(away, 0.5 + 0.9 * self.openness)
            calcified = bump(away - 0.9 - 1.5 * self.openness, 0.8) + 0.5 * bump(away + 0.9 + 1.2 * self.openness, 0.7)
            dense = 0.11 * (0.6 + self.openness) * calcified * (distance > 0)
            bone = np.where(near, bone * (1 - gap) + dense, bone)
        return bone


@dataclass(frozen=True, slots=True)
class Soft:
    """A soft-tissue structure in one projection: a tendon, a fat pad, a lung.

    Attributes:
        outline: (N, 2) mm.
        depth: Half its thickness along the ray, mm.
        contrast: Attenuation beyond its surroundings, 1/mm; negative for fat and air.
        edge: Width of its rounded edge, mm.
    """

    outline: Floats
    depth: float
    contrast: float
    edge: float = 4.0

    def moved(self, pose: Pose) -> Soft:
        """The structure in another place."""
        return replace(self, outline=pose.apply(self.outline))

    def add_to(self, film: Field, grid: Grid) -> None:
        """Add its attenuation to a film in place."""
        part = grid.window(self.outline, 2.0)
        if part is not None:
            window, where = part
            film[where] += self.contrast * chord(
                signed_distance([self.outline], window, coarse=4), self.edge, self.depth
            )


@dataclass(frozen=True, slots=True)
class Limb:
    """The limb around the bones: skin, subcutaneous fat and muscle.

    Attributes:
        outlines: Parts whose union is the limb, mm.
        radius: Width of the rounded edge, mm: about the limb's half-width.
        depth: Half its thickness, mm.
        fat: Thickness of the subcutaneous fat, mm.
        axis: Unit vector along which the fascicles run.
        fillet: Radius of the skin fold where two parts meet, mm.
    """

    outlines: tuple[Floats, ...]
    radius: float
    depth: float
    fat: float
    axis: tuple[float, float] = (0.0, 1.0)
    fillet: float = 6.0

    def moved(self, pose: Pose) -> Limb:
        """The limb in another place, its thickness scaled along."""
        return replace(
            self,
            outlines=tuple(pose.apply(outline) for outline in self.outlines),
            radius=self.radius * pose.size,
            depth=self.depth * pose.size,
            fat=self.fat * pose.size,
            axis=pose.turn(self.axis),
        )

    def attenuation(self, grid: Grid, grain: float, swelling: Field | float = 0.0) -> Field:
        """-log of transmission of the limb without its bones.

        Args:
            grid: The film.
            grain: Where in the texture this patient begins.
            swelling: Outward displacement of skin and fascia, mm.
        """
        inward = signed_distance(self.outlines, grid, coarse=6, fillet=self.fillet, beyond=self.radius) + swelling
        whole = chord(inward, self.radius, self.depth)
        fat = self.fat
        muscle = chord(inward - fat, self.radius - fat, self.depth - fat)
        dx, dy = self.axis
        along, across = grid.x * dx + grid.y * dy, grid.y * dx - grid.x * dy
        fascicles = lay("muscle", along + 0.12 * across, across, grain)
        # Fat between muscles shows as darker streaks, more so where the fascia is seen edge-on.
        planes = np.minimum(fascicles + 0.9, 0.0)
        skin = whole - chord(inward - 1.6, self.radius - 1.6, self.depth - 1.6)
        return np.asarray(
            FAT * whole + MUSCLE * (1.0 + 0.03 * fascicles + 0.2 * planes) * muscle + (WATER - FAT) * skin,
            dtype=np.float32,
        )
