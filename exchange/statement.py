"""Signed statements: what each kind must be signed by, signing, and the one way of verifying.

Owns which signatures a kind needs, all of them and no others; libraries say "any of" instead.
Shapes of single records are checked in their own rooms, after `verify`. Holds no private key.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, Final, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from exchange import canonical, jws
from exchange.errors import Malformed, StatementNotAcceptable, Tampered, TooLarge
from exchange.keyid import ED25519_SIZE, IdentityCard, identity_card, person_key, person_kid

LARGEST: Final = 32 * 1024
"""Bytes of a statement; two signatures take 4.9 kB, a manifest for 32 recipients 12 kB."""
LARGEST_RECORD: Final = 256 * 1024
"""Bytes of an agreement or consent, which carry texts and sealed blocks."""
CLOCK_SKEW_S: Final = 300
"""How far in the future, in seconds, a statement may be dated: clocks differ."""
ANY_TIME: Final = canonical.LARGEST_INTEGER
"""As `now`: reads an own stored statement whatever the clock says, which may be set right since."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What a statement says, as the `typ` of its protected headers; fixes who must sign."""

    KEY_STATEMENT = "xch-key-statement-v1+jws"
    KEY_SUCCESSION = "xch-key-succession-v1+jws"
    AGREEMENT = "xch-agreement-v1+jws"
    AGREEMENT_SIGNATURE = "xch-agreement-signature-v1+jws"
    AGREEMENT_NOTICE = "xch-agreement-notice-v1+jws"
    CONSENT = "xch-consent-v1+jws"
    CONSENT_ELECTRONIC = "xch-consent-electronic-v1+jws"
    WITHDRAWAL = "xch-withdrawal-v1+jws"
    WITHDRAWAL_ELECTRONIC = "xch-withdrawal-electronic-v1+jws"
    MANIFEST = "xch-manifest-v1+jws"
    ACKNOWLEDGEMENT = "xch-acknowledgement-v1+jws"
    ERASURE = "xch-erasure-v1+jws"
    DOCUMENT_REQUEST = "xch-document-request-v1+jws"


class Role(Enum):
    """Who signs; fixes the algorithms and their order."""

    AGENCY = "agency"
    NEW_AGENCY = "agency (new)"
    PERSON = "person"

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Algorithms of this role's signatures, in the order of the statement."""
        return (jws.ED25519,) if self is Role.PERSON else (jws.ED25519, jws.ML_DSA_65)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What `verify` demands of one kind."""

    roles: tuple[Role, ...] = (Role.AGENCY,)
    signer: str | None = "agency"
    """Payload member that names the signing agency."""
    kid: str | None = None
    """Payload member that repeats the agency's `kid`."""
    dated: str = "iat"
    """Payload member with the moment of signing."""
    identified: bool = True
    """Whether the payload has an `id`, a version 4 UUID."""
    limit: int = LARGEST


_BOTH = (Role.AGENCY, Role.PERSON)
_RULES: Final[Mapping[Kind, _Rule]] = {
    Kind.KEY_STATEMENT: _Rule(kid="kid", dated="nbf", identified=False),
    Kind.KEY_SUCCESSION: _Rule((Role.AGENCY, Role.NEW_AGENCY), kid="old", identified=False),
    Kind.AGREEMENT: _Rule(signer="drafted_by", limit=LARGEST_RECORD),
    Kind.AGREEMENT_SIGNATURE: _Rule(),
    Kind.AGREEMENT_NOTICE: _Rule(),
    Kind.CONSENT: _Rule(signer="collected_by", limit=LARGEST_RECORD),
    Kind.CONSENT_ELECTRONIC: _Rule(_BOTH, signer="collected_by", limit=LARGEST_RECORD),
    Kind.WITHDRAWAL: _Rule(),
    Kind.WITHDRAWAL_ELECTRONIC: _Rule((Role.PERSON,), signer=None),
    Kind.MANIFEST: _Rule(signer="sender", kid="kid"),
    Kind.ACKNOWLEDGEMENT: _Rule(),
    Kind.ERASURE: _Rule(),
    Kind.DOCUMENT_REQUEST: _Rule(),
}


