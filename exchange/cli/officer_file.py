"""`exchange officer file`: all of an answer as a file, for a spreadsheet or another program."""

import asyncio
import os
import sys
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

from cyclopts import App, Parameter

from exchange.cli.place import HERE, Place, beside
from exchange.cli.progress import Bar, bars, late, waiting
from exchange.days import moment_of
from exchange.durable import name_durably, partial_name
from exchange.errors import Conflict, Malformed

if TYPE_CHECKING:
    from exchange.agency.officer_calls import OfficerCalls, Sheet, Taken

Take: TypeAlias = "Callable[[OfficerCalls], Taken]"
Format: TypeAlias = Annotated[Literal["csv", "json"], Parameter(name="--format")]
Out: TypeAlias = Annotated[
    Path | None,
    Parameter(name=("--out", "-o"), help="File to write; it must not exist. Without it: printed."),
]


@Parameter(name="*")  # its members are options by their own names
@dataclass(frozen=True, slots=True)
class Written:
    """As what an answer is written that can also stand on paper."""

    as_: Annotated[
        Literal["pdf", "csv", "json"], Parameter(name="--format", help="What to write.")
    ] = "csv"
    part: Annotated[
        int,
        Parameter(
            help="Of the PDF, which has several where the list is long; each says of how many."
        ),
    ] = 1
    language: Annotated[Literal["de", "en"], Parameter(help="Of the PDF.")] = "de"


TABLE: Final = Written()
"""A table of everything."""


def file_app() -> App:
    """Return the commands of `exchange officer file`."""
    app = App(
        name="file",
        help="Take all of an answer away as a file: CSV, JSON, or on paper (PDF).\n\n"
        "Its first lines say what it contains. The log notes that it was taken. However long a "
        "list is, it is never whole in memory, here or at the hub.",
        help_format="plaintext",
    )
    for command in (disclosures, erasures, events, partners, breach, consent, proof, log):
        app.command(command)
    return app


def disclosures(
    *,
    since: datetime,
    until: datetime,
    written: Written = TABLE,
    out: Out = None,
    at: Place = HERE,
) -> None:
    """Take away who disclosed what to whom; in CSV each recipient has a line.

    Parameters
    ----------
    since
        First day, such as 2026-01-01.
    until
        First day that does not count, such as 2026-04-01.
    """
    days = since.date(), until.date()

    def take(calls: "OfficerCalls") -> "Taken":
        if written.as_ == "pdf":
            return calls.officer_disclosures_paper(*days, _sheet(written, out))
        return calls.officer_disclosures_file(*days, as_=written.as_)

    _take(at, out, take)


def erasures(
    *,
    state: Literal["open", "overdue", "answered", "all"] = "open",
    written: Written = TABLE,
    out: Out = None,
    at: Place = HERE,
) -> None:
    """Take away what must be erased, by whom and until when, and what was answered.

    Parameters
    ----------
    state
        Which of them.
    """

    def take(calls: "OfficerCalls") -> "Taken":
        if written.as_ == "pdf":
            return calls.officer_erasures_paper(state, _sheet(written, out))
        return calls.officer_erasures_file(state, as_=written.as_)

    _take(at, out, take)


def events(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    as_: Format = "csv",
    out: Out = None,
    at: Place = HERE,
) -> None:
    """Take away the agency's part of the log, the newest first.

    Parameters
    ----------
    since
        First day, such as 2026-01-01; from the beginning, if not given.
    until
        First day that does not count.
    as_
        What to write.
    """
    first = None if since is None else since.date()
    last = None if until is None else until.date()
    _take(at, out, lambda calls: calls.officer_events_file(first, last, as_=as_))


def partners(*, as_: Format = "csv", out: Out = None, at: Place = HERE) -> None:
    """Take away the partners and every key they ever had; in CSV each key has a line.

    Parameters
    ----------
    as_
        What to write.
    """
    _take(at, out, lambda calls: calls.officer_partners_file(as_=as_))


def breach(
    kind: Literal["document", "identity", "account", "log", "code"],
    key: str | None = None,
    /,
    *,
    since: datetime,
    written: Written = TABLE,
    out: Out = None,
    at: Place = HERE,
) -> None:
    """Take away all that a lost key, account or code has exposed, however much it is.

    Parameters
    ----------
    kind
        A document key, an identity key, an officer's account, the log's key, or a person's code.
    key
        Its name, as for `exchange officer breach`; not for the log's key.
    since
        From when on it may have been in the wrong hands; without a zone in German time.
    """
    moment = moment_of(since)

    def take(calls: "OfficerCalls") -> "Taken":
        if written.as_ == "pdf":
            return calls.officer_breach_paper(kind, key, moment, _sheet(written, out))
        return calls.officer_breach_file(kind, key, moment, as_=written.as_)

    _take(at, out, take)


