"""Coded concepts, and which of them say what a lesion is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SCHEMES = ("SCT", "SRT", "RADLEX", "NCIt", "I10", "I11", "ICDO3")
#: What tools write where nobody chose: no diagnosis.
_SAYS_NOTHING = (
    *("lesion", "mass", "nodule", "tissue", "neoplasm", "region", "finding", "abnormality"),
    "morphologically abnormal structure",
)


def code(item: Dataset, name: str) -> tuple[str, str]:
    """A coded value and its scheme."""
    for concept in item.get(name) or ():
        return str(concept.get("CodeValue") or ""), str(concept.get("CodingSchemeDesignator") or "")
    return "", ""


def meaning(item: Dataset, name: str) -> str:
    """What a code of a published scheme means, "" where that is no more than a lesion."""
    value, scheme = code(item, name)
    if not value or scheme not in _SCHEMES:
        return ""
    said = str(item[name].value[0].get("CodeMeaning") or "").strip()
    return "" if said.lower() in _SAYS_NOTHING else said
