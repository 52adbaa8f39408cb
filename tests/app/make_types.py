"""The browser's types, made from the server's forms and replies; run it after changing either.

.venv/bin/python tests/app/make_types.py
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from osteon.web import forms, replies, server
from osteon.web.annotating import forms as drawn
from osteon.web.annotating import replies as shown

_SCRIPTS = Path(server.__file__).parent / "static" / "js"
#: The file of each room's types, and the modules that they are made from.
TYPES = {
    _SCRIPTS / "types.d.ts": (replies, forms),
    _SCRIPTS / "annotating" / "types.d.ts": (shown, drawn),
}
_PLAIN = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}


def types(told: ModuleType, sent: ModuleType) -> str:
    """Interfaces of all replies (by name) and of all forms (with `Sent` before it, unless a reply holds one)."""
    lines = ["// Made from the server's forms and replies by tests/app/make_types.py; a test holds them together."]
    for module, base, prefix in ((told, replies.Reply, ""), (sent, BaseModel, "Sent")):
        for name, model in vars(module).items():
            if isinstance(model, type) and issubclass(model, base) and name not in ("Reply", "Body", "BaseModel"):
                lines += ["", *_interface(prefix, name, model)]
    if told is not replies:  # what it holds of forms and of the shared replies
        for model in (drawn.Content, drawn.Shape, drawn.Lesion):
            lines += ["", *_interface("", model.__name__, model)]
        for shared in (replies.Size, replies.OtherWindow):
            lines += ["", *_interface("", shared.__name__, shared)]
    return "\n".join(lines) + "\n"


def _interface(prefix: str, name: str, model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema(mode="serialization" if not prefix else "validation")
    required = set(schema.get("required", []))
    fields = [
        f"  {field}{'' if field in required else '?'}: {_type(told, prefix)};"
        for field, told in schema.get("properties", {}).items()
    ]
    return [f"export interface {prefix}{name} {{", *fields, "}"]


def _type(told: dict[str, Any], prefix: str) -> str:
    if "$ref" in told:
        return prefix + str(told["$ref"]).rpartition("/")[2]
    if "const" in told:
        return f'"{told["const"]}"'
    if "enum" in told:
        return " | ".join(f'"{value}"' for value in told["enum"])
    if "anyOf" in told:
        return " | ".join(_type(one, prefix) for one in told["anyOf"])
    if "prefixItems" in told:
        return f"[{', '.join(_type(one, prefix) for one in told['prefixItems'])}]"
    if told.get("type") == "array":
        inner = _type(told["items"], prefix)
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if told.get("type") == "object":
        return f"Record<string, {_type(told['additionalProperties'], prefix)}>"
    return _PLAIN.get(told.get("type", ""), "unknown")


if __name__ == "__main__":
    for file, modules in TYPES.items():
        file.write_text(types(*modules), encoding="utf-8")
