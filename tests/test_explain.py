"""Maps against closed forms, captum and their definitions; scores against plain geometry; the step from end to end."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import LayerGradCam, Occlusion
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import spearmanr
from torch import nn

from osteon import models, study
from osteon.core import tables
from osteon.core.errors import StudyError
from osteon.models.explain import maps as cams
from osteon.models.explain.placing import in_common, on_radiograph, sampled
from osteon.models.explain.scores import RASTER, LesionInCrop, correlation, middle, score
from osteon.models.inputs import crops
from osteon.models.network import pictures
from osteon.pipeline import EXPLAIN, FIT, Workers, walk
from osteon.pipeline.context import sample
from osteon.results import figures, report
from small_study import bytes_of, fitted_network, make

WHOLE = np.array([0.0, 0.0, 1.0, 1.0])


# Maps -----------------------------------------------------------------------------------------------------------------


class _Planted(nn.Module):
    """Two features on cells of 8 x 8 pixels: the mean grey level, and one less it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grey = nn.functional.avg_pool2d(x[:, :1], 8)
        return torch.cat([grey, 1 - grey], 1)


@pytest.fixture(scope="module")
def planted() -> models.Classifier:
    """Logit = mean over cells of 2 a - (1 - a) + 0.3 = 3 a - 1 + 0.3 for grey levels a."""
    record = models.build("test_resnet", "random").record
    network = models.Classifier(_Planted(), record, boundaries=[], dropout=0.5).eval()
    network.scale.fill_(1)
    network.offset.fill_(0)
    network.linear.weight.data = torch.tensor([[2.0, -1.0]])
    network.linear.bias.data.fill_(0.3)
    return network


def test_maps_of_a_network_whose_map_is_known(planted: models.Classifier) -> None:
    grey = torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    x = grey.repeat_interleave(8, 2).repeat_interleave(8, 3)
    found = cams.maps(planted, x, ["gradcam", "hirescam", "gradcam++"])
    expected = (3 * grey[:, 0] - 1).relu()
    expected = expected / expected.amax((1, 2), keepdim=True)
    torch.testing.assert_close(found["gradcam"][0], expected)
    torch.testing.assert_close(found["hirescam"][0], expected)
    # Only the first feature speaks for the class, and Grad-CAM++ leaves the other out.
    torch.testing.assert_close(found["gradcam++"][0], grey[:, 0] / grey[:, 0].amax((1, 2), keepdim=True))


def test_occlusion_of_a_network_whose_map_is_known(planted: models.Classifier) -> None:
    x = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(2))
    found = cams.occlusion(planted, x, planted.linear.weight)[0].detach()
    for picture, values in zip(x[:, 0].double(), found, strict=True):
        falls = np.zeros((7, 7))
        for i, j in np.ndindex(7, 7):
            window = picture[6 * i : 6 * i + 12, 6 * j : 6 * j + 12]
            falls[i, j] = 3 * float((window - picture.mean()).sum()) / 48**2
        around = [[falls[max(i - 1, 0) : i + 1, max(j - 1, 0) : j + 1].mean() for j in range(8)] for i in range(8)]
        np.testing.assert_allclose(values.numpy(), np.maximum(around, 0), atol=1e-6)


def test_a_map_of_nothing_stays_empty(planted: models.Classifier) -> None:
    found = cams.maps(planted, torch.zeros(1, 1, 48, 48), ["gradcam"])
    assert not found["gradcam"].any()


