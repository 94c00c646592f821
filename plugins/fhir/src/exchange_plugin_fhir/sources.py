"""Where the contents of attachments are: in the bundle, or beside it. Nowhere else."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from exchange.errors import Malformed
from exchange_plugin_fhir.systems import Node

_STEP = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One content; two of them are never the same, whatever they hold."""

    place: Path | str
    """A file, or base64."""

    def blocks(self) -> Iterator[bytes]:
        """Yield the content.

        Raises:
            Malformed: it is no base64.
        """
        if isinstance(self.place, str):
            yield _decoded(self.place)
            return
        with self.place.open("rb") as content:
            while block := content.read(_STEP):
                yield block


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise Malformed("a content of the bundle is not base64") from None


def inside(bundle: Node) -> dict[str, Source]:
    """Return the contents of a checked bundle by every address that means them.

    Raises:
        Malformed: two entries have one address, or one holds no content.
    """
    found: dict[str, Source] = {}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] != "Binary":
            continue
        if not isinstance(resource.get("data"), str):
            raise Malformed("a content of the bundle is missing")
        source = Source(resource["data"])
        for address in {entry.get("fullUrl"), _relative(resource)} - {None}:
            if found.setdefault(str(address), source) is not source:
                raise Malformed("two entries of the bundle have one address")
    return found


def _relative(resource: Node) -> str | None:
    return f"Binary/{resource['id']}" if "id" in resource else None


def resolved(attachment: Node, sources: Mapping[str, Source]) -> Source:
    """Return the content of an attachment.

    Raises:
        Malformed: it is somewhere else, or nowhere.
    """
    address, content = attachment.get("url"), attachment.get("data")
    if isinstance(content, str) and address is None:
        return Source(content)
    if not isinstance(address, str) or content is not None:
        raise Malformed("a document of the bundle has no content, or two")
    found = sources.get(address) or sources.get(unquote(address))
    if found is None:
        raise Malformed("a document refers to something outside the bundle: nothing is fetched")
    return found
