"""exchange.envelope.manifest"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.canonical import b64u, encode, loads, unb64u
from exchange.envelope.age.header import Stanza, parse
from exchange.envelope.age.header import encode as encode_header
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.envelope.age.stream import payload_size
from exchange.envelope.manifest import (
    LARGEST_CONTEXT,
    Addressee,
    check_header,
    check_sealed_size,
    check_times,
    header_size,
    manifest_payload,
    new_context,
    read_context,
    read_manifest,
)
from exchange.errors import HeaderMalformed, Malformed, StatementNotAcceptable, TooLarge
from exchange.statement import Kind
from exchange.vocabulary import Secrecy
from tests.envelopes import KEY, MTIME, OTHER_KEY, RECIPIENT, TERMS, sealed
from tests.samples import ABSENT, changed, verified

CONTEXT: dict[str, Any] = {
    "suite": "1",
    "id": "06060606-0606-4606-8606-060606060606",
    "sender": "women-b",
    "kid": "A" * 43,
    "recipients": [{"agency": "jobcentre-a", "key": "C" * 42 + "A"}],
    "consent": "B" * 42 + "A",
    "purpose": "housing-loss",
    "category": "rent-arrears-letter",
    "secrecy": "professional",
    "iat": MTIME,
    "exp": MTIME + 1000,
    "contents": "ab" * 32,
}
FULL = {**CONTEXT, "request": "D" * 42 + "A", "replaces": CONTEXT["id"]}
SEALED = {"sha256": "cd" * 32, "size": 59003}
ADDRESSEE = Addressee("jobcentre-a", "C" * 42 + "A")


def _manifest(context: Any = FULL, sealed: Any = SEALED, **more: Any) -> dict[str, Any]:
    return {"context": b64u(encode(context)), "sealed": sealed, **more}


def _verified(payload: dict[str, Any], kind: Kind = Kind.MANIFEST, **signed: Any) -> Any:
    found = verified(kind, payload, **{"signer": "women-b", "kid": "A" * 43, **signed})
    return replace(found, context=_parsed(payload.get("context")))


def _parsed(context: Any) -> Any:
    """Return what `verify` has parsed of a context; it refuses a manifest that has none."""
    try:
        return loads(unb64u(str(context)), limit=2**20)
    except Malformed:
        return None


def test_a_context_with_every_member_is_read() -> None:
    context = read_context(encode(FULL))
    assert (context.suite, context.id, context.sender) == ("1", CONTEXT["id"], "women-b")
    assert (context.kid, context.consent) == ("A" * 43, "B" * 42 + "A")
    assert context.recipients == (ADDRESSEE,)
    assert (context.purpose, context.category) == ("housing-loss", "rent-arrears-letter")
    assert context.secrecy is Secrecy.PROFESSIONAL
    assert (context.iat, context.exp) == (MTIME, MTIME + 1000)
    assert context.contents == "ab" * 32
    assert (context.request, context.replaces) == ("D" * 42 + "A", CONTEXT["id"])
    assert context.raw == encode(FULL)


def test_a_context_is_written_as_it_is_read() -> None:
    assert new_context(TERMS, [ADDRESSEE], "ab" * 32).raw == encode(CONTEXT)
    full = replace(TERMS, request=FULL["request"], replaces=FULL["replaces"])
    assert new_context(full, [ADDRESSEE], "ab" * 32).raw == encode(FULL)


def test_recipients_are_written_in_order() -> None:
    second = Addressee("youth-c", "E" * 42 + "A")
    context = new_context(TERMS, [second, ADDRESSEE], "ab" * 32)
    assert context.recipients == (ADDRESSEE, second)


def _recipients(*names: str) -> list[dict[str, str]]:
    return [{"agency": name, "key": "C" * 42 + "A"} for name in names]


MALFORMED = {
    **{f"no {name}": changed(CONTEXT, **{name: ABSENT}) for name in CONTEXT},
    "suite": changed(CONTEXT, suite="2"),
    "suite as number": changed(CONTEXT, suite=1),
    "id": changed(CONTEXT, id="x"),
    "sender": changed(CONTEXT, sender="Women B"),
    "kid": changed(CONTEXT, kid="A" * 42),
    "nobody": changed(CONTEXT, recipients=[]),
    "twice": changed(CONTEXT, recipients=_recipients("aa", "aa")),
    "not sorted": changed(CONTEXT, recipients=_recipients("bb", "aa")),
    "too many": changed(CONTEXT, recipients=_recipients(*(f"a{n:02}" for n in range(33)))),
    "more about a recipient": changed(CONTEXT, recipients=[{**_recipients("aa")[0], "x": 1}]),
    "key of a recipient": changed(CONTEXT, recipients=[{"agency": "aa", "key": "C" * 42}]),
    "consent": changed(CONTEXT, consent="B" * 43),
    "purpose": changed(CONTEXT, purpose="Housing"),
    "category": changed(CONTEXT, category="*"),
    "secrecy": changed(CONTEXT, secrecy="secret"),
    "iat": changed(CONTEXT, iat="now"),
    "ends before it begins": changed(CONTEXT, exp=MTIME),
    "contents": changed(CONTEXT, contents="AB" * 32),
    "request": changed(CONTEXT, request=CONTEXT["id"]),
    "replaces": changed(CONTEXT, replaces="D" * 42 + "A"),
    "unknown member": changed(CONTEXT, note="N."),
    "no object": [],
}


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
def test_a_context_of_another_form_is_refused(payload: Any) -> None:
    with pytest.raises(Malformed):
        read_context(encode(payload))
    with pytest.raises(Malformed):
        read_manifest(_verified(_manifest(payload)))


def test_a_context_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooLarge):
        read_context(b" " * (LARGEST_CONTEXT + 1))
    with pytest.raises(TooLarge):
        read_manifest(_verified({**_manifest(), "context": b64u(b" " * (LARGEST_CONTEXT + 1))}))


def test_a_manifest_is_read_with_its_context() -> None:
    statement = _verified(_manifest())
    manifest = read_manifest(statement)
    assert manifest.context == read_context(encode(FULL))
    assert (manifest.sealed_sha256, manifest.sealed_size) == ("cd" * 32, 59003)
    assert (manifest.digest, manifest.statement) == (statement.digest, statement.statement)
    assert manifest.header_size == 1627
    assert manifest.payload_size == 59003 - 1627


def test_a_manifest_is_written_as_it_is_read() -> None:
    assert manifest_payload(encode(FULL), sha256="cd" * 32, size=59003) == _manifest()


@pytest.mark.parametrize(
    "payload",
    [
        {"context": b64u(encode(CONTEXT))},
        {"sealed": SEALED},
        _manifest(more=1),
        _manifest(sealed={**SEALED, "more": 1}),
        _manifest(sealed={"sha256": "cd" * 32}),
        _manifest(sealed={**SEALED, "size": -1}),
        _manifest(sealed={**SEALED, "sha256": "cd"}),
        _manifest(sealed="x"),
        {**_manifest(), "context": CONTEXT},
        {**_manifest(), "context": "e30="},
    ],
)
def test_a_manifest_of_another_form_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_manifest(_verified(payload))


@pytest.mark.parametrize(
    "signed",
    [{"signer": "jobcentre-a"}, {"kid": "B" * 42 + "A"}, {"signer": None, "kid": None}],
)
def test_a_manifest_that_names_another_sender_is_refused(signed: dict[str, Any]) -> None:
    with pytest.raises(StatementNotAcceptable):
        read_manifest(_verified(_manifest(), **signed))


def test_another_kind_of_statement_is_no_manifest() -> None:
    with pytest.raises(StatementNotAcceptable):
        read_manifest(_verified(_manifest(), Kind.ACKNOWLEDGEMENT))


NOW = datetime.fromtimestamp(MTIME, UTC)


@pytest.mark.parametrize("seconds", [-300, 0, 999])
def test_a_manifest_is_valid_from_a_little_before_it_was_signed(seconds: int) -> None:
    check_times(read_context(encode(CONTEXT)), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 1000, 10**6])
def test_a_manifest_is_refused_outside_its_time(seconds: int) -> None:
    with pytest.raises(StatementNotAcceptable, match="time"):
        check_times(read_context(encode(CONTEXT)), NOW + timedelta(seconds=seconds))


def test_a_manifest_lives_fourteen_days_at_most() -> None:
    days = 14 * 24 * 3600
    check_times(read_context(encode({**CONTEXT, "exp": MTIME + days})), NOW)
    with pytest.raises(StatementNotAcceptable, match="long"):
        check_times(read_context(encode({**CONTEXT, "exp": MTIME + days + 1})), NOW)


def test_headers_have_the_size_of_the_formula() -> None:
    assert [header_size(n) for n in (1, 2, 3, 32)] == [1627, 3184, 4741, 49894]


@pytest.mark.parametrize("plaintext", [3584, 4096, 17408, 65_536, 1081344, 201326592])
def test_padded_packages_have_a_possible_size(plaintext: int) -> None:
    for recipients in (1, 32):
        check_sealed_size(header_size(recipients) + payload_size(plaintext), recipients)


@pytest.mark.parametrize(
    "plaintext", [0, 512, 3072, 3583, 3585, 3712, 16896, 33280, 70_000, 99_840]
)
def test_the_hub_refuses_documents_that_are_not_padded(plaintext: int) -> None:
    with pytest.raises(Malformed, match="padded"):
        check_sealed_size(1627 + payload_size(plaintext), 1)


@pytest.mark.parametrize("size", [0, 1627, 1627 + 31, 1627 + 16 + 65_552 + 16])
def test_sizes_that_no_sealed_document_has_are_refused(size: int) -> None:
    with pytest.raises(Malformed, match="no sealed"):
        check_sealed_size(size, 1)


def test_what_is_sealed_passes_every_check_that_needs_no_key(tmp_path: Any) -> None:
    recipients = {"jobcentre-a": KEY.recipient, "youth-c": OTHER_KEY.recipient}
    document, manifest, header, payload = sealed(tmp_path / "sealed", recipients=recipients)
    check_header(parse(header), 2)
    check_sealed_size(document.size, 2)
    assert (len(header), len(payload)) == (document.header_size, manifest.payload_size)


def test_a_header_for_others_than_the_manifest_names_is_refused() -> None:
    stanza = RECIPIENT.wrap(b"k" * 16)
    two = parse(encode_header([stanza, stanza], b"k" * 16))
    check_header(two, 2)
    with pytest.raises(Malformed):
        check_header(two, 1)
    with pytest.raises(Malformed):
        check_header(two, 3)


def test_a_header_with_another_kind_of_stanza_is_refused() -> None:
    stanza = HybridRecipient(KEY.recipient).wrap(b"k" * 16)
    classical = Stanza((b"X25519_________", stanza.arguments[1][:-1]), stanza.body)
    header = parse(encode_header([classical], b"k" * 16))
    assert len(header.raw) == header_size(1)
    with pytest.raises(HeaderMalformed):
        check_header(header, 1)


def test_a_header_of_another_length_is_refused() -> None:
    grease = Stanza((b"mlkem768x25519", b"A" * 1494, b"x"), bytes(32))
    header = parse(encode_header([grease], b"k" * 16))
    assert len(header.raw) != header_size(1)
    with pytest.raises(Malformed):
        check_header(header, 1)