@pytest.mark.parametrize(
    "backbone", ["test_resnet", "test_convnext", "test_efficientnet", "resnet50", "densenet121", "inception_v3"]
)
def test_gradcam_is_captums(backbone: str) -> None:
    network = models.build(backbone, "random", seed=3)
    x = torch.rand(2, 1, 96, 96, generator=torch.Generator().manual_seed(3))
    theirs = LayerGradCam(network, network.cam_layer).attribute(x)[:, 0].detach()
    with torch.no_grad():
        weight = network.linear.weight
        speaks_for, against = cams.gradcam(cams.feature_maps(network, x), torch.cat([weight, -weight]))
    assert theirs.any()
    torch.testing.assert_close(speaks_for, theirs.relu(), rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(against, (-theirs).relu(), rtol=1e-4, atol=1e-9)


def test_occlusion_is_captums() -> None:
    network = models.build("test_resnet", "random", seed=3)
    x = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        theirs = Occlusion(network).attribute(
            x, sliding_window_shapes=(1, 16, 16), strides=(1, 8, 8), baselines=float(x.mean())
        )
        ours = cams.occlusion(network, x, network.linear.weight)[0]
    torch.testing.assert_close(ours[0], theirs[0, 0, ::8, ::8].relu().float(), rtol=1e-3, atol=1e-7)


def test_all_methods_are_what_backward_passes_give() -> None:
    """Gradients of the logit, and derivatives of its exponential, written out cell by cell."""
    network = models.build("test_resnet", "random", seed=5)
    x = torch.rand(2, 1, 96, 96, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        values = cams.feature_maps(network, x)
    features = values.clone().requires_grad_(True)
    logits = network.head(features.mean((2, 3)))[:, 0]
    (gradient,) = torch.autograd.grad(logits.sum(), features)
    hirescam = (gradient * values).sum(1).relu()
    weights = torch.zeros(values.shape[:2])
    for n, k in np.ndindex(*values.shape[:2]):
        a, g = values[n, k], gradient[n, k]
        second, third = g**2, g**3  # derivatives of exp(S) over exp(S), S being linear in A
        alpha = second / (2 * second + (a * third).sum())
        weights[n, k] = (alpha * g.relu()).nan_to_num().sum()
    plus_plus = (weights[..., None, None] * values).sum(1).relu()
    heads = network.linear.weight.detach()
    torch.testing.assert_close(cams.hirescam(values, heads)[0], hirescam)
    torch.testing.assert_close(cams.gradcam(values, heads)[0], hirescam)
    torch.testing.assert_close(cams.gradcam_plus_plus(values, heads)[0], plus_plus)


def test_heads_that_share_a_backbone_are_each_as_if_alone() -> None:
    network = models.build("test_resnet", "random", seed=6)
    x = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(6))
    heads = torch.randn(4, network.n_features, generator=torch.Generator().manual_seed(7))
    methods = ["gradcam", "gradcam++", "occlusion"]
    together = cams.maps(network, x, methods, heads)
    for k, head in enumerate(heads):
        network.linear.weight.data = head[None]
        for method, alone in cams.maps(network, x, methods).items():
            torch.testing.assert_close(together[method][k], alone[0], rtol=1e-4, atol=1e-5)


def test_a_transformer_has_no_map() -> None:
    with pytest.raises(StudyError, match="convolutional"):
        cams.maps(models.build("test_vit", "random"), torch.rand(1, 1, 160, 160), ["gradcam"])


def test_an_ensemble_gives_every_member_one_voice() -> None:
    steep, flat = torch.tensor([[[[8.0, 0.0]]]]), torch.tensor([[[[0.0, 0.1]]]])
    found = cams.together([cams.normalised(steep), cams.normalised(flat)])
    torch.testing.assert_close(found, torch.ones(1, 1, 2))


def test_a_cascade_forgets_from_the_head_down_and_leaves_the_network_alone() -> None:
    network, stranger = (models.build("test_resnet", "random", seed=seed) for seed in (1, 2))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    learned = []
    for _, forgetful in cams.cascade(network, stranger):
        state = forgetful.state_dict()
        learned.append({n for n in before if not torch.equal(state[n], stranger.state_dict()[n])})
    assert all(after < earlier for earlier, after in pairwise(learned))
    assert not any(name.startswith("head") for name in learned[0])
    assert any("layer3" in name for name in learned[1])
    assert not any("layer4" in name for name in learned[1])
    assert not learned[-1]
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())


# Places ---------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**31), st.floats(-30, 40), st.floats(-30, 40), st.floats(5, 90), st.floats(5, 90))
def test_a_map_lies_on_the_radiograph_where_torch_puts_it(seed: int, x0: float, y0: float, w: float, h: float) -> None:
    values, shape = np.random.default_rng(seed).random((5, 7)), (40, 60)
    rect = np.array([x0, y0, x0 + w, y0 + h])
    found = on_radiograph(values, rect, shape)
    x, y = np.meshgrid(np.arange(60) + 0.5, np.arange(40) + 0.5)
    grid = np.stack([(x - x0) / w * 2 - 1, (y - y0) / h * 2 - 1], axis=-1)
    theirs = nn.functional.grid_sample(
        torch.from_numpy(values)[None, None], torch.from_numpy(grid)[None], padding_mode="border", align_corners=False
    )[0, 0].numpy()
    inside = (x >= rect[0]) & (x < rect[2]) & (y >= rect[1]) & (y < rect[3])
    np.testing.assert_allclose(found, np.where(inside, theirs, 0), atol=1e-12)


