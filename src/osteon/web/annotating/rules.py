"""Whether an annotation is complete and possible."""

from __future__ import annotations

from collections.abc import Mapping

from osteon.web.annotating.forms import Content, Lesion, Shape
from osteon.web.annotating.protocol import Annotating, Asked

Size = tuple[int, int]


def complaint(content: Content, protocol: Annotating, sizes: Mapping[int, Size]) -> str:
    """What is wrong with an annotation, for the annotator; empty for nothing.

    Args:
        content: The annotation.
        protocol: What is asked.
        sizes: Number of each picture of the case to its width and height.
    """
    if content.status is None:
        return "Say whether there is a lesion, or that the case is not usable."
    if content.status == "unusable" and content.reason not in protocol.unusable:
        return "Choose why the case is not usable."
    if content.status != "lesions":
        if content.shapes or content.lesions:
            return "There is an outline on a case without a lesion; delete it, or say that there is one."
    elif not content.shapes:
        return "Draw at least one lesion, or say that there is none."
    found = _of_shapes(content.shapes, protocol, sizes) or _of_lesions(content, protocol)
    usable = content.status != "unusable"
    for number in sizes:
        told = content.pictures.get(str(number), {})
        found = found or _of_fields(told, protocol.asked("picture"), f" of picture {number}", usable)
    if not {int(number) for number in content.pictures if number.isdecimal()} <= set(sizes):
        return "Something is said of a picture that the case does not have."
    return found or _of_fields(content.fields, protocol.asked("case"), "", usable)


def _of_shapes(shapes: list[Shape], protocol: Annotating, sizes: Mapping[int, Size]) -> str:
    seen = set()
    for shape in shapes:
        if shape.view not in sizes:
            return "An outline lies on a picture that the case does not have."
        if shape.kind not in protocol.shapes:
            return f"A {shape.kind} is not asked for."
        if (len(shape.points) == 2) != (shape.kind == "box"):
            return "A box has two corners, a polygon three or more."
        width, height = sizes[shape.view]
        xs, ys = zip(*shape.points, strict=True)
        if max(xs) > width or max(ys) > height:
            return "An outline lies outside the picture."
        if max(xs) - min(xs) < 1 or max(ys) - min(ys) < 1:
            return "An outline is smaller than a pixel."
        if (shape.view, shape.lesion) in seen:
            return f"Lesion {shape.lesion} is outlined twice on picture {shape.view}."
        seen.add((shape.view, shape.lesion))
    return ""


def _of_lesions(content: Content, protocol: Annotating) -> str:
    drawn = {str(shape.lesion) for shape in content.shapes}
    if not set(content.lesions) <= drawn:
        return "Something is said of a lesion that is not outlined."
    for number in sorted(drawn, key=int):
        lesion = content.lesions.get(number) or Lesion()
        if protocol.labels and lesion.label not in protocol.labels:
            return f"Choose a label for lesion {number}."
        if lesion.label and not protocol.labels:
            return "No label is asked for."
        if found := _of_fields(lesion.fields, protocol.asked("lesion"), f" of lesion {number}", needed=True):
            return found
    return ""


def _of_fields(told: Mapping[str, str], asked: tuple[Asked, ...], whose: str, needed: bool) -> str:
    known = {field.id: field for field in asked}
    for name, value in told.items():
        field = known.get(name)
        if field is None or (field.kind == "choice" and value and value not in field.choices):
            return f"'{value[:40]}' is no answer that is asked for{whose}."
        if field.kind == "number" and value and not _is_number(value):
            return f"{field.text or field.id}{whose} is not a number."
    for field in asked:
        if needed and field.required and not told.get(field.id, "").strip():
            return f"Fill in {field.text or field.id}{whose}."
    return ""


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e12
    except ValueError:
        return False
