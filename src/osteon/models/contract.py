"""What every fitted model has to keep to, whatever its kind: checks for those that there are and for new ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from osteon.core.types import Floats
from osteon.models.fitted import Fitted, Saved
from osteon.models.inputs.case import inputs
from osteon.models.model import Sealed

#: What the arithmetic of batches may change for an input that is asked about alone.
_SAME = 1e-6


def violations(saved: Saved, cases: Sealed, root: Path, told: Mapping[str, Floats]) -> Iterator[str]:
    """What a fitted model does that none may.

    Args:
        saved: The fitted model.
        cases: Some cases, two at least.
        root: What image and mask paths are relative to.
        told: What the models that it needs say of them.

    Yields:
        A sentence for each rule that it breaks.
    """
    fitted, table = saved.load(), cases.table
    before = table.copy()

    def ask(model: Fitted, rows: list[int]) -> Floats:
        chosen = table.iloc[rows].reset_index(drop=True)
        return np.asarray(model(inputs(chosen, root), {name: said[rows] for name, said in told.items()}))

    every = list(range(len(table)))
    found = ask(fitted, every)
    if found.shape != (len(table),):
        yield f"it gives {found.shape} answers to {len(table)} inputs"
        return
    if not (np.isfinite(found) & (found >= 0) & (found <= 1)).all():
        yield "an answer is no probability"
    if not np.array_equal(ask(fitted, every), found):
        yield "it answers differently when it is asked again"
    one_by_one = np.concatenate([ask(fitted, [row]) for row in every])
    if not np.array_equal(one_by_one, found):
        yield "an answer depends on the other inputs"
    if not np.array_equal(ask(fitted, every[::-1])[::-1], found):
        yield "an answer depends on the order of the inputs"
    rows = [table.iloc[[row]].reset_index(drop=True) for row in every]
    asked = zip(rows, every, strict=True)
    alone = [fitted.answer(inputs(row, root), {k: v[[at]] for k, v in told.items()}, alone=True) for row, at in asked]
    if not np.allclose(np.concatenate([one.probability for one in alone]), found, atol=_SAME):
        yield "an input alone is answered otherwise"
    if not table.equals(before):
        yield "it changes the cases"
    Saved.forget()
    if not np.array_equal(ask(saved.load(), every), found):
        yield "it answers differently when it is loaded again"
    if saved.load() is not replace(saved, folders=saved.folders).load():
        yield "it is loaded again although its contents are the same"
    if not saved.contents:
        yield "nothing tells its contents"
