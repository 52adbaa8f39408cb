"""Records: facts about weights, held against timm's own and against the conventions they state."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import timm
from hypothesis import given
from hypothesis import strategies as st

from osteon import weights
from osteon.core.errors import WeightsError
from osteon.weights.records import DEFAULTS, VARIANTS, Record, from_timm

finite = st.floats(-300, 300)
positive = st.floats(0.01, 300)


def test_public_names_are_exact() -> None:
    modules = {"doctor", "fetch", "files", "keras", "layouts", "pretrained", "records"}
    public = {name for name in vars(weights) if not name.startswith("_")} - {"annotations"}
    assert public - modules == set(weights.__all__) - modules


def test_importing_and_listing_records_imports_no_torch() -> None:
    code = "import sys, osteon.weights as w; w.records(); sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_records_are_frozen_and_their_variants_described() -> None:
    listed = weights.records()
    with pytest.raises(FrozenInstanceError):
        listed["random"].mean = (1.0, 1.0, 1.0)  # type: ignore[misc]
    for name, record in listed.items():
        assert record.name == name
        assert record.variant in VARIANTS.get(record.architecture, {"timm": ""})
        assert weights.find(name) == record
        assert record.citation or name == "random"


@pytest.mark.parametrize("name", [name for name in weights.records() if name.startswith("timm:")])
def test_records_of_timm_are_timms(name: str) -> None:
    ours = weights.records()[name]
    theirs = from_timm(name.removeprefix("timm:"))
    assert replace(ours, licence="", citation="") == replace(theirs, licence="", citation="")
    assert ours.licence == theirs.licence


@pytest.mark.parametrize("backbone", sorted(DEFAULTS))
def test_imagenet_is_timms_default(backbone: str) -> None:
    assert DEFAULTS[backbone] == f"timm:{backbone}.{timm.get_pretrained_cfg(backbone).tag}"
    assert from_timm(backbone).name == DEFAULTS[backbone]


@given(st.tuples(finite, positive), st.tuples(*[finite] * 3), st.tuples(*[positive] * 3), st.floats(0, 1))
def test_normalisation_is_range_then_mean_then_std(
    bounds: tuple[float, float], mean: tuple[float, ...], std: tuple[float, ...], grey: float
) -> None:
    low, high = bounds[0], bounds[0] + bounds[1]
    made = Record("x", "resnet50", "v1", "", range=(low, high), mean=mean, std=std).normalisation
    slow = [((low + grey * (high - low)) - m) / s for m, s in zip(mean, std, strict=True)]
    np.testing.assert_allclose(np.multiply(grey, made.scale) + made.offset, slow, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("architecture", VARIANTS)
@pytest.mark.parametrize("form", ["pytorch", "keras"])
def test_radimagenet_has_both_conventions_of_both_formats(architecture: str, form: str) -> None:
    centred = weights.find(f"radimagenet-{architecture}-{form}-centred")
    symmetric = weights.find(f"radimagenet-{architecture}-{form}-symmetric")
    assert centred.file == symmetric.file
    assert centred.channel_order == symmetric.channel_order == "BGR"
    # (BGR - [103.939, 116.779, 123.68]) / 255 of a pixel of 51, as the authors' Keras scripts
    np.testing.assert_allclose(
        np.multiply(0.2, centred.normalisation.scale) + centred.normalisation.offset,
        (51 - np.array([103.939, 116.779, 123.68])) / 255,
    )
    # (pixel - 127.5) * 2 / 255, as their PyTorch notebook
    np.testing.assert_allclose(
        np.multiply(0.2, symmetric.normalisation.scale) + symmetric.normalisation.offset, (51 - 127.5) * 2 / 255
    )


def test_only_licences_known_to_allow_it_let_weights_be_handed_on() -> None:
    forbidden = {name for name, record in weights.records().items() if record.forbids}
    unread = ("radimagenet-", "radiologynet-", "torchxrayvision-")
    assert forbidden == {name for name in weights.records() if name.startswith(unread)}
    own = Record("mine", "resnet50", "v1.5", "our own radiographs")
    assert (own.forbids, own.terms) == ("", "licence not stated; whoever hands them on answers for that")
    assert "no licence" in replace(own, source="hf:someone/weights/x.pt").forbids
    strict = replace(own, source="https://example.org/x.pt", licence="research only, no sharing")
    assert strict.licence in strict.forbids
    assert strict.terms.startswith("may not be handed on")
    assert "no commercial purpose" in replace(strict, licence="CC-BY-NC-4.0").terms
    assert weights.find("random").terms == "random weights need no licence"


def test_record_survives_json() -> None:
    import json

    for record in weights.records().values():
        assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record


@pytest.mark.parametrize("change", [{"colour": "blue"}, {"std": [0, 1, 1]}, {"mean": [1, 2]}, {"range": 1}])
def test_a_damaged_record_is_refused(change: dict) -> None:
    with pytest.raises(WeightsError, match="not one that osteon wrote"):
        Record.from_dict({**weights.find("random").to_dict(), **change})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("radimagenet-resnet50-keras-central", "Did you mean 'radimagenet-resnet50-keras-centred'"),
        ("timm:resnet5", "no network called 'resnet5'"),
        ("timm:resnet50.nonsense", "Its weights are: .*resnet50.a1_in1k"),
    ],
)
def test_unknown_names_are_refused_with_a_suggestion(name: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        weights.find(name)