@pytest.mark.parametrize("rect", [(10.0, 12.0, 42.0, 44.0), (-6.5, 20.25, 30.0, 50.0), (3.2, 4.7, 20.9, 11.1)])
def test_cutting_out_and_putting_back_are_inverse(rect: tuple[float, ...]) -> None:
    """A crop of a plane, put back, is the plane again, but for half a crop pixel at its rim."""
    y, x = np.mgrid[:60, :64] + 0.5
    plane = (0.3 + 0.01 * x - 0.004 * y).astype(np.float32)
    size = 32
    crop = crops.extract(plane, np.array([rect]), size)[0]
    back = on_radiograph(crop, np.array(rect), plane.shape)
    x0, y0, x1, y1 = rect
    outside = (x < x0) | (x >= x1) | (y < y0) | (y >= y1)
    assert not back[outside].any()
    rim_x, rim_y = (x1 - x0) / size / 2 + 1, (y1 - y0) / size / 2 + 1
    core = (x > max(x0, 0) + rim_x) & (x < x1 - rim_x) & (y > max(y0, 0) + rim_y) & (y < y1 - rim_y)
    assert core.sum() > 20
    np.testing.assert_allclose(back[core], plane[core], atol=2e-5)


def test_two_maps_are_compared_where_both_lie() -> None:
    rng = np.random.default_rng(0)
    values, rect = rng.random((6, 6)), np.array([-10.0, 5.0, 50.0, 65.0])
    both = in_common(values, rect, values, rect, (40, 40))
    assert both is not None
    np.testing.assert_array_equal(*both)
    x, y = 0 + 40 * (np.arange(32) + 0.5) / 32, 5 + 35 * (np.arange(32) + 0.5) / 32
    np.testing.assert_allclose(both[0], sampled(values, rect, x, y))
    assert in_common(values, rect, values, rect + 100, (400, 400)) is None


# Scores ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.floats(0, 40), st.floats(0, 40), st.floats(1, 20), st.floats(1, 20), st.integers(1, 9))
def test_a_uniform_map_scores_chance(x0: float, y0: float, w: float, h: float, cells: int) -> None:
    lesion = LesionInCrop(np.array([0.0, 0.0, 60.0, 60.0]), np.array([x0, y0, x0 + w, y0 + h]))
    found = score(np.full((cells, cells), 0.7), lesion)
    assert found["energy_box"] == pytest.approx(w * h / 3600, rel=1e-9)
    assert found["energy_box_ratio"] == pytest.approx(1)


def test_scores_of_a_map_are_plain_geometry() -> None:
    """One bright cell of 4 x 4 in a crop of 80 x 80 pixels with a rectangular mask."""
    values = np.zeros((4, 4))
    values[1, 2] = 2.0
    mask = np.zeros((200, 200), dtype=bool)
    mask[56:90, 97:115] = True
    lesion = LesionInCrop(np.array([50.0, 30.0, 130.0, 110.0]), np.array([95.0, 55.0, 120.0, 95.0]), mask, (0.5, 0.2))
    found = score(values, lesion)
    # The peak is the cell's centre: x = 50 + 80 * 2.5 / 4 = 100, y = 30 + 80 * 1.5 / 4 = 60, inside.
    assert (found["pointing_box"], found["pointing_mask"], found["distance"]) == (1, 1, 0)
    y, x = np.mgrid[:2000, :2000] / 2000
    cell = np.clip(1 - abs(np.clip(x * 4 - 0.5, 0, 3) - 2), 0, 1) * np.clip(
        1 - abs(np.clip(y * 4 - 0.5, 0, 3) - 1), 0, 1
    )
    in_mask = (x * 80 + 50 >= 97) & (x * 80 + 50 < 115) & (y * 80 + 30 >= 56) & (y * 80 + 30 < 90)
    in_box = (x * 80 + 50 >= 95) & (x * 80 + 50 < 120) & (y * 80 + 30 >= 55) & (y * 80 + 30 < 95)
    assert found["energy_mask"] == pytest.approx(cell[in_mask].sum() / cell.sum(), rel=0.01)
    assert found["energy_box"] == pytest.approx(cell[in_box].sum() / cell.sum(), rel=0.01)
    assert found["energy_mask_ratio"] == pytest.approx(found["energy_mask"] / (18 * 34 / 6400), rel=0.01)
    for level in (25, 50, 75):
        above = cell >= level / 100
        assert found[f"iou_{level}"] == pytest.approx((above & in_mask).sum() / (above | in_mask).sum(), rel=0.03)


