"""What is done with each element: PS3.15 Table E.1-1, Basic Profile with the options that are applied here.

The table beside this module is made from the standard (``tests/references/confidentiality``). Of what it does not name,
dates are shifted and UIDs replaced; names, bytes, private elements and those that no dictionary knows are removed.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

Action = Literal["remove", "empty", "dummy", "uid", "shift", "keep", "within"]

#: Coded methods of (0012,0064), PS3.16 CID 7050.
METHODS = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113109": "Retain Device Identity Option",
}
EDITION = "PS3.15 2024e with additions to 2026c"

_MOMENTS = ("DA", "TM", "DT")
_BYTES = ("OB", "OW", "OF", "OD", "OL", "OV", "UN")
_LUT_DATA, _PIXELS = 0x00283006, 0x7FE00010
_REPEATING = (0x5000, 0x6000)  # curves and overlays: groups 50xx and 60xx


class Rule(NamedTuple):
    """A row of the table: the action of the Basic Profile, and those of the options that retain device and dates."""

    basic: str
    device: str
    dates: str


@cache
def table() -> dict[int, Rule]:
    """The table by tag, without the groups that repeat."""
    rows = csv.DictReader((files(__package__) / "table_e1_1.csv").read_text(encoding="utf-8").splitlines())
    return {
        int(row["tag"], 16): Rule(row["basic"], row["device"], row["dates"]) for row in rows if "x" not in row["tag"]
    }


def action(tag: int, representation: str) -> Action:
    """What is done with an element.

    Args:
        tag: Group and element.
        representation: Its value representation, as the file has it.

    Returns:
        ``within``: a sequence whose items are cleaned in turn. ``uid``: replaced by one of its own, the same each time.
    """
    from pydicom.datadict import dictionary_VR

    group = tag >> 16
    if group % 2 or group & 0xFF00 in _REPEATING:
        return "remove"
    rule = table().get(tag)
    try:
        expected = dictionary_VR(tag).split(" or ")
    except KeyError:
        return "remove"
    if representation not in expected:
        return "remove"  # an element that is not what it says may hold anything
    return _unnamed(tag, representation) if rule is None else _named(rule, representation)


def _named(rule: Rule, representation: str) -> Action:
    sequence = representation == "SQ"
    if rule.dates == "C" and representation in _MOMENTS:
        return "shift"
    if rule.device == "K":
        return "within" if sequence else "keep"
    if "U" in rule.basic:
        return "within" if sequence else "uid"
    if rule.basic == "X" or (sequence and rule.basic in ("X/D", "X/Z/D")):
        return "remove"
    # An item of a sequence that is required would have to be made up: it is left out.
    if rule.basic in ("Z", "X/Z") or sequence:
        return "empty"
    return "uid" if representation == "UI" else "dummy"


def _unnamed(tag: int, representation: str) -> Action:
    if representation in _MOMENTS:
        return "shift"
    if representation == "SQ":
        return "within"
    if representation == "UI":
        return "uid"
    if representation == "PN" or (representation in _BYTES and tag not in (_LUT_DATA, _PIXELS)):
        return "remove"
    return "keep"
