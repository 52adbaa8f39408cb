"""Text burned into a radiograph: where it stands, whether it lies outside the anatomy, and how to take it away.

Names, numbers and dates that a device has drawn into the pixels survive every cleaning of a header::

    from osteon.io import burned, read_stored

    radiograph = read_stored("case.dcm")
    texts = burned.find(radiograph)                                  # boxes, each outside the anatomy or over it
    clean = burned.hide(radiograph, [t.box for t in texts if t.outside])

Text is found by its shape, not read: strokes that stand out (:mod:`~osteon.io.burned.strokes`) in pieces of equal size
and brightness beside each other (:mod:`~osteon.io.burned.lines`). Outside the anatomy
(:mod:`~osteon.io.burned.ground`), where nothing else has strokes, little evidence is enough.
"""

from osteon.io.burned.finding import Text, find, find_in, stated
from osteon.io.burned.hiding import hide, hide_in
from osteon.io.burned.marker import is_side_marker

__all__ = ["Text", "find", "find_in", "hide", "hide_in", "is_side_marker", "stated"]