def test_distance_of_a_peak_that_misses() -> None:
    values = np.zeros((4, 4))
    values[3, 0] = 1.0  # at x = 10, y = 70 in a crop of 80
    rect, box = np.array([0.0, 0.0, 80.0, 80.0]), np.array([40.0, 10.0, 70.0, 50.0])
    found = score(values, LesionInCrop(rect, box, spacing=(0.5, 0.2)))
    assert found["distance"] == pytest.approx(np.hypot(30, 20) / 50)
    assert found["distance_mm"] == pytest.approx(np.hypot(30 * 0.2, 20 * 0.5))
    assert found["pointing_box"] == 0
    assert np.isnan(found["energy_mask"])
    mask = np.zeros((80, 80), dtype=bool)
    mask[10:50, 60:70] = True  # the mask is further off than the box
    masked = score(values, LesionInCrop(rect, box, mask, (0.5, 0.2)))
    assert masked["distance_mm"] == pytest.approx(np.hypot(50 * 0.2, 20 * 0.5), abs=80 / RASTER)
    assert masked["distance"] > found["distance"]


def test_an_empty_map_names_no_place() -> None:
    found = score(np.zeros((3, 3)), LesionInCrop(np.array([0.0, 0, 9, 9]), np.array([2.0, 2, 5, 5])))
    assert found.pop("empty") == 1
    assert np.isnan(list(found.values())).all()


def test_a_hill_in_the_middle_beats_chance_because_crops_are_centred() -> None:
    found = score(middle(), LesionInCrop(np.array([0.0, 0, 130, 130]), np.array([15.0, 15, 115, 115])))
    assert found["pointing_box"] == 1
    assert 1.2 < found["energy_box_ratio"] < 1.69


def test_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(3)
    a, b = np.maximum(rng.normal(size=(2, 7, 7)), 0)  # many ties, as after a ReLU
    assert correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic)
    assert np.isnan(correlation(a, np.ones((7, 7))))


# The step -------------------------------------------------------------------------------------------------------------


def test_a_sample_is_balanced_and_the_same_again() -> None:
    rng = np.random.default_rng(0)
    cases = pd.DataFrame({"centre": rng.choice(["B", "C"], 200, p=[0.9, 0.1]), "label": rng.random(200) < 0.2})
    cases["case_id"] = [f"c{i}" for i in range(200)]
    chosen = sample(cases, 12, [1, 2])
    assert chosen == sample(cases.sample(frac=1, random_state=1), 12, [1, 2])
    counts = cases[cases["case_id"].isin(chosen)].groupby(["centre", "label"]).size()
    assert counts.max() - counts.min() <= 1
    assert sample(cases, -1, [1]) == list(cases["case_id"])
    assert sample(cases, 0, [1]) == []
    assert len(set(sample(cases, 500, [1]))) == 200
    more = cases.assign(centre="A", case_id=[f"a{i}" for i in range(200)])
    of_three, place = sample(pd.concat([more, cases]), 30, [1, 2]), cases.set_index("case_id")["centre"]
    for centre in "BC":  # a third centre takes its share, and what is left begins as before
        before = [case for case in sample(cases, 30, [1, 2]) if place[case] == centre]
        left = [case for case in of_three if place.get(case) == centre]
        assert left
        assert left == before[: len(left)]


