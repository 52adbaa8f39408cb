"""The weights that come out: safetensors with their record inside, a card beside it, and mixtures with the start."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from osteon.core.tables import written
from osteon.pretraining.learning import Pool
from osteon.pretraining.settings import Pretraining
from osteon.weights import Pretrained, Record, Resolved
from osteon.weights.files import METADATA

State = Mapping[str, Tensor]


def described(how: Pretraining, start: Resolved, pool: Pool, curves: Sequence[Mapping[str, Any]]) -> Pretrained:
    """What the files say of how they were made."""
    record = start.record
    sources = [
        {
            "name": source.name,
            "pictures": len(source.pictures),
            "held_out": len(held_out),
            "labels": source.counts,
            "licence": source.licence,
            "citation": source.citation,
        }
        for source, held_out in zip(pool.sources, pool.held_out, strict=True)
    ]
    settings = how.model_dump(mode="json", exclude={"output", "folder_of_weights", "interpolate", "name", "weights"})
    settings["learning_rate"] = how.rate
    begun = {"name": record.name, "source": record.source, "sha256": start.sha256, "licence": record.licence}
    return Pretrained(begun, tuple(sources), settings, tuple(curves))


def record_of(how: Pretraining, start: Record, pool: Pool, path: Path) -> Record:
    """The record of the new weights: input of the start, licences and citations of all that they are made from."""
    unstated = f"none stated by the publisher of {start.name}" if start.published else ""
    begun = start.licence or unstated
    licences = dict.fromkeys(filter(None, (begun, *(source.licence for source in pool.sources))))
    citations = dict.fromkeys(filter(None, (start.citation, *(source.citation for source in pool.sources))))
    return replace(
        start, name=how.name, source=f"pretrained by osteon from {start.name}", file=path.name, sha256="",
        licence=" + ".join(licences), citation="; ".join(citations),
    )  # fmt: skip


def mixed(start: State, end: State, share: float) -> dict[str, Tensor]:
    """Weights so far on the way from one state to another (WiSE-FT, Wortsman 2022, doi 10.1109/CVPR52688.2022.00780).

    Counters are those of the end.
    """
    return {
        name: start[name] + share * (tensor - start[name]) if tensor.is_floating_point() else tensor
        for name, tensor in end.items()
    }


def write(path: Path, state: State, record: Record, told: Pretrained) -> None:
    """Write weights and their card."""
    text = json.dumps({"record": record.to_dict(), "pretraining": told.to_dict()}, sort_keys=True)
    with written(path) as beside:
        save_file({name: t.detach().cpu().contiguous() for name, t in state.items()}, beside, metadata={METADATA: text})
    with written(card_of(path)) as beside:
        beside.write_text("\n".join(_card(record, told)) + "\n", encoding="utf-8")


def card_of(path: Path) -> Path:
    """Where the card of a weights file lies."""
    return path.with_suffix(".md")


def _card(record: Record, told: Pretrained) -> Iterator[str]:
    yield f"# {record.name}"
    yield ""
    yield f"Weights of {record.architecture} ({record.variant}), {told.in_words()}."
    yield ""
    yield f'A study uses them as `weights = "file:{record.file}"`. They are a start for research, and no model.'
    yield from ("", "## What they learned from", "", "| source | pictures | of these held out | labels | licence |")
    yield "|---|---|---|---|---|"
    for source in told.sources:
        labels = ", ".join(f"{name} {n}" for name, n in source["labels"].items()) or "none"
        row = (source["name"], source["pictures"], source["held_out"], labels, source["licence"] or "of one's own")
        yield f"| {' | '.join(map(str, row))} |"
    compared = told.comparison
    yield ""
    yield (
        "They were compared with no study's external cases; a study that uses them says so."
        if compared is None
        else f"All {compared.pictures} pictures were compared, turned and mirrored, with the "
        f"{len(compared.external)} external pictures of a study; none is the same. A study's report says whether that "
        "was this study."
    )
    yield from ("", "## What was learned", "", *_curves(told.curves))
    yield ""
    yield "Held out and by linear probe: balanced accuracy, or the mean AUC of signs, on patients not learned from."
    yield from ("", "## How", "")
    yield from (f"- {name}: {json.dumps(value)}" for name, value in sorted(told.settings.items()))
    yield from ("", "## Terms", "", f"They {record.terms}." if record.forbids else f"{record.terms.capitalize()}.")
    yield from ("", f"To cite: {record.citation}." if record.citation else "Nothing is to be cited for the start.")


def _curves(curves: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    flat = [
        {
            **{name: value for name, value in row.items() if not isinstance(value, Mapping)},
            **{f"{name}, held out": value for name, value in row["held_out"].items()},
            **{f"{name}, linear probe": value for name, value in row["probe"].items()},
        }
        for row in curves
    ]
    names = list(dict.fromkeys(name for row in flat for name in row))
    yield f"| {' | '.join(name.replace('_', ' ') for name in names)} |"
    yield "|" + "---|" * len(names)
    for row in flat:
        yield f"| {' | '.join(f'{row[name]:.4g}' if name in row else '' for name in names)} |"
