"""Pretraining on pictures of one's own: what is learned and measured, what is written, and that it can be stopped."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import balanced_accuracy_score
from torch.nn import functional as F

from osteon import pretraining, study, weights
from osteon.core.errors import InputError, LeakError
from osteon.core.progress import Quiet
from osteon.core.run import Tables
from osteon.models.network import build
from osteon.pipeline import FIT, demo, walk
from osteon.pretraining import Material, Pretraining
from osteon.pretraining.judging import merit, probe, scatter
from osteon.pretraining.objectives import Batch, Objectives, lessons, turned, vicreg
from small_study import STUDY, make

BACKBONE = "test_byobnet"
RANDOM = weights.resolve("random", BACKBONE)


def stripes(n: int = 160, *, several: bool = True, name: str = "stripes") -> Material:
    """Noise with stripes of either direction, of both or of none, and which."""
    rng = np.random.default_rng(1)
    signs = rng.integers(0, 2, (n, 2))
    wave = np.sin(np.arange(64) / 2).astype(np.float32)
    pictures = rng.random((n, 64, 64), dtype=np.float32) * 0.3
    pictures += 0.3 * signs[:, 0, None, None] * (wave[:, None] > 0) + 0.3 * signs[:, 1, None, None] * (wave > 0)
    labels = signs if several else signs[:, 0]
    return Material.drawn(name, pictures, labels, ("lying", "standing"), np.arange(n))


def asked(**settings: object) -> Pretraining:
    """Settings that train in a second."""
    small = {"backbone": BACKBONE, "weights": "random", "size": 64, "epochs": 2, "learning_rate": 4e-3, "held_out": 0.2}
    return Pretraining.model_validate({"name": "stripes", **small, **settings})


class PowerCutError(Exception):
    """What a progress bar raises to stand for a power cut."""


class Cut(Quiet):
    """Progress that ends after so many steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    @contextmanager
    def __call__(self, total: int, title: str = "") -> Iterator[Cut]:
        yield self

    def advance(self, n: int = 1) -> None:
        self.left -= n
        if self.left < 0:
            raise PowerCutError


@pytest.mark.parametrize("several", [False, True], ids=["classes", "signs"])
def test_it_learns_and_writes_weights_that_a_study_can_name(tmp_path: Path, several: bool) -> None:
    path = tmp_path / "stripes.safetensors"
    told = pretraining.learn([stripes(320, several=several)], asked(epochs=4), path, start=RANDOM)
    assert told.curves[-1]["held_out"]["stripes"] > 0.9
    assert told.curves[-1]["probe"]["stripes"] > 0.9
    assert weights.Pretrained.of(path) == told
    found = weights.resolve(f"file:{path}", BACKBONE)
    assert found.record.terms == "licence not stated; whoever hands them on answers for that"
    held, written = build.build(BACKBONE, found, seed=3, size=64).backbone.state_dict(), load_file(path)
    assert all(torch.equal(held[name], written[name]) for name in held if "num_batches" not in name)
    assert "| stripes | 320 | 64 |" in path.with_suffix(".md").read_text()


def test_what_was_cut_off_goes_on_to_the_same_bytes_with_all_objectives(tmp_path: Path) -> None:
    how = asked(objectives=("labels", "views", "orientation"), interpolate=(0.25,))
    whole, cut = tmp_path / "whole" / "s.safetensors", tmp_path / "cut" / "s.safetensors"
    source = stripes()
    pretraining.learn([source], how, whole, start=RANDOM)
    for after in (2, 6):  # in the first pass, of which nothing is kept, and in the second
        with pytest.raises(PowerCutError):
            pretraining.learn([source], how, cut, start=RANDOM, on=pretraining.Machine(progress=Cut(after)))
        assert not cut.exists()
    pretraining.learn(
        [source], how, cut, start=RANDOM, on=pretraining.Machine(progress=Cut(2 * 4))
    )  # no step is done twice
    names = ("s.safetensors", "s.md", "s-0.25.safetensors", "s-0.25.md")
    assert all((whole.parent / name).read_bytes() == (cut.parent / name).read_bytes() for name in names)
    row = weights.Pretrained.of(whole).curves[-1]
    assert {"loss_labels", "loss_views", "loss_orientation", "orientation", "effective_rank", "spread"} <= set(row)


