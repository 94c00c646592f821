"""Reads JSON that a stranger wrote, as far as this format understands it.

Everything here is decided before the library sees the bundle: what is not in the profile, could
mean something else than it says, or refers to something to be fetched, ends here.
"""

import json
from collections.abc import Iterator, Set
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from exchange.errors import Malformed
from exchange_plugin_fhir.systems import Node

LARGEST_BUNDLE = 64 << 20
"""Bytes of JSON; larger documents lie beside a bundle."""
DEEPEST = 32
"""Levels of nesting."""
LONGEST_NUMBER = 20
"""Characters of a number."""
TYPES = ("collection", "document", "transaction")
STORING = ("POST", "PUT")
"""Requests of a transaction that store a resource."""
RESOURCES = (
    *("Binary", "Composition", "Consent", "DocumentReference", "Organization", "Patient"),
    *("Practitioner", "PractitionerRole", "Provenance"),
)
"""Resources of the profile; only the documents among them are sent."""


def read(path: Path) -> object:
    """Return the JSON of a file.

    Raises:
        Malformed: too large, no UTF-8, no JSON, a member twice, a number without end, too deep.
    """
    if path.stat().st_size > LARGEST_BUNDLE:
        raise Malformed("the bundle is larger than 64 MiB: let large documents lie beside it")
    try:
        parsed: object = json.loads(
            path.read_bytes().decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise Malformed("the bundle is not JSON in UTF-8") from None
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> Node:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("the bundle says one thing twice")
    return members


def _decimal(text: str) -> Decimal:
    if len(text) > LONGEST_NUMBER:
        raise Malformed("the bundle has a number without end")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise Malformed("the bundle has a number without end")
    return int(text)


def _refuse_constant(_name: str) -> NoReturn:
    raise Malformed("the bundle has a number that is none")


def bundle_of(parsed: object, *, extensions: Set[str]) -> Node:
    """Return a bundle of the profile.

    Args:
        parsed: what `read` returned.
        extensions: URLs of admitted extensions.

    Raises:
        Malformed: another resource or kind of bundle, a resource inside another, something
            empty, an extension that is not admitted, one that changes what its resource means, a
            request that stores nothing, a composition with words that would be left out.
    """
    if not isinstance(parsed, dict) or parsed.get("resourceType") != "Bundle":
        raise Malformed("it is no bundle of FHIR")
    if parsed.get("type") not in TYPES:
        raise Malformed("the bundle is no collection, document or transaction")
    entries = parsed.get("entry")
    if not isinstance(entries, list) or not entries:
        raise Malformed("the bundle is empty")
    for entry in entries:
        _check_entry(entry, extensions)
    rest = {key: value for key, value in parsed.items() if key not in {"entry", "resourceType"}}
    _check_node(rest, extensions, depth=1)
    return parsed


def _has_words(node: object) -> bool:
    """Tell whether a narrative stands anywhere in a resource."""
    if isinstance(node, dict) and "div" in node:
        return True
    return any(_has_words(part) for part in _parts(node))


def _check_entry(entry: object, extensions: Set[str]) -> None:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(resource, dict):
        raise Malformed("an entry of the bundle has no resource")
    if resource.get("resourceType") not in RESOURCES:
        raise Malformed("the bundle has a resource that this format does not take")
    request = entry.get("request", {"method": "POST"})
    if not isinstance(request, dict) or request.get("method") not in STORING:
        raise Malformed("an entry of the bundle is not there to be stored")
    rest = {key: value for key, value in entry.items() if key != "resource"}
    inside = {key: value for key, value in resource.items() if key != "resourceType"}
    for node in (rest, inside):
        _check_node(node, extensions, depth=2)
    if resource["resourceType"] == "Composition" and _has_words(resource):
        raise Malformed("a composition has words of its own, which would not be sent")


def _check_node(node: object, extensions: Set[str], *, depth: int) -> None:
    if depth > DEEPEST:
        raise Malformed("the bundle is nested too deeply")
    if node is None or (not node and isinstance(node, dict | list | str)):
        raise Malformed("the bundle says nothing where it says something")
    if isinstance(node, dict):
        _check_members(node, extensions)
    for part in _parts(node):
        _check_node(part, extensions, depth=depth + 1)


def _check_members(node: Node, extensions: Set[str]) -> None:
    if node.keys() & {"contained", "resourceType"}:
        raise Malformed("the bundle has a resource inside another")
    if node.keys() & {"implicitRules", "modifierExtension"}:
        raise Malformed("the bundle has something that changes what the rest means")
    listed = node.get("extension", [])
    for extension in listed if isinstance(listed, list) else [listed]:
        url = extension.get("url") if isinstance(extension, dict) else None
        if not isinstance(url, str) or url not in extensions:
            raise Malformed("the bundle has an extension that the settings do not name")


def _parts(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        yield from node.values()
    elif isinstance(node, list):
        yield from node
