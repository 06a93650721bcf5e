"""The documentation, made from the endpoints and the models that check their bodies (C18). It needs no network."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from typing import Any

from kis_daemon.console.http.access import OPERATOR_HEADER, Role
from kis_daemon.console.http.bodies import NoBody, schema_of
from kis_daemon.console.http.endpoints import Endpoint

_ALWAYS = {
    400: "the body does not fit; the reason names the field",
    401: "no token, or not one of ours",
    403: "this role may not",
    503: "the database is away, or no answer in time",
}


def openapi(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of these endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "kis_daemon", "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "role": {"type": "http", "scheme": "bearer", "description": "the token of a role"},
                "operator": {"type": "apiKey", "in": "header", "name": OPERATOR_HEADER},
                "approval": {"type": "http", "scheme": "bearer", "description": "the token of an approval"},
            },
        },
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    answers = {200: "done"} | _ALWAYS | dict(endpoint.answers)
    described: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method.lower()}_{endpoint.path.strip('/').replace('/', '_')}",
        "responses": {str(status): {"description": told} for status, told in sorted(answers.items())},
        "security": _security(endpoint),
        "x-role": endpoint.role.name.lower(),
    }
    parts = [part.strip("{}") for part in endpoint.path.split("/") if part.startswith("{")]
    if parts:
        described["parameters"] = [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in parts
        ]
    if endpoint.body is not NoBody:
        schema = schema_of(endpoint.body)
        schemas.update(schema.pop("$defs", {}))
        schemas[endpoint.body.__name__] = schema
        told = {"$ref": f"#/components/schemas/{endpoint.body.__name__}"}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": told}}}
    return described


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    if endpoint.role is Role.NOBODY:
        return [{"approval": []}]
    if endpoint.needs_operator_header:
        return [{"operator": []}]
    return [{"role": []}, {"operator": []}]


def page(document: Mapping[str, Any]) -> str:
    """Return the document as a page to read."""
    rows = []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            name = str(body.get("$ref", "")).rpartition("/")[2]
            schema = document["components"]["schemas"].get(name)
            shown = "" if schema is None else f"<pre>{html.escape(json.dumps(schema, indent=1))}</pre>"
            codes = ", ".join(f"{code} {html.escape(each['description'])}" for code, each in told["responses"].items())
            rows.append(
                f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>"
                f"<p>{html.escape(told['summary'])}</p><p>role: {told['x-role']} · {codes}</p>{shown}"
            )
    title = html.escape(f"{document['info']['title']} {document['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:16px sans-serif;max-width:50em;margin:2em auto;padding:0 1em}pre{background:#eee;padding:1em;"
        "overflow:auto}</style>"
        f'<h1>{title}</h1><p><a href="/openapi.json">openapi.json</a></p>{"".join(rows)}</html>'
    )