class Signer(Protocol):
    """Something that signs in one role: an agency's pair, or a person's key."""

    @property
    def kid(self) -> str:
        """Name of the key or pair, 43 characters."""
        ...

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Names of the algorithms it signs with, in the order of its role."""
        ...

    def sign(self, algorithm: str, signed: bytes) -> bytes:
        """Return the raw signature over `signed` with one of `algorithms`."""
        ...


@dataclass(frozen=True, slots=True)
class VerifyingKeys:
    """The loaded public keys of an identity card; make it once per `kid`, with `verifying_keys`."""

    card: IdentityCard
    kid: str
    ed25519: Ed25519PublicKey = field(repr=False)
    ml_dsa_65: MLDSA65PublicKey = field(repr=False)

    def verify(self, algorithm: str, signature: bytes, signed: bytes) -> None:
        """Raise InvalidSignature unless this half of the pair signed."""
        half = self.ed25519 if algorithm == jws.ED25519 else self.ml_dsa_65
        half.verify(signature, signed)


Identities: TypeAlias = Mapping[str, IdentityCard | VerifyingKeys]
"""Who may have signed, by `kid`: at an agency its pins, at the hub the registered identities."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement whose every signature verified. Only `verify` makes one."""

    kind: Kind
    payload: Mapping[str, Any]
    """As it was signed; the shape of the record is not yet checked."""
    signer: str | None
    """The agency that signed, as its identity card names it; None for a person alone."""
    kid: str | None
    """Name of the agency's pair; None for a person alone."""
    digest: str
    """Digest of the statement: b64u of SHA-256 over its exact bytes, 43 characters."""
    statement: bytes = field(repr=False)
    """The exact bytes, to be stored and served as they are."""
    context: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """Of a manifest: the context in its payload, parsed; None for every other kind."""


def limit(allowed: Iterable[Kind]) -> int:
    """Return the largest size in bytes a statement of one of these kinds may have."""
    return max(_RULES[kind].limit for kind in allowed)


def verifying_keys(card: IdentityCard) -> VerifyingKeys:
    """Load the keys of `card`, or raise Malformed when one of them is not a public key."""
    try:
        return VerifyingKeys(
            card,
            card.kid,
            Ed25519PublicKey.from_public_bytes(card.ed25519),
            MLDSA65PublicKey.from_public_bytes(card.ml_dsa_65),
        )
    except ValueError:
        raise Malformed("an identity card holds something that is no public key") from None


def sign(kind: Kind, payload: Mapping[str, canonical.Json], *signers: Signer) -> bytes:
    """Return the signed statement: one line of ASCII without LF, in its one spelling.

    ML-DSA signatures differ each time and with them the digest: sign once, persist the bytes,
    then send; a retry sends the stored bytes.

    Args:
        kind: what is said; fixes how many signers there are and in which order.
        payload: signed in its RFC 8785 form; its shape is the caller's business.
        signers: one per role of `kind`.

    Raises:
        Malformed: the signers are not those of `kind`, or the payload has no canonical form.
        TooLarge: nobody would accept a statement of this size.
    """
    rule = _RULES[kind]
    if [signer.algorithms for signer in signers] != [role.algorithms for role in rule.roles]:
        raise Malformed(f"a statement of kind {kind.value} has other signers")
    encoded = canonical.b64u(canonical.encode(payload))
    statement = jws.write(
        encoded,
        [
            _signed(signer, algorithm, kind, encoded)
            for signer in signers
            for algorithm in signer.algorithms
        ],
    )
    if len(statement) > rule.limit:
        raise TooLarge(f"a statement of kind {kind.value} is too large")
    return statement


