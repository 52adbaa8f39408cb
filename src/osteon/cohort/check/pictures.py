"""What is known of every picture and mask: size, content, thumbnail, and why some cannot be used.

Each file is read once. What was found is remembered by path, size and time of change, so that a second check of the
same cohort opens no picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from osteon.core.errors import ImageError
from osteon.core.progress import Progress, Quiet
from osteon.core.tables import written
from osteon.core.types import Pixels
from osteon.core.version import __version__
from osteon.io import read_stored
from osteon.io.images import read_noted_mask

#: Side of the thumbnail on which near duplicates are found.
THUMBNAIL = 32
_FILES_A_CHUNK = 16
_SECONDS_BETWEEN_SAVES = 60

Facts = dict[str, Any]


def read_pictures(
    root: Path, images: Sequence[str], *, jobs: int = 1, progress: Progress | None = None, cache: Path | None = None
) -> pd.DataFrame:
    """Read every picture once.

    Args:
        root: What the paths are relative to.
        images: Paths, each once.
        jobs: Processes.
        progress: Where progress is shown.
        cache: Folder in which to remember what was found; or None.

    Returns:
        One row a picture: image, problem (``missing``, ``unusable`` or ""), detail, sha256 (of the file), content
        (SHA-256 of the pixels at 16 bits), height, width, row_spacing and column_spacing (mm, nan where unknown),
        thumbnail (bytes of 32 x 32 uint8), notes (what was left aside or fell back, one a line).
    """
    wanted = pd.DataFrame({"image": list(images)})
    return _measure_all(wanted, ("pictures", _measure_image), root, jobs, progress, cache)


def read_masks(
    root: Path, masks: pd.DataFrame, *, jobs: int = 1, progress: Progress | None = None, cache: Path | None = None
) -> pd.DataFrame:
    """Read every mask once and find its tight box.

    Args:
        root: What the paths are relative to.
        masks: mask, height and width of its radiograph; each once.
        jobs: Processes.
        progress: Where progress is shown.
        cache: Folder in which to remember what was found; or None.

    Returns:
        One row a mask: mask, height, width, problem, detail, mask_x0, mask_y0, mask_x1, mask_y1 (half-open, pixels),
        notes.
    """
    return _measure_all(masks[["mask", "height", "width"]], ("masks", _measure_mask), root, jobs, progress, cache)


def _measure_image(path: Path) -> Facts:
    with path.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    stored = read_stored(path)
    radiograph = stored.render()
    height, width = radiograph.pixels.shape
    content, thumbnail = looks_of(radiograph.pixels)
    spacing = radiograph.spacing or (np.nan, np.nan)
    return {
        "sha256": sha256,
        "content": content,
        "height": height,
        "width": width,
        "row_spacing": float(spacing[0]),
        "column_spacing": float(spacing[1]),
        "thumbnail": thumbnail,
        "notes": "\n".join(stored.notes),
    }


def looks_of(pixels: Pixels) -> tuple[str, bytes]:
    """What tells a picture from others: SHA-256 of its pixels at 16 bits, and its thumbnail.

    Args:
        pixels: (H, W) in [0, 1].

    Returns:
        The digest in hexadecimal, and the bytes of 32 x 32 uint8.
    """
    from PIL import Image

    height, width = pixels.shape
    content = hashlib.sha256(f"{height} {width} ".encode())
    content.update(np.rint(pixels * 65535).astype("<u2").tobytes())
    small = Image.fromarray(pixels).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return content.hexdigest(), np.rint(np.asarray(small) * 255).astype(np.uint8).tobytes()


def _measure_mask(path: Path, height: float, width: float) -> Facts:
    mask, notes = read_noted_mask(path, (int(height), int(width)))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ImageError("the mask is empty", file=path)
    edges = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    box = {f"mask_{side}": float(edge) for side, edge in zip(("x0", "y0", "x1", "y1"), edges, strict=True)}
    return {**box, "notes": "\n".join(notes)}


def _measure_all(
    wanted: pd.DataFrame,
    of: tuple[str, Callable[..., Facts]],
    root: Path,
    jobs: int,
    progress: Progress | None,
    cache: Path | None,
) -> pd.DataFrame:
    """Measure every file that is not remembered; the order is that of `wanted`, whose first column is the path."""
    import joblib

    title, measure = of
    arguments = list(wanted.columns)
    stamps = [_stamp(root / path) for path in wanted[arguments[0]]]
    wanted = wanted.assign(
        bytes=np.array([size for size, _ in stamps], dtype=np.int64),
        modified=np.array([time for _, time in stamps], dtype=np.int64),
    )
    key = list(wanted.columns)
    store = None if cache is None else cache / f"{title}-{__version__}.parquet"
    known = _remembered(store, key)
    merged = wanted.merge(known, on=key, how="left", indicator=True)
    missing = (merged["_merge"] == "left_only").to_numpy()
    found = merged[~missing].drop(columns="_merge")
    todo = wanted[missing]
    pieces = list(todo[arguments].itertuples(index=False, name=None))
    chunks = [pieces[start : start + _FILES_A_CHUNK] for start in range(0, len(pieces), _FILES_A_CHUNK)]
    fresh: list[Facts] = []

    def table() -> pd.DataFrame:
        new = todo.iloc[: len(fresh)].reset_index(drop=True).join(pd.DataFrame(fresh))
        return pd.concat([part for part in (found, new) if len(part)] or [found], ignore_index=True)

    saved = monotonic()
    with (progress or Quiet())(len(pieces), f"reading {title}") if pieces else nullcontext(Quiet()) as bar:
        call = joblib.delayed(_measure_chunk)
        parallel = joblib.Parallel(n_jobs=min(jobs, max(1, len(chunks))), return_as="generator", batch_size=1)
        for facts in parallel(call(measure, root, chunk) for chunk in chunks):
            fresh.extend(facts)
            bar.advance(len(facts))
            if monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                _remember(store, table())
                saved = monotonic()
    every = table()
    if pieces:
        _remember(store, every)
    return wanted[arguments].merge(every.drop(columns=["bytes", "modified"]), on=arguments, how="left")


def _measure_chunk(measure: Callable[..., Facts], root: Path, pieces: Sequence[tuple[Any, ...]]) -> list[Facts]:
    return [_measure(measure, root, *piece) for piece in pieces]


def _measure(measure: Callable[..., Facts], root: Path, path: str, *arguments: float) -> Facts:
    """A file's facts, or what is wrong with it: one bad picture must not end the check of a thousand."""
    if not (root / path).is_file():
        return {"problem": "missing", "detail": "no such file"}
    try:
        return {"problem": "", "detail": "", **measure(root / path, *arguments)}
    except ImageError as error:
        return {"problem": "unusable", "detail": error.what}
    except (OSError, MemoryError) as error:
        return {"problem": "unusable", "detail": f"cannot be read ({type(error).__name__})"}


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of change: when both are as before, the file is taken to be as before."""
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def _remembered(store: Path | None, key: list[str]) -> pd.DataFrame:
    if store is not None and store.is_file():
        try:
            known = pd.read_parquet(store)
            if "notes" in known:  # else it was made before files were noted on
                return known.drop_duplicates(key)
        except (ValueError, OSError, KeyError):  # made by another version, or damaged: it is only a cache
            pass
    return pd.DataFrame(columns=[*key, "problem"]).astype({"bytes": np.int64, "modified": np.int64})


def _remember(store: Path | None, table: pd.DataFrame) -> None:
    """Keep what was found; files with a problem are tried again next time."""
    if store is not None:
        with written(store) as beside:
            table[table["problem"] == ""].to_parquet(beside, index=False)
