"""Make pyradiomics.json and filters.json; see README.md for what to install."""

import json
from pathlib import Path

import numpy as np
import pywt
import SimpleITK
from radiomics.featureextractor import RadiomicsFeatureExtractor

import radiomics

HERE = Path(__file__).parent
CLASSES = ("shape2D", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


def noise():
    """Eight levels without any order, in a region that has a hole, touches the edge and is in two parts."""
    generator = np.random.default_rng(1)
    image = generator.integers(1, 9, (24, 20))
    mask = np.zeros(image.shape, dtype=int)
    mask[2:15, 0:14] = 1
    mask[5:9, 4:7] = 0
    mask[18:23, 9:19] = 1
    return image, mask, (0.8, 0.5), {"binWidth": 1}


def lesion():
    """A smooth 12-bit lesion, cut into 32 levels."""
    generator = np.random.default_rng(2)
    y, x = np.mgrid[:40, :36]
    smooth = 1500 + 900 * np.sin(x / 5) * np.cos(y / 7) + 500 * np.exp(-((x - 20) ** 2 + (y - 18) ** 2) / 60)
    image = np.round(smooth + generator.normal(0, 60, smooth.shape)).astype(int)
    mask = (((x - 18) / 14) ** 2 + ((y - 20) / 17) ** 2 < 1).astype(int)
    return image, mask, (1.0, 1.0), {"binCount": 32}


def features(image, mask, spacing, settings):
    volumes = []
    for array in (image, mask):
        volume = SimpleITK.GetImageFromArray(array[None])
        volume.SetSpacing((spacing[1], spacing[0], 1.0))
        volumes.append(volume)
    extractor = RadiomicsFeatureExtractor(force2D=True, force2Ddimension=0, symmetricalGLCM=True, **settings)
    extractor.disableAllFeatures()
    for name in CLASSES:
        extractor.enableFeatureClassByName(name)
    found = extractor.execute(*volumes)
    return {k.replace("original_", ""): float(v) for k, v in found.items() if k.startswith("original_")}


if __name__ == "__main__":
    radiomics.setVerbosity(60)
    cases = {}
    for make in (noise, lesion):
        image, mask, spacing, settings = make()
        cases[make.__name__] = {
            "image": image.tolist(),
            "mask": mask.tolist(),
            "spacing": spacing,
            "settings": settings,
            "features": features(image, mask, spacing, settings),
        }
    (HERE / "pyradiomics.json").write_text(json.dumps({"version": radiomics.__version__, "cases": cases}) + "\n")
    image = np.random.default_rng(3).integers(0, 100, (16, 16))
    bands = {}
    for wavelet in ("haar", "db2"):
        ((ll, (horizontal, vertical, diagonal)),) = pywt.swt2(image.astype(float), wavelet, level=1)
        found = {"ll": ll, "cH": horizontal, "cV": vertical, "cD": diagonal}
        bands[wavelet] = {name: np.round(band, 9).tolist() for name, band in found.items()}
    (HERE / "filters.json").write_text(json.dumps({"image": image.tolist(), "bands": bands}) + "\n")