def _signed(signer: Signer, algorithm: str, kind: Kind, payload: str) -> jws.Entry:
    protected = jws.protected(algorithm, signer.kid, kind.value)
    signature = signer.sign(algorithm, jws.signing_input(protected, payload))
    return jws.Entry(algorithm, signer.kid, kind.value, protected, signature)


def seconds(moment: datetime | int) -> int:
    """Return whole seconds since 1970 of an aware moment; a naive one raises TypeError."""
    if isinstance(moment, int):
        return moment
    return int((moment - _EPOCH).total_seconds())


def verify(
    data: bytes,
    allowed: Collection[Kind],
    identities: Identities,
    *,
    now: datetime | int,
    person: bytes | None = None,
) -> Verified:
    """Return the statement in `data` if every signature its kind needs is there and verifies.

    The numbers are those of docs/formats.md, verifying a statement. Nothing of the payload is
    parsed before every signature that can be checked without it has verified.

    Args:
        data: the exact bytes as they arrived or were stored.
        allowed: the kinds the caller can use here; never all of them.
        identities: the pinned (at the hub: registered) identities by `kid`.
        now: aware moment, or seconds since 1970.
        person: 32 bytes, the raw key of the person who signs a statement without an agency's
            signature; the caller knows it from the consent that the route names.

    Raises:
        StatementNotAcceptable: with the number of the step in `step`, and one text for all.
        TooLarge: more bytes than a statement of the allowed kinds may have.
    """
    if len(data) > limit(allowed):  # step 1
        raise TooLarge("the statement is too large")
    outer = jws.read(data)  # step 2
    kind = _announced(outer.signatures[0].typ, allowed)  # step 3
    rule = _RULES[kind]
    if len(data) > rule.limit:  # step 1 again, now that the kind is known
        raise TooLarge("the statement is too large")
    keys = _known(outer.signatures[0].kid, rule.roles[0], identities, person)  # step 4
    groups = _grouped(outer.signatures, rule.roles)
    for place, (role, entries) in enumerate(groups):
        _check_headers(entries, role, kind, keys.kid if place == 0 else entries[0].kid)
    _check_sizes(outer.signatures)  # step 5
    _check_signatures(groups[0][1], keys, outer.payload, step=6)
    payload = _parsed(outer.content)  # step 7
    for role, entries in groups[1:]:
        named = _named_in(payload, role)
        _check_signatures(entries, named, outer.payload, step=7)
    context = _context(payload) if kind is Kind.MANIFEST else None
    facts = payload if context is None else context
    signer = keys.card.agency if isinstance(keys, VerifyingKeys) else None
    _check_owner(facts, rule, signer, keys.kid)  # step 8
    _check_origin(facts, rule, seconds(now))  # step 9
    kid = None if signer is None else keys.kid
    return Verified(kind, payload, signer, kid, canonical.digest(data), data, context)


@dataclass(frozen=True, slots=True)
class _PersonKey:
    """A person's loaded key; a weak one was refused before."""

    kid: str
    ed25519: Ed25519PublicKey

    def verify(self, _algorithm: str, signature: bytes, signed: bytes) -> None:
        self.ed25519.verify(signature, signed)


_Keys: TypeAlias = VerifyingKeys | _PersonKey


def _announced(typ: str, allowed: Iterable[Kind]) -> Kind:
    """Step 3: the kind is one the caller named; it fixes roles, algorithms and their number."""
    for kind in allowed:
        if kind == typ:
            return kind
    raise StatementNotAcceptable(step=3)


def _known(kid: str, role: Role, identities: Identities, person: bytes | None) -> _Keys:
    """Step 4: the only value taken from the message is a `kid`, and it is known already."""
    try:
        if role is Role.PERSON:
            return _person(person or b"")
        found = identities[kid]
        return found if isinstance(found, VerifyingKeys) else verifying_keys(found)
    except (KeyError, Malformed):
        raise StatementNotAcceptable(step=4) from None


