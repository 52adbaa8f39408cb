"""timm, imported without torch's compiler.

torchvision and timm ask the compiler, as they are imported, whether a kernel could be compiled and to leave a function
alone. It is large, and would take a third of all the time until a first answer. Both are answered here, and it
stays away until somebody compiles.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import torch  # noqa: F401 - before the compiler is left out: torch imports parts of it itself where it needs them

_COMPILER = ("torch._dynamo", "torch._dynamo.utils")


def _never(_device: object = None) -> bool:
    return False


def _as_it_is(function: Any, *_: Any, **__: Any) -> Any:
    return function


_stubs = {} if _COMPILER[0] in sys.modules else {name: ModuleType(name) for name in _COMPILER}
for _name, _stub in _stubs.items():
    _stub.is_compile_supported, _stub.disable = _never, _as_it_is  # type: ignore[attr-defined]
    sys.modules[_name] = _stub
try:
    import timm
finally:
    for _name in _stubs:
        del sys.modules[_name]

__all__ = ["timm"]