STUDY = """\
[study]
name = "maps"
seed = 7
[task]
positive = ["malignant"]
[centres]
development = ["A"]
[crop]
size = 96
margin = 0.3
[[models]]
kind = "network"
name = "frozen"
backbone = "test_resnet"
weights = "random"
[[models]]
kind = "network"
name = "tuned"
backbone = "test_resnet"
weights = "random"
recipe = "full"
epochs = 1
batch_size = 8
seeds = 2
[[models]]
kind = "network"
name = "tokens"
backbone = "test_vit"
weights = "random"
[evaluation]
folds = 2
bootstrap = 100
[robustness]
repeats = 0
[explain]
cases = 0
"""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is finished but for maps, figures and report; half of the external cases have a mask."""
    path = make(tmp_path_factory.mktemp("explained"), study=STUDY)
    cohort = pd.read_csv(path.parent / "cohort.csv")
    cohort = cohort[(cohort["centre"] == "A") | (cohort["patient_id"] < "B15")].reset_index(drop=True)
    (path.parent / "masks").mkdir()
    cohort["mask"] = ""
    for i, case in cohort.iterrows():
        if int(i) % 2:
            mask = np.zeros((80, 72), dtype=np.uint8)
            mask[int(case.y0) + 2 : int(case.y1) - 2, int(case.x0) : int(case.x1) - 4] = 255
            cohort.loc[i, "mask"] = f"masks/{case.case_id}.png"
            Image.fromarray(mask).save(path.parent / "masks" / f"{case.case_id}.png")
    cohort.to_csv(path.parent / "cohort.csv", index=False)
    walk(FIT, study.load(path))
    return path


def run_step(path: Path, *, jobs: int = 1, **asked: object) -> Path:
    """The step on a run, with these settings of [explain]."""
    given = study.load(path)
    given = given.model_copy(
        update={
            "explain": study.Explain(**{"cases": -1, "methods": ("gradcam", "gradcam++"), **asked}),
            "robustness": study.Robustness(repeats=1, shift=(0.2,), scale=(), aspect=(), combined=(0.1,), image=False),
        }
    )
    return walk((*FIT, *EXPLAIN), given, Workers(jobs)).path


@pytest.fixture(scope="module")
def explained(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with maps of all external cases."""
    folder = tmp_path_factory.mktemp("copy") / "study"
    shutil.copytree(fitted.parent, folder)
    return run_step(folder / "study.toml")


def test_stored_maps_are_those_of_the_folds_by_backward_passes(explained: Path) -> None:
    given = study.load(explained.parent / "study.toml")
    about = tables.read(explained / "cams" / "cases.csv", tables.EXPLAINED)
    cohort = tables.read(explained / "cohort.csv", tables.COHORT).set_index("case_id")
    assert set(about["case_id"]) == set(cohort.index[cohort["centre"] == "B"])
    place = 4
    case = cohort.loc[about["case_id"][place]]
    rect = crops.rectangles(case[["x0", "y0", "x1", "y1"]].to_numpy(dtype=float), given.crop)
    np.testing.assert_allclose(about.loc[place, ["x0", "y0", "x1", "y1"]].to_numpy(dtype=float), rect[0])
    image = np.asarray(Image.open(explained.parent / case["image"]), dtype=np.float32) / 255
    x = torch.from_numpy(pictures.middle(crops.to_stored(crops.extract(image, rect, 96)), 96))
    for model, seeds in (("frozen", 1), ("tuned", 2)):
        parts = []
        for seed in range(seeds):
            for fold in range(2):
                network = fitted_network(explained.parent / "study.toml", model, seed, fold)
                made = LayerGradCam(network, network.cam_layer).attribute(x, relu_attributions=True)[0, 0].detach()
                parts.append(made / made.max() if made.max() > 0 else made)
        mean = torch.stack(parts).mean(0).numpy()
        stored = np.load(explained / "cams" / model / "gradcam.npy")
        assert stored.shape == (len(about), 3, 3)
        np.testing.assert_allclose(stored[place], mean / mean.max(), atol=1e-4)
    assert not (explained / "cams" / "tokens").exists()


def test_whole_radiographs_hold_the_crops_map_and_nothing_outside(explained: Path) -> None:
    about = tables.read(explained / "cams" / "cases.csv", tables.EXPLAINED)
    stored = np.load(explained / "cams" / "frozen" / "gradcam.npy")
    for row, values in zip(about.itertuples(), stored, strict=True):
        drawn = np.asarray(Image.open(explained / "cams" / f"{row.case_id}.png"))
        assert drawn.shape == (row.height, row.width) == (80, 72)
        y, x = np.mgrid[:80, :72] + 0.5
        inside = (x >= row.x0) & (x < row.x1) & (y >= row.y0) & (y < row.y1)
        assert not drawn[~inside].any()
        expected = on_radiograph(values, np.array([row.x0, row.y0, row.x1, row.y1]), (80, 72))
        np.testing.assert_allclose(drawn / 255, expected, atol=1 / 255)


def one(table: pd.DataFrame, **where: object) -> pd.Series:
    for name, wanted in where.items():
        table = table[table[name] == wanted]
    assert len(table) == 1
    return table.iloc[0]


