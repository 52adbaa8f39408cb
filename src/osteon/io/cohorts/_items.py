"""What a format yields: lesions, what it passed over, and what it read otherwise than it was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from osteon.io.regions import Box, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Lesion:
    """One lesion as a format describes it.

    Attributes:
        image: The radiograph.
        label: What it is; "" where the format does not say.
        box: Its box in pixels of the upright picture, which may reach beyond the edge, or None.
        draw: Draws its mask at a given height and width, or None; an ImageError where it cannot.
        shape: Height and width of the picture it was annotated on, each None where the format does not say.
        columns: Further columns of the cohort table.
        case_id: Its identifier, "" to have it numbered.
        source: The annotation file, or None where the picture tells all.
        part: Which part of that file, such as "annotation 7".
        words: What the annotation says, to know the same annotation when it comes a second time.
    """

    image: Path
    label: str = ""
    box: Box | None = None
    draw: Callable[[tuple[int, int]], Mask] | None = None
    shape: tuple[int | None, int | None] = (None, None)
    columns: Mapping[str, object] = field(default_factory=dict)
    case_id: str = ""
    source: Path | None = None
    part: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or an annotation that gave no case, and why."""

    image: Path
    reason: str
    source: Path | None = None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a file says and that was not read, or not as it stands; `part` is one place where it says so."""

    file: Path
    what: str
    part: str = ""


Item = Lesion | Skipped | Note