def test_it_continues_a_start_and_mixes_with_it(tmp_path: Path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    licensed = stripes()
    pretraining.learn([licensed], asked(epochs=1), first, start=RANDOM)
    start = weights.resolve(f"file:{first}", BACKBONE)
    pretraining.learn([licensed], asked(name="second", epochs=1, interpolate=(0.25,)), second, start=start)
    begun, end, mixed = (load_file(path) for path in (first, second, tmp_path / "second-0.25.safetensors"))
    name = next(name for name, tensor in end.items() if tensor.ndim == 4)
    assert not torch.equal(begun[name], end[name])
    torch.testing.assert_close(mixed[name], 0.75 * begun[name] + 0.25 * end[name])
    told = weights.Pretrained.of(tmp_path / "second-0.25.safetensors")
    assert told.start["name"] == "stripes"
    assert told.start["sha256"] == start.sha256
    assert "then interpolated, 25% of the way from the start" in told.in_words()
    records = [weights.resolve(f"file:{path}", BACKBONE).record for path in (first, second)]
    assert records[0].normalisation == records[1].normalisation


def test_collapse_stops_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    with pytest.raises(InputError, match=r"pretraining has failed: .*; nothing was written\. Lower learning_rate"):
        pretraining.learn([stripes()], asked(learning_rate=1e6), path, start=RANDOM)
    assert not path.exists()


def test_one_patient_cannot_be_held_out_of_and_a_start_is_not_written_over(tmp_path: Path) -> None:
    source = stripes(40)
    alone = Material(
        source.name, source.pictures, np.zeros(40, dtype=np.intp), source.facts, source.labels, source.classes
    )
    with pytest.raises(InputError, match="all pictures are one patient's"):
        pretraining.learn([alone], asked(), tmp_path / "s.safetensors", start=RANDOM)
    path = settings_file(tmp_path)
    pretraining.learn([source], asked(epochs=1), tmp_path / "films.safetensors", start=RANDOM)
    path.write_text(SETTINGS.replace('"random"', '"file:films.safetensors"'))
    with pytest.raises(InputError, match="written over the weights that it starts from"):
        pretraining.pretrain(path)


# Measures ----------------------------------------------------------------------------------------------------------


def test_scatter_of_known_features() -> None:
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(40, 5)))
    centred = basis - basis.mean(axis=0)
    line = np.outer(np.linspace(1, 2, 20), np.ones(6))
    assert scatter(line).rank == pytest.approx(1)
    assert scatter(line).collapsed  # one direction, and one point on the sphere
    assert scatter(line).spread == pytest.approx(0, abs=1e-12)
    values = np.linalg.svd(centred, compute_uv=False)
    share = values / values.sum()
    assert scatter(basis).rank == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    corners = np.repeat(np.eye(8), 3, axis=0)
    assert scatter(corners).rank == pytest.approx(7)  # eight corners of a simplex span seven equal directions
    assert scatter(corners).spread == pytest.approx(np.sqrt(1 / 8 - 1 / 64) * np.sqrt(8))
    assert scatter(np.full((4, 3), np.nan)).collapsed


def test_merit_and_probe() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    told = rng.normal(size=(90, 3)) + 1.5 * np.eye(3)[labels]
    assert merit(told, labels) == pytest.approx(balanced_accuracy_score(labels, told.argmax(axis=1)))
    unknown = np.where(np.arange(90) < 30, -1, labels)
    assert merit(told, unknown) == pytest.approx(balanced_accuracy_score(labels[30:], told[30:].argmax(axis=1)))
    assert np.isnan(merit(told, np.zeros(90, dtype=np.int64)))
    features = rng.normal(size=(90, 20)) + 6 * np.eye(20)[labels]
    linear = probe(features[:60], unknown[:60], features[60:])
    assert linear is not None
    assert merit(linear, labels[60:]) > 0.9
    assert probe(features, np.zeros(90, dtype=np.int64), features) is None


def test_vicreg_is_that_of_lightly(references: Path) -> None:
    for case in json.loads((references / "vicreg.json").read_text()):
        first, second = (torch.tensor(case[side], dtype=torch.float64) for side in ("first", "second"))
        assert float(vicreg(first, second)) == pytest.approx(case["loss"], rel=1e-12)


def test_turned_pictures() -> None:
    pictures = torch.rand(4, 1, 5, 5)
    after = turned(pictures, torch.arange(4))
    for quarter in range(4):
        np.testing.assert_array_equal(after[quarter, 0], np.rot90(pictures[quarter, 0], quarter))


