"""What needs no network imports no PyTorch; ``make package`` runs a study of tables where there is none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import osteon
from osteon.core.extras import EXTRAS

SOURCE = Path(osteon.__file__).parent
TORCH = EXTRAS["networks"][1]


def imported(module: str, path: Path) -> Iterator[str]:
    """What is imported as the module is: not what functions import when they are called, nor what types need."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    waiting: list[ast.stmt] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{package} imports by relative names"
            yield node.module or ""
            yield from (f"{node.module}.{one.name}" for one in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            waiting += node.body + node.orelse
        elif isinstance(node, ast.Try | ast.With | ast.ClassDef):
            waiting += node.body


def test_networks_alone_import_pytorch() -> None:
    paths = {
        ".".join(("osteon", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in SOURCE.rglob("*.py")
    }
    seen = {module: set(imported(module, path)) for module, path in paths.items()}
    # Importing a module imports the packages above it.
    above = {module: {module.rsplit(".", n)[0] for n in range(1, module.count(".") + 1)} for module in paths}
    needing = {module for module, names in seen.items() if {name.partition(".")[0] for name in names} & set(TORCH)}
    while more := {module for module in paths if module not in needing and (seen[module] | above[module]) & needing}:
        needing |= more
    rooms = ("osteon.models.network.", "osteon.pretraining")
    beyond = {module for module in needing if not module.startswith(rooms)}
    assert beyond == {"osteon.models.explain.mapper", "osteon.models.explain.maps", "osteon.models.inputs.augment"}