def consent(
    consent: str,
    /,
    *,
    as_: Annotated[
        Literal["json", "pdf"], Parameter(name="--format", help="What to write.")
    ] = "json",
    moment: datetime | None = None,
    language: Annotated[Literal["de", "en"], Parameter(help="Of the PDF.")] = "de",
    out: Out = None,
    at: Place = HERE,
) -> None:
    """Take away one consent: the record with its proofs (JSON), or what its page says (PDF).

    The JSON has the structure of ISO/IEC TS 27560, what became of the consent, and the receipt of
    each event that your agency may know of. That it is taken is noted in the log, on the chain of
    the consent too: the person sees it. Neither file has her name.

    Example: exchange officer file consent ID --format pdf -o consent.pdf

    Parameters
    ----------
    consent
        Id of the record, as `exchange officer events` shows it.
    moment
        Of the PDF: when it is asked whether the consent held; without a zone in German time; now,
        if not given.
    """
    if as_ == "json":
        if moment is not None:
            raise Malformed("whether it held at a moment says the PDF: add --format pdf")
        _take(at, out, lambda calls: calls.officer_consent_file(consent))
        return
    _check_file(out)
    asked = None if moment is None else moment_of(moment)
    _take(at, out, lambda calls: calls.officer_consent_paper(consent, language, at=asked))


def proof(receipt: str, /, *, out: Out = None, at: Place = HERE) -> None:
    """Take away the proof that one event stands in the log (C2SP tlog-proof).

    It opens the entry, so that is noted in the log; whoever has the file reads the event: time,
    agency, codes and digests, no name. It is checked without a network.

    Example: exchange officer file proof RECEIPT -o event.tlog-proof

    Parameters
    ----------
    receipt
        Name of the entry's receipt, as `exchange officer consent` and `exchange officer events`
        show it.
    """
    _take(at, out, lambda calls: calls.officer_proof_file(receipt))
    if out is not None:
        print(f"next        exchange log verify --receipt {out} --policy FILE")


def log(
    *,
    out: Annotated[
        Path,
        Parameter(name=("--out", "-o"), help="File to write, a tar; it must not exist."),
    ],
    at: Place = HERE,
) -> None:
    """Take away the whole log with what the agency may open of it, to be verified offline.

    As confidential as the records. What only a gateway has, older heads and notes on its own
    disclosures, is in the export of `exchange log export` alone.

    Example: exchange officer file log -o log-2026.tar
    """
    _take(at, out, lambda calls: calls.officer_log_file())
    print(f"next        exchange log verify {out} --policy FILE")


def _sheet(written: Written, out: Path | None) -> "Sheet":
    """Return which part of a paper is wanted.

    Raises:
        Malformed: a PDF is not printed on a terminal, and parts are counted from 1.
    """
    from exchange.agency.officer_calls import Sheet

    _check_file(out)
    if written.part < 1:
        raise Malformed("parts are counted from 1")
    return Sheet(written.part, written.language)


def _check_file(out: Path | None) -> None:
    if out is None:
        raise Malformed("a PDF is written to a file: say which with --out")


def _take(at: Place, out: Path | None, take: Take) -> None:
    if out is not None and out.exists():
        raise Conflict(f"{out.name} exists; it is not overwritten")

    async def work() -> None:
        # What is printed on a terminal shows by itself that something happens.
        with bars(silent=out is None and sys.stdout.isatty()) as bar:
            show = late(bar("so far" if out is None else out.name))
            # The hub counts before its first byte: that something happens is shown then, too.
            async with beside(at) as desk, waiting(show), take(desk.client.officer) as chunks:
                if out is None:
                    await _printed(_shown(chunks, show))
                else:
                    await _saved(out, _shown(chunks, show))
        if out is not None:
            print(f"taken       {out}")

    asyncio.run(work())


async def _shown(chunks: AsyncIterator[bytes], bar: Bar) -> AsyncIterator[bytes]:
    done = 0
    async for chunk in chunks:
        yield chunk
        done += len(chunk)
        bar(done, 0)  # how long it will be, nobody knows


async def _printed(chunks: AsyncIterator[bytes]) -> None:
    # A piece may end within a letter.
    decode = getincrementaldecoder("utf-8")().decode
    async for chunk in chunks:
        sys.stdout.write(decode(chunk))


async def _saved(out: Path, chunks: AsyncIterator[bytes]) -> None:
    """Write a file that is there as a whole or not at all."""
    partial = partial_name(out)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(partial, flags, 0o600), "wb") as target:
            async for chunk in chunks:
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        name_durably(partial, out)
    except FileExistsError:
        raise Conflict(f"{out.name} exists; it is not overwritten") from None
    finally:
        partial.unlink(missing_ok=True)
