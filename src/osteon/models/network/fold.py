"""What is known of a network's fold without torch: the file that it is kept in, and how random weights are drawn."""

from __future__ import annotations

import numpy as np

from osteon.core.ledger import stream

#: What a fold's network, or its head, is kept in.
FILE = "model.safetensors"


def backbone_seed(seed: int, training_seed: int) -> int:
    """The seed of a backbone without pretrained weights, from the study's and which of its training seeds it is."""
    return int(np.random.default_rng([seed, stream("backbone"), training_seed]).integers(2**31))
