"""What osteon can do more where further packages are installed: the extras of ``pip install 'osteon[...]'``."""

from __future__ import annotations

from importlib.util import find_spec

from osteon.core.errors import InputError

#: What each extra is for, and the modules that show that it is here.
EXTRAS = {
    "networks": ("networks", ("torch", "torchvision", "timm", "h5py")),
    "cluster": ("studies on several machines", ("dask", "distributed", "accelerate")),
    "readers": (
        "reader studies and served models",
        ("fastapi", "uvicorn", "sqlalchemy", "python_multipart", "markdown_it"),
    ),
    "postgresql": ("reader studies in PostgreSQL", ("psycopg",)),
    "onnx": ("models for other programs", ("onnx", "onnxscript", "onnxruntime")),
    "dicom": ("results as DICOM objects, and archives", ("highdicom", "dicomweb_client", "pynetdicom")),
}


def lacking(extra: str) -> list[str]:
    """The modules of an extra that are not here."""
    return [module for module in EXTRAS[extra][1] if find_spec(module) is None]


def need(extra: str, what: str) -> None:
    """Refuse what cannot be done without an extra.

    Args:
        extra: One of :data:`EXTRAS`.
        what: What needs it, in the plural.

    Raises:
        InputError: The extra is not installed.
    """
    if absent := lacking(extra):
        raise InputError(f"{what} need {', '.join(absent)}", fix=f"pip install 'osteon[{extra}]'")


def of_module(module: str | None) -> str | None:
    """The extra that brings a module; None where none does."""
    top = (module or "").partition(".")[0]
    return next((extra for extra, (_, modules) in EXTRAS.items() if top in modules), None)
