"""Renders operations as OpenAPI 3.1; `make openapi` writes what hubs and gateways serve.

Run: python -m tests.house.openapi
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openapi_pydantic import OpenAPI
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class

from exchange.wire import local_routes, local_shapes
from exchange.wire.local_problems import OURS
from exchange.wire.operations import OPERATIONS
from exchange.wire.problems import HTTP_CODES, MEDIA_TYPE, STATUS
from exchange.wire.routes import JSON, OFFICER, TOKEN, Operation

WIRE = Path(__file__).parents[2] / "exchange" / "wire"
COMMITTED = WIRE / "openapi.json"
LOCAL = WIRE / "local_openapi.json"
TITLES = {status.value: error.__doc__ for error, status in STATUS.items()} | {
    status.value: error.__doc__
    for error, (_, status) in OURS.items()
    if status not in STATUS.values()
}
CONTENT: dict[str, Any] = {"type": "string", "contentEncoding": "binary"}
PARTS: dict[Operation, dict[str, Any]] = {
    local_routes.SUBMIT: {
        "submission": PydanticSchema(schema_class=local_shapes.Submission),
        "file": {"type": "array", "items": CONTENT},
    },
    local_routes.RECORD: {
        "consent": PydanticSchema(schema_class=local_shapes.ConsentDraft),
        "file": CONTENT,
    },
}
"""Of the bodies that are multipart/form-data: all of them are needed, in this order."""
EVERYWHERE = frozenset({400, 401, 403, 429, 431, 503})
"""Statuses of every authenticated route of a hub."""
LOCALLY = frozenset({400, 401, 403, 421, 431, 503})
"""Those of a gateway: it counts nobody's requests, and refuses pages of other sites."""
SCOPES = {OFFICER: "The questions of privacy officers, and nothing else."}
BY_CLIENT = {
    "type": "oauth2",
    "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": SCOPES}},
}
BY_FILE = {"type": "http", "scheme": "bearer", "description": "The home's file `api-token`."}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "findings": {"type": "array", "items": {"type": "object"}},
    },
}


def document(
    operations: Iterable[Operation],
    *,
    title: str,
    version: str,
    problem: dict[str, Any] = PROBLEM,
    security: dict[str, Any] = BY_CLIENT,
    everywhere: frozenset[int] = EVERYWHERE,
) -> str:
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _entry(
            operation, everywhere
        )
    skeleton = {
        "openapi": "3.1.1",
        "info": {"title": title, "version": version, "license": {"name": "EUPL-1.2"}},
        "paths": paths,
        "components": {
            "schemas": {"Problem": problem},
            "securitySchemes": {"token": security},
        },
    }
    whole = construct_open_api_with_schema_class(OpenAPI.model_validate(skeleton))
    return whole.model_dump_json(by_alias=True, exclude_unset=True, indent=1) + "\n"


def _entry(operation: Operation, everywhere: frozenset[int]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation, everywhere),
        "security": [{"token": operation.scope.split()}] if operation.authenticated else [],
    }
    content: dict[str, Any] = {}
    if operation.body is not None:
        content["application/json"] = {"schema": PydanticSchema(schema_class=operation.body)}
    for media_type, text in operation.streams.items():
        described: dict[str, Any] = {"type": "string", "description": text}
        if media_type == local_routes.MULTIPART:
            parts = PARTS[operation]
            described = {
                "type": "object",
                "required": [*parts],
                "properties": parts,
                "description": text,
            }
        content[media_type] = {"schema": described}
    if content:
        entry["requestBody"] = {"required": True, "content": content}
    return entry


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found = []
    for place, shape in (("path", operation.path_shape), ("query", operation.query)):
        if shape is None:
            continue
        schema = shape.model_json_schema()
        for name, each in schema["properties"].items():
            needed = place == "path" or name in schema.get("required", ())
            found.append({"name": name, "in": place, "required": needed, "schema": each})
    if operation.creates:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 128},
            }
        )
    return found


def _responses(operation: Operation, everywhere: frozenset[int]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Success."}
    if operation.returns is not None:
        schema: Any = PydanticSchema(schema_class=operation.returns)
        success["content"] = {operation.answers: {"schema": schema}}
    elif operation.status == 200:
        kinds = (operation.answers, *operation.also_answers)
        success["content"] = {kind: {"schema": {"type": "string"}} for kind in kinds}
    responses = {str(operation.status): success}
    always = everywhere if operation.authenticated else frozenset[int]()
    for status in sorted(always | set(operation.problems)):
        text = HTTP_CODES[status][1] if status in HTTP_CODES else TITLES[status] or ""
        responses[str(status)] = {
            "description": text.splitlines()[0],
            "content": {
                _media_type(operation, status): {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
    return responses


def _media_type(operation: Operation, status: int) -> str:
    # RFC 6749, section 5.2: an OAuth error is plain JSON; ours is a problem at the same time.
    return JSON if operation == TOKEN and status in {400, 401} else MEDIA_TYPE


def current() -> str:
    return document(OPERATIONS, title="consent-exchange: hub", version="1")


def local() -> str:
    properties = {
        **PROBLEM["properties"],
        "reasons": {"type": "array", "items": {"type": "string"}},
    }
    return document(
        local_routes.OPERATIONS,
        title="consent-exchange: gateway",
        version="1",
        problem={**PROBLEM, "properties": properties},
        security=BY_FILE,
        everywhere=LOCALLY,
    )


if __name__ == "__main__":
    COMMITTED.write_text(current(), "utf-8")
    LOCAL.write_text(local(), "utf-8")
