"""Estimators to ``.skops`` files and back: no pickle, no code in the file, the same bytes for the same estimator."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from osteon.core.errors import InputError
from osteon.core.tables import written
from osteon.models.fitted import Folder

_EPOCH = (1980, 1, 1, 0, 0, 0)
#: What a file calls the package that these classes live in, wherever it moves: part of the format, not of the code.
_IN_FILES, _IN_CODE = "osteon.tabular", "osteon.models.tabular"


def save(estimator: object, path: Path) -> None:
    """Write an estimator, atomically.

    skops names the parts of its archive after memory addresses and stamps them with the time. Here they are numbered in
    the order in which they occur, so that a resumed run ends with the same bytes as an uninterrupted one.

    Args:
        estimator: One of this package's.
        path: Where it goes.
    """
    import skops.io

    with zipfile.ZipFile(BytesIO(skops.io.dumps(estimator))) as archive:
        names: dict[str, str] = {}
        schema = _numbered(json.loads(archive.read("schema.json")), names)
        arrays = {new: archive.read(old) for old, new in names.items()}
    with written(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"schema.json": json.dumps(schema, indent=1).encode(), **arrays}.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)


def _numbered(node: Any, names: dict[str, str], count: list[int] | None = None) -> Any:
    """The schema with identities counted from 1, and its files named by the order of their first occurrence."""
    count = [0] if count is None else count
    if isinstance(node, list):
        return [_numbered(item, names, count) for item in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            count[0] += 1
            out[key] = count[0]
        elif key == "file":
            out[key] = names.setdefault(value, f"{len(names)}{Path(value).suffix}")
        elif key == "__module__":
            out[key] = value.replace(_IN_CODE, _IN_FILES)
        else:
            out[key] = _numbered(value, names, count)
    return out


def load(path: str | Folder, trusted: tuple[type, ...], packages: tuple[str, ...] = ()) -> Any:
    """Read an estimator; nothing but named classes and arrays is ever made from a file.

    Args:
        path: A ``.skops`` file.
        trusted: The classes it may hold.
        packages: Packages of which it may hold any class.

    Raises:
        InputError: The file is absent, damaged, or holds anything else.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    path = Path(path) if isinstance(path, str) else path
    file = str(path)
    try:
        here = _translated(path.read_bytes())
        names = [f"{kind.__module__}.{kind.__qualname__}" for kind in trusted]
        others = skops.io.get_untrusted_types(data=here) if packages else []
        names += [name for name in others if name.partition(".")[0] in packages]
        return skops.io.loads(here, trusted=names)
    except FileNotFoundError:
        raise InputError("no such model", file=file) from None
    except UntrustedTypesFoundException as error:
        raise InputError(f"not an estimator of osteon's ({error})", file=file) from None
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, OSError, EOFError) as error:
        raise InputError(f"not a readable model ({type(error).__name__})", file=file, fix="Fit it again.") from None


def _translated(content: bytes) -> bytes:
    """A file's content with the names of classes as the code has them."""
    translated = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as source, zipfile.ZipFile(translated, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name == "schema.json":
                data = data.replace(f'"__module__": "{_IN_FILES}'.encode(), f'"__module__": "{_IN_CODE}'.encode())
            archive.writestr(name, data)
    return translated.getvalue()
