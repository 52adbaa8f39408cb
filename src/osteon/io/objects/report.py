"""The structured report: TID 1500, one planar ROI measurement group a lesion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from osteon.io.objects.finding import Author, Finding
from osteon.io.objects.identity import device_uid
from osteon.io.objects.making import Making, own_code

if TYPE_CHECKING:
    from highdicom.sr import Measurement, PlanarROIMeasurementsAndQualitativeEvaluations, QualitativeEvaluation
    from pydicom.dataset import Dataset


def report(making: Making) -> Dataset:
    """What the model says of the radiograph's lesions, as numbers and codes that other programs read."""
    from highdicom import sr
    from pydicom.sr.codedict import codes

    author = making.author
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=device_uid(author.identity),
        name=author.name,
        manufacturer_name="osteon",
        model_name=author.name,
        serial_number=author.identity,
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device)),
        procedure_reported=sr.CodedConcept("363680008", "SCT", "Radiographic imaging procedure"),
        title=codes.DCM.ImagingMeasurementReport,
        imaging_measurements=[_group(making, finding) for finding in making.findings],
        referenced_images=_library(making.source),
    )
    made = sr.ComprehensiveSR(
        [making.source], content[0], is_complete=True, is_final=False, is_verified=False, **making.common("report")
    )
    return making.finished(made, "report")


def _library(source: Dataset) -> list[Dataset]:
    """The radiograph in the report's image library, without orientation and spacing where these are not known.

    An image whose class says nothing of its modality is in no library, but is referred to all the same.
    """
    from highdicom.sr import ImageLibrary
    from pydicom.dataset import Dataset

    entry = Dataset()
    for name in ("SOPClassUID", "SOPInstanceUID", "Rows", "Columns"):
        setattr(entry, name, source[name].value)
    known = [len(source.get(name) or ()) == 2 for name in ("PatientOrientation", "ImagerPixelSpacing")]
    entry.Modality = source.Modality if all(known) and source.get("Modality") else "OT"
    if all(known):
        entry.PatientOrientation, entry.ImagerPixelSpacing = source.PatientOrientation, source.ImagerPixelSpacing
    try:
        ImageLibrary([entry])
    except ValueError:
        return []
    return [entry]


def _group(making: Making, finding: Finding) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    from highdicom import sr
    from pydicom.sr.codedict import codes

    author, source = making.author, making.source
    corners = np.array(_corners(finding.box))
    image = sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(making.tracking(finding), finding.case_id),
        referenced_region=sr.ImageRegion(sr.GraphicTypeValues.POLYLINE, corners, image),
        geometric_purpose=codes.SCT.BoundedBy,
        finding_type=codes.SCT.Lesion,
        algorithm_id=sr.AlgorithmIdentification(
            f"osteon {author.name}",
            author.identity,
            parameters=[
                *(f"Operating point {rule}: {author.positive} from {cut!r}" for rule, cut in author.cuts.items()),
                *author.warnings,
            ],
            manufacturer="osteon",
        ),
        measurements=list(_measurements(author, finding)),
        qualitative_evaluations=list(_evaluations(author, finding)),
    )


def _corners(box: tuple[float, float, float, float]) -> list[tuple[float, float]]:
    """The corners of a box, closed."""
    x0, y0, x1, y1 = box
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]


def _measurements(author: Author, finding: Finding) -> list[Measurement]:
    """The probability with its interval over the folds, and the threshold of each operating point."""
    from highdicom.sr import Measurement
    from pydicom.sr.codedict import codes

    probability = f"Probability of {author.positive}"
    units = codes.UCUM.NoUnits
    told = [Measurement(own_code(probability), float(finding.probability), units)]
    if finding.folds[0] == finding.folds[0]:  # names of their own, since viewers show nothing else of a measurement
        method = own_code("Over the models of the folds")
        told += [
            Measurement(own_code(f"{which} of the folds: {probability}"), value, units, derivation=how, method=method)
            for which, value, how in zip(
                ("Least", "Greatest"), map(float, finding.folds), (codes.SCT.Minimum, codes.SCT.Maximum), strict=True
            )
        ]
    if finding.recalibrated == finding.recalibrated:
        method = own_code("Recalibrated on development cases")
        name = own_code(f"Recalibrated: {probability}")
        told.append(Measurement(name, float(finding.recalibrated), units, method=method))
    told += [
        Measurement(own_code(f"Threshold of operating point {rule}"), float(cut), units)
        for rule, cut in author.cuts.items()
    ]
    return told


def _evaluations(author: Author, finding: Finding) -> list[QualitativeEvaluation]:
    """The call at each operating point, whether the case is unlike development, and what the answer is not for."""
    from highdicom.sr import QualitativeEvaluation

    told = {f"Call at operating point {rule}": call for rule, call in finding.calls.items()}
    if finding.unlike is not None:
        told["Compared with the development cases"] = "Unlike them" if finding.unlike else "Like them"
    told["Use"] = author.notice
    if author.synthetic:
        told["Data that the model was made from"] = "SYNTHETIC DATA"
    return [QualitativeEvaluation(own_code(name), own_code(value)) for name, value in told.items()]
