"""The manifest: what a sender signs about a sealed document, and what needs no key to check.

Hub and agency read it alike. Holds no name of a person or file and opens nothing; the exact
bytes of the context are kept, because the same bytes lie inside the sealed document.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from exchange import canonical
from exchange.canonical import Json, b64u
from exchange.envelope.age import hybrid, stream
from exchange.envelope.age.header import Header
from exchange.envelope.padme import padme
from exchange.errors import Malformed, StatementNotAcceptable, TooLarge
from exchange.members import Members, ordered
from exchange.statement import CLOCK_SKEW_S, Kind, Verified
from exchange.vocabulary import Secrecy, secrecy

SUITE = "1"
"""Names every algorithm at once; a reader accepts the suites it has code for."""
MOST_RECIPIENTS = 32
"""Recipients of one disclosure; their header stays under 64 KiB."""
LONGEST_LIFE_S = 14 * 24 * 3600
"""Seconds from `iat` to `exp` at most: document keys are destroyed soon after."""
LARGEST_CONTEXT = 8 * 1024
"""Bytes of a context; one for 32 recipients takes 4 kB."""
BLOCK_SIZE = 512
"""Bytes of a tar block (POSIX.1-2017, pax): every package is a multiple of it."""
SMALLEST_PACKAGE = 7 * BLOCK_SIZE
"""Two headers, context, contents, one empty file, and two blocks at the end."""
_HEADER_FRAME = 70
_STANZA_SIZE = 1557


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient and the document key that was sealed to."""

    agency: str
    key: str
    """Fingerprint of the document key, 43 characters."""

    def payload(self) -> dict[str, Json]:
        """Return the members of its entry."""
        return {"agency": self.agency, "key": self.key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a sender states about a disclosure before it is sealed."""

    id: str
    """Version 4 UUID in lower case; the id of the disclosure in the API."""
    sender: str
    kid: str
    """Name of the sender's identity key, 43 characters."""
    consent: str
    """Digest of the consent record it is made under."""
    purpose: str
    category: str
    secrecy: Secrecy
    iat: int
    """Seconds since 1970."""
    exp: int
    """Seconds since 1970, half open; at most 14 days after `iat`."""
    request: str | None = None
    """Digest of the document request that this answers."""
    replaces: str | None = None
    """Id of the disclosure that this sends again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Terms):
    """The signed context: terms, recipients and the commitment to the contents."""

    suite: str = SUITE
    recipients: tuple[Addressee, ...]
    """1 to 32, sorted by agency, each agency once."""
    contents: str
    """SHA-256 of `contents.json`, lowercase hex."""
    raw: bytes = field(repr=False)
    """The exact bytes: signed in the manifest and sealed in the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest whose signatures verified and whose form is right."""

    context: Context
    sealed_sha256: str
    """SHA-256 of header and payload together, lowercase hex."""
    sealed_size: int
    """Bytes of header and payload together."""
    digest: str
    """Digest of the statement, 43 characters."""
    statement: bytes = field(repr=False)
    """The exact signed bytes."""

    @property
    def header_size(self) -> int:
        """Bytes of the sealed document that are its header."""
        return header_size(len(self.context.recipients))

    @property
    def payload_size(self) -> int:
        """Bytes of the sealed document after its header."""
        return self.sealed_size - self.header_size


def new_context(terms: Terms, recipients: Sequence[Addressee], contents: str) -> Context:
    """Return the context of a document to be sealed, in canonical bytes.

    Args:
        terms: what the sender states.
        recipients: in any order.
        contents: SHA-256 of `contents.json`, lowercase hex.

    Raises:
        Malformed: the terms would be refused by the recipient.
    """
    named = sorted(recipients, key=lambda addressee: addressee.agency)
    stated: dict[str, Json] = {
        "suite": SUITE,
        "id": terms.id,
        "sender": terms.sender,
        "kid": terms.kid,
        "recipients": [addressee.payload() for addressee in named],
        "consent": terms.consent,
        "purpose": terms.purpose,
        "category": terms.category,
        "secrecy": terms.secrecy.code,
        "iat": terms.iat,
        "exp": terms.exp,
        "contents": contents,
    }
    optional = {"request": terms.request, "replaces": terms.replaces}
    stated |= {name: value for name, value in optional.items() if value is not None}
    return read_context(canonical.encode(stated))


def read_context(raw: bytes) -> Context:
    """Return the context in `raw`, checked member by member.

    Raises:
        Malformed: a member is missing, unknown or wrong; another suite.
        TooLarge: more than 8 KiB.
    """
    return _context(canonical.loads(raw, limit=LARGEST_CONTEXT), raw)


def _context(stated: object, raw: bytes) -> Context:
    members = Members(stated, "context")
    context = Context(
        suite=members.take("suite", _suite),
        id=members.uuid("id"),
        sender=members.agency("sender"),
        kid=members.digest("kid"),
        recipients=_recipients(members),
        consent=members.digest("consent"),
        purpose=members.code("purpose"),
        category=members.code("category"),
        secrecy=members.take("secrecy", secrecy),
        iat=members.seconds("iat"),
        exp=members.seconds("exp"),
        contents=members.sha256("contents"),
        request=members.digest("request") if members.has("request") else None,
        replaces=members.uuid("replaces") if members.has("replaces") else None,
        raw=raw,
    )
    members.end()
    if context.exp <= context.iat:
        raise Malformed("context: ends before it begins")
    return context


def _suite(value: object) -> str:
    if value != SUITE:
        raise Malformed("not a known suite")
    return SUITE


def _recipients(members: Members) -> tuple[Addressee, ...]:
    found = [
        _addressee(entry) for entry in members.objects("recipients", least=1, most=MOST_RECIPIENTS)
    ]
    ordered([addressee.agency for addressee in found], "context.recipients")
    return tuple(found)


def _addressee(members: Members) -> Addressee:
    addressee = Addressee(members.agency("agency"), members.digest("key"))
    members.end()
    return addressee


def manifest_payload(context: bytes, *, sha256: str, size: int) -> dict[str, Json]:
    """Return what a manifest's signatures cover.

    Args:
        context: the exact bytes of `context.json`.
        sha256: of the sealed document, lowercase hex.
        size: of the sealed document, in bytes.
    """
    return {"context": b64u(context), "sealed": {"sha256": sha256, "size": size}}


def read_manifest(verified: Verified) -> Manifest:
    """Return the manifest in a statement that verified as one (order of verification, step 3).

    Raises:
        Malformed: the payload or the context has a wrong form, or the suite is not known.
        TooLarge: the context takes more than 8 KiB.
        StatementNotAcceptable: signed by another agency or key than the context names, or not a
            manifest at all.
    """
    if verified.kind is not Kind.MANIFEST:
        raise StatementNotAcceptable("the statement is not a manifest")
    members = Members(verified.payload)
    raw = members.raw("context")
    if len(raw) > LARGEST_CONTEXT:
        raise TooLarge("the context is too large")
    context = _context(verified.context, raw)
    sealed = members.object("sealed")
    members.end()
    manifest = Manifest(
        context=context,
        sealed_sha256=sealed.sha256("sha256"),
        sealed_size=sealed.integer("size", 0, canonical.LARGEST_INTEGER),
        digest=verified.digest,
        statement=verified.statement,
    )
    sealed.end()
    if (context.sender, context.kid) != (verified.signer, verified.kid):
        raise StatementNotAcceptable("the manifest names another sender than signed it")
    return manifest


def check_times(context: Context, now: datetime) -> None:
    """Check that the disclosure is neither over nor dated ahead (order of verification, step 5).

    Raises:
        StatementNotAcceptable: not (iat - 300 <= now < exp), or longer than 14 days.
    """
    if not context.iat - CLOCK_SKEW_S <= now.timestamp() < context.exp:
        raise StatementNotAcceptable("the manifest is not valid at this time")
    if context.exp - context.iat > LONGEST_LIFE_S:
        raise StatementNotAcceptable("the manifest is valid for too long")


def header_size(recipients: int) -> int:
    """Return the bytes of the header for this many hybrid recipients."""
    return _HEADER_FRAME + _STANZA_SIZE * recipients


def check_sealed_size(size: int, recipients: int) -> None:
    """Check by arithmetic that a sealed document of `size` bytes can be a padded package.

    Args:
        size: bytes of header and payload together, as the manifest states them.
        recipients: how many the manifest names.

    Raises:
        Malformed: no payload has this size, or the package in it would not be padded.
    """
    plaintext = stream.plaintext_size(size - header_size(recipients))
    if plaintext is None:
        raise Malformed("no sealed document has this size")
    padded = plaintext >= SMALLEST_PACKAGE and padme(plaintext) == plaintext
    if not padded or plaintext % BLOCK_SIZE:
        raise Malformed("the sealed document is not padded")


def check_header(header: Header, recipients: int) -> None:
    """Check that a header is sealed to this many hybrid keys and to nobody else.

    Raises:
        Malformed: another number or kind of stanza, or another length.
        HeaderMalformed: a stanza of another form.
    """
    if len(header.stanzas) != recipients or len(header.raw) != header_size(recipients):
        raise Malformed("the header does not fit the recipients of the manifest")
    for stanza in header.stanzas:
        hybrid.parts(stanza)
