"""Reads XML that a stranger wrote, and checks what we write against the official schema."""

from pathlib import Path, PurePosixPath

from lxml import etree

from exchange.errors import Malformed, Misconfigured

NAMESPACE = "urn:xoev-de:xdomea:schema:3.0.0"
"""Of the version that is written, and one of those that are read."""
ENTRY = "xdomea-Nachrichten-AbgabeDurchfuehren.xsd"
"""The schema of the message group hand-over."""
LARGEST_XML = 16 << 20
"""Bytes of one message."""


def parse(raw: bytes) -> etree._Element:
    """Return the root of `raw`: UTF-8 without any DOCTYPE; nothing outside it is looked at.

    Depth and growth are bounded by libxml2 (256 levels; no huge trees).

    Raises:
        Malformed: it is no such XML; the text quotes nothing of it.
    """
    if len(raw) > LARGEST_XML:
        raise Malformed("the message is larger than 16 MiB")
    _check_encoding(raw)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Malformed("the message is not well-formed XML") from None
    info = root.getroottree().docinfo
    if info.doctype:
        raise Malformed("the message has a DOCTYPE")
    if (info.encoding or "").upper() != "UTF-8":
        raise Malformed("the message is not in UTF-8")
    return root


def _check_encoding(raw: bytes) -> None:
    """Refuse UTF-16 and the like before the parser: it recognises them without a declaration."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the message is not in UTF-8") from None
    if b"\x00" in raw:
        raise Malformed("the message is not in UTF-8")


class _LocalSchemas(etree.Resolver):  # type: ignore[misc] # lxml ships no types
    """Answers every schemaLocation, a web address too, from one folder, by file name."""

    def __init__(self, files: dict[str, Path]) -> None:
        super().__init__()
        self._files = files
        self.missing: str | None = None
        """File name of the first schema that was asked for and is not there."""

    def resolve(self, url: str, _public_id: str | None, context: object) -> object:
        name = PurePosixPath(url).name
        found = self._files.get(name)
        if found is None:
            self.missing = self.missing or name
            return self.resolve_string("", context)  # never the default: it would go and look
        return self.resolve_filename(str(found), context)


def load_schema(folder: Path) -> etree.XMLSchema:
    """Return the schema of the message group hand-over, compiled from files in `folder` alone.

    Args:
        folder: the operator's copy of xdomea 3.0.0 with the schemas it imports, at any depth.

    Raises:
        Misconfigured: it is not there whole, is there twice, or is another version.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.xsd")):
        if path.name in files:
            raise Misconfigured("the folder of schemas holds more than one version")
        files[path.name] = path
    if ENTRY not in files:
        raise Misconfigured(f"the folder of schemas holds no {ENTRY}")
    parser = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)
    local = _LocalSchemas(files)
    parser.resolvers.add(local)
    try:
        entry = etree.parse(str(files[ENTRY]), parser)
        schema = etree.XMLSchema(entry)
    except (etree.LxmlError, OSError):
        if local.missing is not None:
            raise Misconfigured(
                f"the folder of schemas holds no {local.missing}; put it there, at any depth"
            ) from None
        raise Misconfigured("the schemas cannot be read") from None
    if entry.getroot().get("targetNamespace") != NAMESPACE:
        raise Misconfigured("the schemas are not those of xdomea 3.0.0")
    return schema


def check_valid(root: etree._Element, schema: etree.XMLSchema) -> None:
    """Check a message of ours against the official schema.

    Raises:
        Malformed: it is not valid; lines are told, words are not: they quote the content.
    """
    if not schema.validate(root):
        lines = sorted({error.line for error in schema.error_log})
        where = ", ".join(map(str, lines[:5]))
        raise Malformed(f"the message would not be valid by the schema, line {where}")
