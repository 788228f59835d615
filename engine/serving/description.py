"""What a service says of itself: its OpenAPI description, and a page for people."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.serving.service import Endpoint

TITLES = {"cloud": "CXR Vault: cloud server", "owner": "CXR Vault: owner's agent"}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem}}</style>
<h1>{title}</h1>
<p>This server gets to see:</p>
<ul>{sees}</ul>
<p>Its API: <a href="/v1/openapi.json">/v1/openapi.json</a>. Research demo, not for diagnosis.</p>
</html>
"""


def front_page(name: str, sees: Sequence[str]) -> str:
    """Plain HTML that says what a server sees."""
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sees)
    return _PAGE.format(title=html.escape(TITLES[name]), sees=items)


def describe_service(name: str, endpoints: "Sequence[Endpoint]") -> dict[str, Any]:
    """The OpenAPI 3.1 description of a service's endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLES[name], "version": "1"},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": {"type": "object", "properties": {"error": {"type": "string"}}}},
        },
    }


def _operation(endpoint: "Endpoint") -> dict[str, Any]:
    statuses = {"200": "Done.", **_refusals(endpoint)}
    responses = {status: {"description": text, "content": _error()} for status, text in statuses.items()}
    responses["200"]["content"] = _content(endpoint.answer)
    operation: dict[str, Any] = {"summary": endpoint.summary, "responses": responses}
    if endpoint.roles:
        operation["security"] = [{"token": []}]
        operation["description"] = f"For tokens of the role {' or '.join(sorted(endpoint.roles))}."
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(endpoint.body)}
    named = [(word, "path", word) for word in re.findall(r"{(\w+)}", endpoint.path)]
    parameters = named + [(word, "query", meaning) for word, meaning in endpoint.query.items()]
    if parameters:
        operation["parameters"] = [
            {"name": word, "in": place, "description": text, "required": place == "path", "schema": {"type": "string"}}
            for word, place, text in parameters
        ]
    return operation


def _refusals(endpoint: "Endpoint") -> dict[str, str]:
    refusals = {"429": "Too many requests of this caller.", "503": "Busy, or the store cannot be used."}
    if endpoint.roles:
        refusals |= {"401": "No token, an unknown or an expired one.", "403": "A token of another role."}
    if endpoint.body is not None or "{" in endpoint.path:
        refusals |= {
            "400": "The body is not what it should be.",
            "404": "There is no such picture or upload.",
            "408": "The body took too long.",
            "409": "The upload or the gallery is in another state.",
            "413": "The body is too large.",
            "422": "The body is not as described.",
        }
    return refusals


def _content(kind: Mapping[str, Any] | str) -> dict[str, Any]:
    if isinstance(kind, str):
        return {kind: {}}
    return {"application/json": {"schema": dict(kind)}}


def _error() -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
