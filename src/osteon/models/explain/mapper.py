"""Maps of a fitted network: of its ensemble, of one fold, and of networks from which something was taken away.

Attention: importing this module imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from osteon.core.ledger import stream
from osteon.core.types import Floats
from osteon.models.explain import maps as cams
from osteon.models.fitted import Fitted, Saved
from osteon.models.network import build, heads
from osteon.models.network.fitted import FittedNetwork
from osteon.models.network.members import Member

#: The check in which the head was fitted on permuted labels.
PERMUTED = "permuted labels"
_PIXELS_A_BATCH = 64 * 224**2

Maps = dict[str, Floats]  # method to (n, h, w)


class Mapper:
    """Maps of a fitted network.

    Args:
        fitted: The network's folds.
    """

    def __init__(self, fitted: FittedNetwork) -> None:
        self.fitted = fitted
        self._members = fitted.members

    @classmethod
    def of(cls, saved: Saved) -> Mapper | None:
        """The mapper of a fitted model; None where it has no maps: only convolutional networks have."""
        return cls.on(saved.load())

    @classmethod
    def on(cls, fitted: Fitted) -> Mapper | None:
        """The same of one that is loaded."""
        return None if fitted.mapped is None else cls(fitted.mapped)

    def ensemble(self, batch: NDArray[np.float32], methods: Sequence[str]) -> tuple[Maps, Maps]:
        """Maps of the ensemble and of its first fold alone.

        Args:
            batch: (n, 1, S, S) pictures.
            methods: Of :func:`osteon.models.explain.maps.maps`.
        """
        parts = [self._of_heads(member.network, batch, methods, self._heads(member)) for member in self._members]
        whole = {method: cams.together([part[method] for part in parts]).numpy() for method in methods}
        return whole, {method: parts[0][method][0].numpy() for method in methods}

    def checks(
        self, batch: NDArray[np.float32], methods: Sequence[str], permuted: NDArray[np.float32], seed: int
    ) -> dict[str, Maps]:
        """Maps of the first fold's network after parts of what it learned have been taken away.

        Args:
            batch: (n, 1, S, S) pictures.
            methods: As above.
            permuted: (F,) weights of a head that was fitted on permuted labels.
            seed: Of the network with random weights that parts are taken from.
        """
        network = self._first
        saved = self.fitted.saved
        stranger = build.build(saved.model.backbone, saved.weights, size=saved.size, seed=seed, pretrained=False)
        found = {
            kind: self._alone(forgetful, batch, methods)
            for kind, forgetful in cams.cascade(network, stranger.to(self.fitted.device))
        }
        weight = torch.from_numpy(permuted)[None].to(self.fitted.device)
        return found | {PERMUTED: self._alone(network, batch, methods, weight)}

    def permuted_head(
        self, batches: Iterator[NDArray[np.float32]], labels: NDArray[np.int64], groups: NDArray[np.int64], seed: int
    ) -> NDArray[np.float32]:
        """The first fold's head, fitted on permuted labels of its own training cases.

        A network that was fine-tuned keeps the backbone that the true labels have shaped; only its head learns anew.

        Args:
            batches: (n, 1, S, S) pictures of the training cases, in parts.
            labels: Of all of them.
            groups: Cases that share a patient.
            seed: The study's.

        Returns:
            (F,) weights.
        """
        model = self.fitted.saved.model
        with torch.inference_mode():
            features = [
                self._first.features(inputs).double().cpu().numpy()
                for batch in batches
                for inputs in self._in_parts(batch)
            ]
        rng = np.random.default_rng([seed, stream(PERMUTED), stream(model.name)])
        shuffled = rng.permutation(labels)
        weight, _, _ = heads.logistic_head(np.concatenate(features), shuffled, groups, model.class_weights, rng)
        return weight.astype(np.float32)

    @property
    def _first(self) -> build.Classifier:
        return self._members[0].network

    def _heads(self, member: Member) -> torch.Tensor:
        return torch.from_numpy(np.asarray(member.weight)).to(self.fitted.device)

    def _alone(
        self, network: build.Classifier, batch: NDArray[np.float32], methods: Sequence[str],
        heads: torch.Tensor | None = None,
    ) -> Maps:  # fmt: skip
        """Maps of one network with one head."""
        return {method: made[0].numpy() for method, made in self._of_heads(network, batch, methods, heads).items()}

    def _of_heads(
        self, network: build.Classifier, batch: NDArray[np.float32], methods: Sequence[str], heads: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """(H, n, h, w) by method, on the CPU."""
        parts = [cams.maps(network, inputs, methods, heads) for inputs in self._in_parts(batch)]
        return {method: torch.cat([part[method] for part in parts], dim=1).double().cpu() for method in methods}

    def _in_parts(self, batch: NDArray[np.float32]) -> Iterator[torch.Tensor]:
        """Pictures in parts that fit the device's memory at any size."""
        count = max(1, _PIXELS_A_BATCH // self.fitted.saved.size**2)
        for inputs in torch.split(torch.from_numpy(batch), count):
            yield inputs.to(self.fitted.device)