def test_classes_and_sources_weigh_the_same() -> None:
    rng = np.random.default_rng(0)
    images = rng.random((30, 32, 32), dtype=np.float32)
    told = {"a": np.repeat([0, 1], [8, 2]), "b": np.repeat([0, 1, -1], [5, 9, 6]), "c": np.zeros(4, dtype=np.int64)}
    sources = [
        Material.drawn(name, images[: len(labels)], labels, ("x", "y"), np.arange(len(labels)))
        for name, labels in told.items()
    ]
    taught = lessons(sources, [np.arange(len(source.pictures)) for source in sources])
    assert [lesson.number for lesson in taught] == [0, 1]  # the third has one label alone
    torch.manual_seed(0)
    heads = Objectives(("labels",), 6, taught)
    features = torch.randn(1, 34, 6)
    labels = torch.from_numpy(np.concatenate(list(told.values())))
    number = torch.from_numpy(np.repeat([0, 1, 2], [10, 20, 4]))
    loss = heads(features, Batch(number, labels[:, None], torch.zeros(34).long()))["labels"]
    by_hand = []
    for source in (0, 1):
        logits = heads.labels[source](features[0])
        here = [(number == source) & (labels == one) for one in (0, 1)]
        by_hand.append(torch.stack([F.cross_entropy(logits[at], labels[at]) for at in here]).mean())
    assert loss.item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-5)


# From a settings file ----------------------------------------------------------------------------------------------


SETTINGS = """\
[pretraining]
name = "films"
backbone = "test_byobnet"
weights = "random"
size = 32
epochs = 1
batch_size = 8
objectives = ["labels", "orientation"]

[[sources]]
name = "zipped"
pictures = "films.zip"
table = "films.csv"
rows = { source = "zipped" }
labels = ["grade"]
patient = "patient"
licence = "CC BY 4.0"

[[sources]]
name = "loose"
pictures = "loose"
licence = "CC BY-NC-ND 4.0"

[compute]
precision = "float32"
"""


def settings_file(folder: Path) -> Path:
    """A zip file with a table of grades and patients, and a folder without either."""
    rng, rows = np.random.default_rng(3), []
    (folder / "loose").mkdir(parents=True)
    with zipfile.ZipFile(folder / "films.zip", "w") as archive:
        for i in range(40):
            into = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (40, 30), dtype=np.uint8)).save(into, "PNG")
            archive.writestr(f"f/{i}.png", into.getvalue())
            rows.append(("zipped", f"f/{i}.png", "KL0" if i % 3 else "KL1", f"z{i // 2}"))
            Image.fromarray(rng.integers(0, 256, (36, 36), dtype=np.uint8)).save(folder / "loose" / f"{i}.jpg")
    rows.append(("elsewhere", "absent.png", "", ""))
    pd.DataFrame(rows, columns=["source", "image", "grade", "patient"]).to_csv(folder / "films.csv", index=False)
    (folder / "films.toml").write_text(SETTINGS)
    return folder / "films.toml"