def _person(raw: bytes) -> _PersonKey:
    return _PersonKey(person_kid(raw), Ed25519PublicKey.from_public_bytes(person_key(raw)))


def _grouped(
    entries: Sequence[jws.Entry], roles: Sequence[Role]
) -> list[tuple[Role, Sequence[jws.Entry]]]:
    """Step 4: the entries of each role; no more, no fewer."""
    groups, at = [], 0
    for role in roles:
        groups.append((role, entries[at : at + len(role.algorithms)]))
        at += len(role.algorithms)
    if at != len(entries):
        raise StatementNotAcceptable(step=4)
    return groups


def _check_headers(entries: Iterable[jws.Entry], role: Role, kind: Kind, kid: str) -> None:
    """Step 4: each header equals the one that its place demands."""
    found = [(entry.alg, entry.kid, entry.typ) for entry in entries]
    if found != [(algorithm, kid, kind) for algorithm in role.algorithms]:
        raise StatementNotAcceptable(step=4)


def _check_sizes(entries: Iterable[jws.Entry]) -> None:
    for entry in entries:
        if len(entry.signature) != jws.SIGNATURE_SIZE[entry.alg]:
            raise StatementNotAcceptable(step=5)


def _check_signatures(
    entries: Iterable[jws.Entry], keys: _Keys, payload: str, *, step: int
) -> None:
    """Steps 6 and 7: all of them, also after a failure, with the keys of one `kid`."""
    verified = [entry.kid == keys.kid and _is_signed(entry, keys, payload) for entry in entries]
    if not all(verified):
        raise Tampered(step=step)


def _is_signed(entry: jws.Entry, keys: _Keys, payload: str) -> bool:
    try:
        keys.verify(entry.alg, entry.signature, jws.signing_input(entry.protected, payload))
    except InvalidSignature:
        return False
    return True


def _parsed(raw: bytes) -> dict[str, Any]:
    """Step 7: the payload, parsed only now."""
    try:
        value = canonical.loads(raw, limit=len(raw))
    except Malformed:
        raise StatementNotAcceptable(step=7) from None
    if not isinstance(value, dict):
        raise StatementNotAcceptable(step=7)
    return value


def _context(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Step 7: of a manifest the context names signer and moment."""
    try:
        return _parsed(canonical.unb64u(_text(payload, "context")))
    except Malformed:
        raise StatementNotAcceptable(step=7) from None


def _named_in(payload: Mapping[str, Any], role: Role) -> _Keys:
    """Step 7: the keys of a signer whom the payload names, which the first signer has signed."""
    try:
        if role is Role.NEW_AGENCY:
            return verifying_keys(identity_card(payload.get("new")))
        return _person(canonical.unb64u(_text(payload, "person_key"), size=ED25519_SIZE))
    except Malformed:
        raise StatementNotAcceptable(step=7) from None


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str):
        raise Malformed("a member that must be text is none")
    return value


def _check_owner(facts: Mapping[str, Any], rule: _Rule, signer: str | None, kid: str) -> None:
    """Step 8: the payload names the agency that owns the `kid`."""
    named = [] if rule.signer is None else [facts.get(rule.signer)]
    if Role.NEW_AGENCY in rule.roles:
        named.append(facts["new"]["agency"])
    if named.count(signer) != len(named):
        raise StatementNotAcceptable(step=8)
    if rule.kid is not None and facts.get(rule.kid) != kid:
        raise StatementNotAcceptable(step=8)


def _check_origin(facts: Mapping[str, Any], rule: _Rule, now: int) -> None:
    """Step 9: it has an id where its kind needs one, and is not dated in the future."""
    dated = facts.get(rule.dated)
    if type(dated) is not int or not 0 <= dated <= now + CLOCK_SKEW_S:
        raise StatementNotAcceptable(step=9)
    if rule.identified and not canonical.is_uuid4(facts.get("id")):
        raise StatementNotAcceptable(step=9)
