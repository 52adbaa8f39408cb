"""The networks of a fitted model in torch.

Attention: importing this module imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from osteon.core.types import Floats, Pixels
from osteon.models.inputs import crops
from osteon.models.network import build
from osteon.models.network.train import Device

if TYPE_CHECKING:
    from osteon.models.network.fitted import Heads, SavedNetwork


@dataclass(frozen=True, eq=False)
class Member:
    """A network and the heads that share its backbone: those of all folds of a frozen one, else its own.

    Attributes:
        network: In evaluation mode.
        weight: (H, F) of the linear units, float32.
        bias: (H,) of the same.
    """

    network: build.Classifier
    weight: Floats
    bias: Floats


class InTorch:
    """The networks of a fitted model in torch.

    Args:
        saved: Where they lie.
        heads: Their heads, in the order of the networks.

    Attributes:
        members: The networks with their heads.
        batch: How many crops fill the device.
    """

    def __init__(self, saved: SavedNetwork, heads: Sequence[Heads]) -> None:
        # As undisturbed cases are predicted: pooled features of a frozen backbone are always float32.
        self._on = Device.choose(saved.compute.device, saved.compute.predict if saved.whole else "float32")
        self._whole, self._size = saved.whole, saved.size
        self.members = [Member(saved.network(*one.first).to(self.device), one.weight, one.bias) for one in heads]
        self.batch = self._on.batch

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self._on.device

    def cut(self, pixels: Pixels, rects: Floats) -> Any:
        """(n, 1, S, S) crops of a radiograph, rounded as stored crops are; a graphics card cuts, too."""
        if self.device.type != "cuda":
            return crops.as_stored(pixels, rects, self._size)
        cut = crops.cut(torch.from_numpy(pixels).to(self.device), rects, self._size)
        return (cut.clamp_(0, 1) * 65535).round_()[:, None] / 65535

    def joined(self, pieces: Sequence[Any]) -> Any:
        """Crops one after another."""
        return torch.cat([*pieces]) if isinstance(pieces[0], torch.Tensor) else np.concatenate(pieces)

    @torch.inference_mode()
    def look(self, batch: Any, *, fill: bool) -> Iterator[tuple[Floats, Floats | None]]:
        """(n, F) pooled features by every network, and (n, 1) logits of one that is whole."""
        n = len(batch)
        batch = torch.as_tensor(batch).to(self.device)
        if fill and n < self.batch:
            batch = torch.cat([batch, batch.new_zeros(self.batch - n, *batch.shape[1:])])
        for member in self.members:
            with self._on.autocast():
                pooled = member.network.features(batch)
                told = member.network.head(pooled).double().cpu().numpy()[:n] if self._whole else None
            yield pooled.float().cpu().numpy()[:n], told


class FrozenInTorch:
    """A frozen backbone in torch (an :class:`osteon.models.network.engine.Runner`).

    Args:
        network: The backbone.
        device: As the study asks for it.
    """

    def __init__(self, network: build.Classifier, device: str) -> None:
        self._on = Device.choose(device, "float32")
        self._network, self.batch = network.to(self._on.device), self._on.batch

    @torch.inference_mode()
    def __call__(self, batch: Any) -> Any:
        """(n, F) pooled features of (n, 1, S, S) crops in [0, 1]."""
        return self._network.features(torch.from_numpy(batch).to(self._on.device)).float().cpu().numpy()
