"""What all results have in common: series and identifiers, equipment, dates, codes; and how they are written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from osteon.io.objects.finding import Author, Finding
from osteon.io.objects.identity import device_uid, uid
from osteon.io.objects.source import KEPT, moment, number

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept
    from pydicom.dataset import Dataset

#: Kinds of objects: the number of their series, and what it is called.
SERIES = {
    "report": (9801, "probability"),
    "picture": (9802, "picture"),
    "overlay": (9803, "box"),
    "region": (9804, "lesion"),
    "map": (9805, "map"),
}
_SCHEME = "99OSTEON"
_MAKER = "osteon"
#: Under which highdicom makes identifiers at random.
_RANDOM = "1.2.826.0.1.3680043.10.511.3."
_MAX_LO = 64
#: When an object was made.
_MADE = (
    *(("InstanceCreationDate", "InstanceCreationTime"), ("ContentDate", "ContentTime")),
    *(("PresentationCreationDate", "PresentationCreationTime"), ("DateOfSecondaryCapture", "TimeOfSecondaryCapture")),
)


def short(text: str) -> str:
    """A text as the shorter elements take it: in one value, of 64 characters."""
    return text.replace("\\", "/")[:_MAX_LO]


def own_code(meaning: str) -> CodedConcept:
    """A concept for which the standard has no code: the same words always have the same one."""
    from highdicom.sr import CodedConcept

    return CodedConcept(hashlib.sha256(meaning.encode()).hexdigest()[:16].upper(), _SCHEME, short(meaning))


@dataclass(frozen=True, eq=False)
class Making:
    """Results about one radiograph by one model.

    Attributes:
        source: The radiograph's header, of :func:`osteon.io.objects.source.read_source`.
        author: The model.
        findings: What it says, at least one.
    """

    source: Dataset
    author: Author
    findings: Sequence[Finding]

    @cached_property
    def _key(self) -> str:
        author = self.author
        said = [author.name, author.identity, author.positive, dict(author.cuts), author.version]
        return uid(str(self.source.SOPInstanceUID), said, [finding.key() for finding in self.findings])

    @property
    def brief(self) -> str:
        """What every object says of itself, in what a description has room for."""
        return short(" ".join(self.author.warnings))

    def instance(self, kind: str) -> str:
        """UID of an object."""
        return uid(kind, self._key)

    def tracking(self, finding: Finding) -> str:
        """UID of a lesion, the same in all objects."""
        return uid("lesion", str(self.source.SOPInstanceUID), finding.case_id, list(map(float, finding.box)))

    def common(self, kind: str) -> dict[str, Any]:
        """Arguments that every object of highdicom takes."""
        author = self.author
        series, about = SERIES[kind]
        synthetic = "SYNTHETIC DATA " * author.synthetic
        return {
            "series_instance_uid": uid("series", kind, author.identity, str(self.source.StudyInstanceUID)),
            "series_number": series,
            "sop_instance_uid": self.instance(kind),
            "instance_number": number(self.source),
            "manufacturer": _MAKER,
            "manufacturer_model_name": short(author.name),
            "software_versions": author.version,
            "device_serial_number": author.identity,
            "series_description": f"{synthetic}osteon {about} (research use only)",
            "specific_character_set": "ISO_IR 192",
        }

    def finished(self, made: Dataset, kind: str) -> Dataset:
        """An object without anything of chance or of today, with the equipment that it stems from."""
        source, author = self.source, self.author
        day, time = moment(source)
        for date, at in _MADE:
            if date in made:
                setattr(made, date, day)
                setattr(made, at, time)
        for name in KEPT:
            if name in source and name not in made:
                made[name] = source[name]
        if kind in ("overlay", "picture"):  # required where the part is one of a pair: empty where it is not known
            made.Laterality = source.get("Laterality") or source.get("ImageLaterality") or ""
        if kind in ("region", "map"):  # on the radiograph's own pixels
            made.PatientOrientation = source.get("PatientOrientation") or ""
        made.DeviceUID = device_uid(author.identity)
        made.ContributingEquipmentSequence = self._equipment()
        made.CodingSchemeIdentificationSequence = [_scheme()]
        if author.synthetic or source.get("SyntheticData") == "YES":
            made.SyntheticData = "YES"
        _settle_chance(made, self.instance(kind))
        return made

    def _equipment(self) -> list[Dataset]:
        """What made the radiograph, and what made this of it."""
        from highdicom import ContributingEquipment
        from pydicom.sr.codedict import codes

        author, items = self.author, []
        with suppress(AttributeError, ValueError, TypeError):  # it does not say, or not as the standard wants it
            items.append(ContributingEquipment.for_image_acquisition(self.source))
        own = ContributingEquipment(
            _MAKER,
            codes.DCM.ProcessingEquipment,
            manufacturer_model_name=short(author.name),
            software_versions=author.version,
            device_serial_number=author.identity,
            contribution_description=" ".join(author.warnings),
        )
        own.DeviceUID = device_uid(author.identity)
        return [*items, own]


def _scheme() -> Dataset:
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    item: Dataset = CodingSchemeIdentificationItem(_SCHEME, name="osteon", responsible_organization="osteon developers")
    return item


def _settle_chance(made: Dataset, instance: str) -> None:
    """Put identifiers made from the object's own in place of those that highdicom drew."""
    drawn: dict[str, str] = {}

    def settle(_: Dataset, element: Any) -> None:
        if element.VR == "UI" and isinstance(element.value, str) and element.value.startswith(_RANDOM):
            element.value = drawn.setdefault(element.value, uid(instance, len(drawn)))

    made.walk(settle)
