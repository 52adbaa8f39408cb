"""The pages of a served model: what it is, its card, and its interface. They need nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup


def model_page(about: Mapping[str, Any], card: str) -> str:
    """What is served, its card, and a form to ask it.

    Args:
        about: What is served, as ``/model`` says it.
        card: The model card, Markdown.
    """
    return _template("model.html.jinja").render(about=about, card=as_html(card))


def interface_page(openapi: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """The interface for people, from the description that programs read.

    Args:
        openapi: The OpenAPI document.
        about: What is served, as ``/model`` says it.
    """
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "told": told,
            "fields": _fields(told, openapi),
            "replies": _replies(told),
        }
        for path, methods in openapi["paths"].items()
        for method, told in methods.items()
    ]
    schemas = {
        name: schema
        for name, schema in openapi["components"]["schemas"].items()
        if "description" in schema  # the others are FastAPI's own, and are told as fields of a form
    }
    return _template("interface.html.jinja").render(about=about, operations=operations, schemas=schemas, kind=kind)


def as_html(text: str) -> Markup:
    """Markdown as HTML: what is HTML in it stays text, pictures stay out, links are links only.

    >>> print(as_html("# a *b* <script>"), end="")
    <h1>a <em>b</em> &lt;script&gt;</h1>
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = reader.parse(text)
    for token in tokens:
        if token.attrs.pop("style", None):  # of a table's cell; the page's rules allow no style in the text
            token.attrs["class"] = "number"
    return Markup(reader.renderer.render(tokens, reader.options, {}))


def kind(schema: Mapping[str, Any]) -> str:
    """The type of a value in words.

    >>> kind({"anyOf": [{"type": "number"}, {"type": "null"}]})
    'number or null'
    >>> kind({"type": "array", "items": {"$ref": "#/components/schemas/Spread"}})
    'list of Spread'
    """
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {kind(schema['additionalProperties'])}"
    if schema.get("contentMediaType") or schema.get("format") == "binary":
        return "file"
    limits = [f"{word} {schema[name]:g}" for name, word in (("minimum", "from"), ("maximum", "to")) if name in schema]
    return " ".join([str(schema.get("type", "anything")), *limits])


def _fields(told: Mapping[str, Any], openapi: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of the form that an operation takes."""
    found = []
    for content in told.get("requestBody", {}).get("content", {}).values():
        schema = openapi["components"]["schemas"][kind(content["schema"])]
        required = schema.get("required", ())
        found += [{"name": name, "needed": name in required, **one} for name, one in schema["properties"].items()]
    return found


def _replies(told: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Status, what it means, and what is sent with it."""
    return [
        (
            status,
            reply["description"],
            next((kind(one.get("schema", {})) for one in reply.get("content", {}).values()), ""),
        )
        for status, reply in told["responses"].items()
    ]


@cache
def _template(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template(name)
