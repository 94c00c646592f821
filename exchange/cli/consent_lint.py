"""`exchange consent lint`: what the law would say against a draft or a record, all at once.

At a gateway's home also the rules that need a birth date or the other consents of the case. Nothing
is signed or sent; `sign`, `invite` and the hub ask the same rules again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from exchange import jws
from exchange.agency import home as homes
from exchange.agency.lint_consent import facts_in, findings_of
from exchange.agency.parts import Gateway
from exchange.agency.record_consent import NOBODY, as_she_would_sign, drafted, lint_draft
from exchange.agency.settings import read_settings
from exchange.agreement.force import in_force
from exchange.agreement.reading import read_payload as read_terms
from exchange.agreement.record import Agreement
from exchange.canonical import digest, encode, loads, unb64u
from exchange.cli import consent_draft
from exchange.cli.place import HERE, Place, opened
from exchange.consent.lint import Local, lint, unreadable, unsigned
from exchange.consent.record import ConsentRecord, read_consent, read_payload
from exchange.consent.words import Form
from exchange.errors import (
    Finding,
    LintRefused,
    Malformed,
    NotFound,
    StatementNotAcceptable,
    TooLarge,
)
from exchange.rules import sentence
from exchange.statement import LARGEST_RECORD, Kind
from exchange.wire.findings import finding_payload

KINDS = {kind.value: kind for kind in (Kind.CONSENT, Kind.CONSENT_ELECTRONIC)}


def add_lint(app: App) -> None:
    """Add the command to `exchange consent`."""
    app.command(lint_file, name="lint")


def lint_file(
    file: Path,
    /,
    *,
    agreement: Path | None = None,
    born: datetime | None = None,
    lang: Literal["de", "en"] = "en",
    json: Annotated[bool, Parameter(negative=(), help="Print findings as JSON.")] = False,
    at: Place = HERE,
) -> int:
    """Say every rule that a draft or a signed consent breaks. Nothing is signed or sent.

    The agreement is the one the gateway at --home knows; with --agreement it is read from a file
    and nobody is asked: then signatures are not checked. Ends with 1 if something refuses.

    Parameters
    ----------
    file
        A draft, TOML; or a signed consent as the hub hands it out.
    agreement
        File with the signed agreement, as the hub hands it out.
    born
        Birth date of the person, such as 1990-05-17; else as the draft or the sealed block says.
    lang
        Language of the sentences, de or en.
    """
    day = None if born is None else born.date()
    terms = None if agreement is None else _terms(agreement)
    try:
        if terms is None:
            found = asyncio.run(_asked(file, day, at))
        else:
            found = _alone(file, terms, day, at.home)
    except LintRefused as refused:
        found = refused.findings
    except StatementNotAcceptable as error:
        found = (unsigned(error),)
    except Malformed as error:
        found = (unreadable(error),)
        if not json:
            print(error)
    print(_as_json(found) if json else as_text(found, lang))
    return 1 if any(finding.severity == "refuse" for finding in found) else 0


def as_text(found: Sequence[Finding], lang: str) -> str:
    """Return findings for a terminal: id, severity, field, and the sentence below."""
    if not found:
        return "no finding"
    lines = []
    for finding in found:
        lines.append(f"{finding.id}  {finding.severity:6}  {finding.field}")
        lines.append(f"     {sentence(finding, lang)}")
    return "\n".join(lines)


def _as_json(found: Sequence[Finding]) -> str:
    return encode({"findings": [finding_payload(finding) for finding in found]}).decode("utf-8")


async def _asked(file: Path, born: date | None, at: Place) -> tuple[Finding, ...]:
    async with opened(at) as gateway:
        data = _statement(file)
        if data is not None:
            return await _of_statement(gateway, data, born)
        draft = consent_draft.read_draft(file, now=gateway.clock())
        if born is not None:
            draft = replace(draft, subject=replace(draft.subject, born=born))
        return await lint_draft(gateway, draft)


async def _of_statement(gateway: Gateway, data: bytes, born: date | None) -> tuple[Finding, ...]:
    """Return what a signed consent breaks, its signatures first."""
    now = gateway.clock()
    known = await gateway.records.agreement(_unverified(data).agreement, now=now)
    if known is None:
        raise NotFound("this agency has not signed the agreement")
    kinds = set(KINDS.values())
    record = read_consent(await gateway.records.by_party(known.agreement, data, kinds, now=now))
    facts = facts_in(gateway, record)
    if facts is None and born is not None:
        held = known.is_in_force(now) and known.is_in_force(record.collected_at)
        local = Local(born=born)
        return lint(record, known.scope, agreement_held=held, now=now, local=local)
    return await findings_of(gateway, record, known, facts, now=now)


def _alone(file: Path, terms: Agreement, born: date | None, home: Path) -> tuple[Finding, ...]:
    """Return what a file breaks by the words of an agreement whose signatures nobody checked."""
    now = datetime.now(UTC)  # noqa: TID251  # a command owns the clock
    data = _statement(file)
    if data is None:
        draft = consent_draft.read_draft(file, now=now)
        record = drafted(draft, terms.scope(), _collector(terms, home), NOBODY, now)
        record = as_she_would_sign(record, terms.scope()) if _is_electronic(record) else record
        born = born or draft.subject.born
        if draft.agreement != terms.id:
            raise Malformed("agreement: the draft names another one", member="agreement")
    else:
        record = _unverified(data)
    begun = dict.fromkeys(terms.agencies, terms.term.begins)
    return lint(
        record,
        terms.scope(),
        agreement_held=in_force(terms, begun, (), None, now=record.collected_at),
        now=now,
        local=None if born is None else Local(born=born),
    )


def _is_electronic(record: ConsentRecord) -> bool:
    return record.form is Form.ELECTRONIC


def _collector(terms: Agreement, home: Path) -> str:
    """Return who collects: the agency of the home, or the only one that may."""
    settings = homes.at(home).settings_file
    if settings.is_file():
        return read_settings(settings).agency
    if len(terms.collectors) > 1:
        raise Malformed("several agencies may collect; name the home of yours with --home")
    return next(iter(terms.collectors))


def _statement(file: Path) -> bytes | None:
    """Return the signed statement in a file; None where it is no statement but a draft."""
    with file.open("rb") as opened:
        data = opened.read(LARGEST_RECORD + 1)
    if not data.startswith(b"{"):
        return None
    if len(data) > LARGEST_RECORD:
        raise TooLarge(f"{file.name} is too large for a statement")
    return data.rstrip(b"\n")


def _terms(file: Path) -> Agreement:
    data = _statement(file)
    if data is None:
        raise Malformed(f"{file.name} is no signed agreement")
    outer = jws.read(data)
    members = loads(unb64u(outer.payload), limit=LARGEST_RECORD)
    if not isinstance(members, dict):
        raise Malformed(f"{file.name} is no signed agreement")
    return read_terms(members, digest=digest(data), kid=outer.signatures[0].kid)


def _unverified(data: bytes) -> ConsentRecord:
    """Return the record in a statement whose signatures nobody has checked yet."""
    outer = jws.read(data)
    kind = KINDS.get(outer.signatures[0].typ)
    members = loads(unb64u(outer.payload), limit=LARGEST_RECORD)
    if kind is None or not isinstance(members, dict):
        raise Malformed("not a consent")
    return read_payload(members, kind, digest=digest(data))