def test_tables_say_what_the_maps_show(explained: Path) -> None:
    scores = tables.read(explained / "explanation_cases.csv", tables.EXPLANATION_CASES)
    kinds = {"ensemble", "one fold", "centre of the crop", "head", "all weights", "permuted labels"}
    assert kinds <= set(scores["kind"])
    assert set(scores["model"]) == {"frozen", "tuned"}
    found = tables.read(explained / "explanation.csv", tables.EXPLANATION)
    own = scores[(scores["kind"] == "ensemble") & (scores["model"] == "tuned") & (scores["map"] == "gradcam")]
    predictions = tables.read(explained / "predictions.csv", tables.PREDICTIONS)
    points = tables.read(explained / "operating_points.csv", tables.OPERATING_POINTS)
    threshold = points.query("model == 'tuned' and rule == 'youden'")["threshold"].iloc[0]
    mean = predictions[predictions["model"] == "tuned"].groupby("case_id")[["probability", "label"]].mean()
    right = (mean["probability"] >= threshold) == (mean["label"] == 1)
    for outcome, rows in (
        ("all", own),
        ("correct", own[own["case_id"].map(right)]),
        ("wrong", own[~own["case_id"].map(right)]),
    ):
        for metric in ("energy_box", "iou_50", "pointing_mask"):
            row = one(found, model="tuned", map="gradcam", stratum="external", outcome=outcome, metric=metric)
            assert row["n"] == rows[metric].notna().sum()
            assert row["value"] == pytest.approx(rows[metric].mean(), nan_ok=True)
    moved = tables.read(explained / "perturbed_maps.parquet", tables.PERTURBED_MAPS)
    assert set(zip(moved["kind"], moved["grade"], strict=True)) == {("shift", 0.2), ("combined", 0.1)}
    stable = one(found, model="tuned", map="gradcam", stratum="external", outcome="all", metric="stability")
    of_case = moved.query("model == 'tuned' and map == 'gradcam'").groupby("case_id")["correlation"].mean()
    assert stable["value"] == pytest.approx(of_case.mean())


def test_the_gallery_shows_what_it_says(explained: Path) -> None:
    table = tables.read(explained / "gallery.csv", tables.GALLERY)
    assert {"changed"} <= set(table["group"]) <= {"correct", "wrong", "changed"}
    changed = table[table["group"] == "changed"].reset_index(drop=True)
    with np.load(explained / "cams" / "gallery-changed.npz") as arrays:
        for i, row in changed.iterrows():
            both = in_common(
                arrays["maps_0"][i], arrays["rectangles_0"][i], arrays["maps_1"][i], arrays["rectangles_1"][i], (80, 72)
            )
            assert both is not None
            assert correlation(*both) == pytest.approx(row["correlation"], abs=1e-6)
    drawn = [name for name in figures.DRAWN if name.startswith(("explanation", "gallery"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DRAWN", {name: figures.DRAWN[name] for name in drawn})
        stems = {path.stem for path in figures.draw_all(explained)}
    assert stems == {"explanation", "explanation_sanity", *(f"gallery_{group}" for group in set(table["group"]))}
    report.write(explained)
    page = (explained / "report.html").read_text(encoding="utf-8")
    assert "Where the networks look" in page
    assert "No maps of tokens" in page


def test_it_is_done_once_and_gives_the_same_bytes_however_it_is_run(fitted: Path, tmp_path: Path, whole: bool) -> None:
    folder = tmp_path / "study"
    shutil.copytree(fitted.parent, folder)
    run = run_step(folder / "study.toml", cases=6, methods=("gradcam",))
    first, cache = bytes_of(run), sorted((run / ".cache").rglob("*.parquet"))
    assert len(tables.read(run / "cams" / "cases.csv", tables.EXPLAINED)) == 6
    times = {path: path.stat().st_mtime_ns for path in run.rglob("cams/**/*.*")}
    run_step(folder / "study.toml", cases=6, methods=("gradcam",))
    assert {path: path.stat().st_mtime_ns for path in run.rglob("cams/**/*.*")} == times
    assert sorted((run / ".cache").rglob("*.parquet")) == cache
    shutil.rmtree(run)
    shutil.copytree(fitted.parent / "run", run)
    shutil.rmtree(run / ".cache")
    jobs = 2 if whole else 1
    assert bytes_of(run_step(folder / "study.toml", jobs=jobs, cases=6, methods=("gradcam",))) == first
    run_step(folder / "study.toml", cases=0)
    assert not list(run.glob("explanation*.csv"))
    assert not [path for path in run.rglob("cams/**/*.*") if path.is_file()]
