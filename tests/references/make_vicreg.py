"""Write vicreg.json: VICReg's loss by lightly 1.6.0 (MIT), independent and after its authors' code.

pip install --no-deps lightly==1.6.0; python tests/references/make_vicreg.py
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from pathlib import Path

import torch


def loss_module() -> types.ModuleType:
    """lightly's module of the loss alone: the package's own start needs packages that the loss does not."""
    root = Path(importlib.util.find_spec("lightly").origin).parent
    utils = types.ModuleType("lightly.utils.dist")
    utils.gather = None  # of several processes
    sys.modules |= {"lightly.utils": types.ModuleType("lightly.utils"), "lightly.utils.dist": utils}
    spec = importlib.util.spec_from_file_location("vicreg_loss", root / "loss" / "vicreg_loss.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Draw embeddings and write them with their losses."""
    loss = loss_module().VICRegLoss()
    cases = []
    for seed, (n, width, scale) in enumerate(((4, 3, 1.0), (8, 5, 0.1), (6, 4, 3.0))):
        generator = torch.Generator().manual_seed(seed)
        first = scale * torch.randn(n, width, generator=generator, dtype=torch.float64)
        second = first + 0.3 * torch.randn(n, width, generator=generator, dtype=torch.float64)
        cases.append({"first": first.tolist(), "second": second.tolist(), "loss": float(loss(first, second))})
    Path(__file__).with_name("vicreg.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
