"""The training loop and the heads, on data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from osteon import models, stats
from osteon.models.inputs import augment
from osteon.models.network import heads, train
from osteon.study import Augment, Network

CPU = train.Device(torch.device("cpu"))


def recipe(**changes: object) -> Network:
    return Network(**{"name": "net", "recipe": "full", "epochs": 6, "patience": 6, "batch_size": 16, **changes})


def separable(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures whose positive class has a bright middle, two a patient."""
    groups = np.arange(n) // 2
    target = np.repeat(rng.integers(0, 2, (n + 1) // 2), 2)[:n]
    crops = rng.integers(0, 20000, (n, 40, 40)).astype(np.uint16)
    crops[target == 1, 12:28, 12:28] += 30000
    return crops, target, groups


@given(n=st.integers(4, 60), seed=st.integers(0, 99))
def test_held_out_patients_are_whole_and_of_both_classes(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, max(2, n // 2), n)
    target = rng.integers(0, 2, groups.max() + 1)[groups]
    inner, watched = train.hold_out(target, groups, rng)
    assert sorted([*inner, *watched]) == list(range(n))
    assert not set(groups[inner]) & set(groups[watched])
    for value in set(target):
        patients = len(set(groups[target == value]))
        assert (value in target[watched]) == (patients > 1)
        assert value in target[inner]


def test_a_small_network_learns_and_the_same_seed_gives_the_same_bits() -> None:
    crops, target, groups = separable(80, np.random.default_rng(0))
    states = []
    for _ in range(2):
        network = models.build("resnet10t", "random", seed=1)
        model = recipe(learning_rate=1e-3, ema=0.9)
        batches = train.crop_batches(crops, 32, model.augment, CPU.device)
        parameters = train.parameter_groups(network, model)
        history = train.fit(
            network, train.Training(batches, target, groups), model, parameters, CPU, np.random.default_rng(5)
        )
        states.append(network.state_dict())
    assert history["validation_auc"].max() == 1.0
    assert history["best"].iloc[0]
    scores = train.logits_of(network, batches, np.arange(80), CPU)
    filled = train.logits_of(network, batches, np.arange(80), CPU, fill=True)
    np.testing.assert_allclose(scores, filled, atol=1e-4)
    alone = train.logits_of(network, batches, np.array([17]), CPU, fill=True)
    assert alone[0] == filled[17]  # to the last bit, whatever others there are
    assert stats.auc(target, scores) > 0.95
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


def test_last_stage_leaves_everything_below_as_it_came() -> None:
    crops, target, groups = separable(40, np.random.default_rng(1))
    network = models.build("resnet10t", "random", seed=1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    model = recipe(recipe="last-stage", epochs=2)
    batches = train.crop_batches(crops, 32, model.augment, CPU.device)
    train.fit(
        network,
        train.Training(batches, target, groups),
        model,
        train.parameter_groups(network, model),
        CPU,
        np.random.default_rng(0),
    )
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith(("head.", "backbone.layer4")) for name in changed)


def test_rates_fall_from_the_head_down_and_cover_every_parameter_once() -> None:
    network = models.build("resnet10t", "random")
    groups = train.parameter_groups(network, recipe(learning_rate=1.0, layer_decay=0.5))
    seen = [id(p) for group in groups for p in group["params"]]
    assert len(seen) == len(set(seen)) == sum(1 for _ in network.parameters())
    assert {id(p): g["lr"] for g in groups for p in g["params"]}[id(network.head[1].weight)] == 1.0
    assert min(g["lr"] for g in groups) == 0.5 ** len(network.stage_parameters())


def test_the_losses_against_their_closed_forms() -> None:
    logits, target = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 0.0])
    weight = torch.tensor([1.0, 3.0])
    entropy = [np.log(2) * 3, np.log1p(np.exp(2.0))]
    assert float(train.loss_of(logits, target, weight, "cross-entropy")) == pytest.approx(np.mean(entropy))
    miss = [0.5, 1 / (1 + np.exp(-2.0))]  # 1 - probability of the true class
    focal = [entropy[0] * miss[0] ** 2, entropy[1] * miss[1] ** 2]
    assert float(train.loss_of(logits, target, weight, "focal")) == pytest.approx(np.mean(focal))


@pytest.mark.parametrize("shape", [(60, 8), (30, 80)])
def test_the_logistic_head_is_sklearns_solution_on_raw_features(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(3, [1, 5] * (shape[1] // 2), shape)
    features[:, 1] = 7.0
    target = (features[:, 0] + rng.normal(0, 0.5, shape[0]) > 3).astype(np.int64)
    weights, intercept, path = heads.logistic_head(
        features, target, np.arange(shape[0]), False, np.random.default_rng(0)
    )
    kept = np.arange(shape[1]) != 1
    standard = (features[:, kept] - features[:, kept].mean(0)) / features[:, kept].std(0)
    strength = float(path.loc[path["best"], "strength"].iloc[0])
    reference = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(standard, target)
    np.testing.assert_allclose(features @ weights + intercept, reference.decision_function(standard), atol=2e-3)
    assert weights[1] == 0


def test_class_weights_do_not_move_the_mean_probability() -> None:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(2000, 2))
    target = (rng.random(2000) < 1 / (1 + np.exp(2.2 - features[:, 0]))).astype(np.int64)
    for head in (
        heads.logistic_head(features, target, np.arange(2000), True, rng),
        heads.gradient_head(features, target, np.arange(2000), recipe(learning_rate=0.05, epochs=10), rng),
    ):
        probability = 1 / (1 + np.exp(-(features @ head[0] + head[1])))
        assert probability.mean() == pytest.approx(target.mean(), abs=0.03)
        assert stats.auc(target, probability) > 0.7


def test_no_augmentation_is_the_middle_of_the_crop() -> None:
    still = Augment(rotate=0, shift=0, scale=0, flip=0, gamma=0, contrast=0, noise=0)
    crops = torch.rand(3, 1, 48, 48)
    out = augment.apply(crops, augment.draw(3, still, np.random.default_rng(0)), 32)
    torch.testing.assert_close(out, crops[:, :, 8:40, 8:40], atol=1e-5, rtol=0)


def test_flips_and_shifts_are_exact() -> None:
    crops = torch.rand(2, 1, 48, 48)
    rows = augment.draw(
        2, Augment(rotate=0, shift=0, scale=0, flip=0, gamma=0, contrast=0, noise=0), np.random.default_rng(0)
    )
    rows["flip_x"][0] = -1
    rows["dx"][1], rows["dy"][1] = 4 / 32, -2 / 32
    out = augment.apply(crops, rows, 32)
    torch.testing.assert_close(out[0], crops[0, :, 8:40, 8:40].flip(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(out[1], crops[1, :, 6:38, 12:44], atol=1e-5, rtol=0)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_augmented_pictures_stay_in_range(seed: int) -> None:
    strong = Augment(rotate=30, shift=0.3, scale=0.3, gamma=1, contrast=0.5, noise=0.2, jitter=0.2)
    out = augment.apply(torch.rand(4, 1, 24, 24), augment.draw(4, strong, np.random.default_rng(seed)), 16)
    assert out.shape == (4, 1, 16, 16)
    assert 0 <= float(out.min()) <= float(out.max()) <= 1


def test_schedules() -> None:
    assert train.cosine(0.0, 0.0) == 1.0
    assert train.cosine(1.0, 0.1) == pytest.approx(0.0)
    plateau = train.Plateau()
    for since in range(21):
        plateau.step(since)
    assert plateau.factor == pytest.approx(0.618**2)