def test_a_settings_file_of_a_zip_file_and_a_folder(tmp_path: Path) -> None:
    path = pretraining.pretrain(settings_file(tmp_path))
    told = weights.Pretrained.of(path)
    assert [(s["name"], s["pictures"], s["labels"]) for s in told.sources] == [
        ("zipped", 40, {"KL0": 26, "KL1": 14}),
        ("loose", 40, {}),
    ]
    record = weights.resolve(f"file:{path}", BACKBONE).record
    assert record.licence == "CC BY 4.0 + CC BY-NC-ND 4.0"
    assert record.forbids == "the licence of their publisher is not known to allow it: CC BY-NC-ND 4.0"
    assert told.sealed({"0" * 64}) == weights.NOT_COMPARED
    (tmp_path / "films.csv").unlink()
    with pytest.raises(InputError, match=r"films\.csv"):
        pretraining.pretrain(tmp_path / "films.toml")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('labels = ["grade"]', 'labels = ["grad"]', r"column 'grad'.*rename|column 'grad'"),
        ('rows = { source = "zipped" }', 'rows = { source = "zip" }', "no row has source = zip"),
        ('rows = { source = "zipped" }', "", r"'absent\.png' cannot be taken out of the zip file"),
        ('pictures = "loose"', 'pictures = "lose"', "neither a folder nor a zip file"),
        ('["labels", "orientation"]', '["label"]', r"pretraining\.objectives"),
        ("batch_size", "batchsize", r"unknown setting 'pretraining\.batchsize'\. Did you mean 'batch_size'"),
        ('pictures = "loose"', 'pictures = "loose"\npatient = "p"', "name the table"),
        ("batch_size = 8", "batch_size = 800", "less than a batch"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(tmp_path: Path, before: str, after: str, said: str) -> None:
    path = settings_file(tmp_path)
    path.write_text(SETTINGS.replace(before, after))
    with pytest.raises(InputError, match=said):
        pretraining.pretrain(path)


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = settings_file(tmp_path)
    with zipfile.ZipFile(tmp_path / "films.zip", "a") as archive:
        archive.writestr("f/broken.png", b"no picture")
    with (tmp_path / "films.csv").open("a") as table:
        table.write("zipped,f/broken.png,KL0,z99\n")
    with pytest.raises(InputError, match=r"films\.zip/f/broken\.png"):
        pretraining.pretrain(path)


# Sealed ------------------------------------------------------------------------------------------------------------


def test_external_cases_are_found_in_any_position_and_by_their_patients(tmp_path: Path) -> None:
    study_file, settings = make(tmp_path / "study", patients=6), settings_file(tmp_path / "films")
    with Image.open(tmp_path / "study" / "images" / "B03-frontal.png") as picture:
        disguised = Image.fromarray(255 - np.rot90(np.asarray(picture)[:, ::-1])).resize((160, 144))
        disguised.save(tmp_path / "films" / "loose" / "7.jpg", quality=80)
    films = pd.read_csv(tmp_path / "films" / "films.csv")
    films.loc[4, "patient"] = " b1"
    films.to_csv(tmp_path / "films" / "films.csv", index=False)
    with pytest.raises(
        LeakError, match=r"2 of the pictures .* external cases .*: zipped: f/4\.png is of the patient of"
    ):
        pretraining.pretrain(settings, study_file)
    found = pd.read_csv(tmp_path / "films" / "films.overlaps.csv")
    assert list(found["file"]) == ["f/4.png", "7.jpg"]
    assert found["case_id"].iloc[1] == "B03-frontal"
    assert found["correlation"].iloc[1] > 0.9


ONE = """\
[[models]]
kind = "network"
name = "frozen"
backbone = "test_byobnet"
weights = "file:../films/films.safetensors"
"""


def test_a_study_says_how_its_weights_were_pretrained_and_what_was_compared(tmp_path: Path) -> None:
    settings = settings_file(tmp_path / "films")
    head, _, _ = STUDY.partition("[[models]]")
    study_file = make(tmp_path / "study", patients=6, study=f"{head}{ONE}\n[evaluation]\nfolds = 2\nbootstrap = 100\n")
    pretraining.pretrain(settings, study_file)
    run = Tables(walk(FIT, study.load(study_file)).path)
    words = study.load(run.study_file).model("frozen").in_words(run)
    assert (
        "pretrained by osteon from random weights on 40 pictures of zipped (CC BY 4.0) and 40 pictures of loose "
        "(CC BY-NC-ND 4.0): the sources' labels and the orientation of turned pictures, 1 pass at 32 pixels; its 80 "
        "pretraining pictures were compared, turned and mirrored, with 8 of the study's 8 external pictures, and none "
        "is the same; no patient of zipped is an external patient; the patients of loose are not known"
    ) in words
    assert str(tmp_path) not in run.provenance_file.read_text()


def test_the_demonstrations_study_trains_in_float32_from_the_weights_it_makes(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(demo.STUDY, encoding="utf-8")
    settings = study.load(path)
    assert (settings.compute.precision, settings.compute.predict) == ("float32", "float32")
    made = {f"file:weights/{demo.BACKBONE}-{source}.safetensors" for source in demo.SOURCES}
    networks = [model for model in settings.models if isinstance(model, study.Network)]
    assert {model.weights for model in networks} == made
    assert {model.backbone for model in networks} == {demo.BACKBONE}
    first, second = (settings.model(name) for name in settings.primary)
    assert isinstance(first, study.Network)
    assert isinstance(second, study.Network)
    # The primary pair differs in its weights and in nothing else.
    assert first.model_copy(update={"name": "", "weights": ""}) == second.model_copy(update={"name": "", "weights": ""})
