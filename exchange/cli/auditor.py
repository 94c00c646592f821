"""`exchange auditor`: what an auditor asks the hub with her own tool, without any gateway.

Needs the address of the hub, the id of her account and a key whose public half the operator has
given that account. What she gets says nothing of persons, and of an
agreement's text its title alone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar

from cyclopts import App, Parameter
from pydantic import ValidationError

from exchange.canonical import is_uuid4
from exchange.cli import report
from exchange.cli.passphrase import Asking, chosen
from exchange.cli.place import Descriptor
from exchange.durable import write_bytes_durably
from exchange.errors import Conflict, Misconfigured, NotFound
from exchange.statement import seconds

if TYPE_CHECKING:
    from exchange.agency.auditor_calls import AuditorCalls
    from exchange.agency.calls import Credentials
    from exchange.wire import audit

REFUSED = (
    "the hub does not take this key for this account: ask its operator to run "
    "exchange hub officer set-key, and look at --account and --key"
)
ABSENT = "the hub has nothing of this kind; look at the id, the entry or the size you gave"
AsJson: TypeAlias = Annotated[
    bool,
    Parameter(
        name="--json", negative=(), help="Print the hub's answers as they are, one line for each."
    ),
]
Out: TypeAlias = Annotated[
    Path | None,
    Parameter(name=("--out", "-o"), help="Write the proof to this file; it must not exist."),
]
Found = TypeVar("Found", bound="audit.AuditFrame")


@Parameter(name="*")  # its members are options by their own names
@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Who asks, and where."""

    hub: Annotated[str, Parameter(help="Address of the hub, such as https://hub.example.")]
    account: Annotated[str, Parameter(help="Id of the account, as the operator told it.")]
    key: Annotated[
        Path, Parameter(help="File with the private key, made by `exchange auditor new-key`.")
    ]
    certificates: Annotated[
        Path | None, Parameter(help="Authorities to trust besides the system's, PEM.")
    ] = None
    proxy: Annotated[str | None, Parameter(help="HTTP proxy to go through, http://host:port.")] = (
        None
    )
    passphrase_fd: Descriptor = None


def auditor_app() -> App:
    """Return the commands of `exchange auditor`."""
    app = App(
        name="auditor",
        help="Ask the hub what an auditor asks: agreements, figures, the log and its proofs.\n\n"
        "The same answers as on her pages at the hub, for tools of her own, without a gateway.",
        help_format="plaintext",
    )
    for command in (new_key, agreements, figures, log, entry, growth, token):
        app.command(command)
    return app


def new_key(
    file: Path,
    /,
    *,
    passphrase: Annotated[
        bool, Parameter(negative=(), help="Keep it under a passphrase (age, scrypt).")
    ] = False,
    passphrase_fd: Descriptor = None,
) -> None:
    """Make the key of an auditor's tool. Nothing is sent anywhere.

    Example: exchange auditor new-key auditor.pem

    Parameters
    ----------
    file
        File to write. The public half goes to a file of the same name that ends with .pub: give
        that one to the operator of the hub, and never the other.
    """
    from exchange.agency.auditor_key import make_key

    protected = passphrase or passphrase_fd is not None
    key, private, public = make_key(file, chosen(passphrase_fd) if protected else None)
    print(f"key         {private}")
    print(f"name        {key.kid}")
    print(f"next        operator: exchange hub officer set-key ACCOUNT {public.name}")


def agreements(*, json: AsJson = False, seat: Seat) -> None:
    """List every agreement: parties, state and term, no word of its text."""

    async def work() -> None:
        from exchange.agency.officer_calls import every

        async with _asking(seat) as calls:
            async for page in every(lambda after: calls.audit_agreements(after=after)):
                for line in [page.model_dump_json()] if json else map(_agreement, page.answer):
                    print(line)

    asyncio.run(work())


def _agreement(one: "audit.AgreementAudited") -> str:
    parties = ", ".join(
        party.agency if party.signed_at is not None else f"{party.agency} (not signed)"
        for party in one.parties
    )
    ends = "" if one.ends_at is None else f", ends {one.ends_at:%Y-%m-%d %H:%M}"
    return f"{one.id}  {one.state}, begins {one.begins:%Y-%m-%d %H:%M}{ends}: {parties}"


def figures(  # noqa: PLR0913 - each is an option of its own
    agreement: str,
    /,
    *,
    period: str,
    by: Literal["total", "purpose", "category", "direction"] = "total",
    as_: Annotated[report.Format, Parameter(name="--format")] = "csv",
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None,
    language: report.Language = "de",
    seat: Seat,
) -> None:
    """Write the figures of an agreement for a year, a quarter or a month, without persons.

    Parameters
    ----------
    agreement
        Its id, as `exchange auditor agreements` shows it.
    period
        A year, a quarter or a month: 2026, 2026-Q1 or 2026-03.
    by
        Along what they are split; one at a time.
    as_
        What to write.
    out
        File to write; it must not exist. Without it, CSV and JSON are printed.
    language
        Of the PDF, and of the notes at the head of the CSV.
    """
    report.check(period, as_, out)

    async def work() -> None:
        async with _asking(seat) as calls:
            answer = await calls.audit_figures(agreement, period, by=by)
        report.write(answer, as_, language, out)

    asyncio.run(work())


def log(*, json: AsJson = False, out: Out = None, seat: Seat) -> None:
    """Tell how the log is doing, and who has signed its newest published head.

    What is printed is the hub's word. With --out the signed head goes to a file: keep it, and give
    it to `exchange log verify --old` later.
    """

    def lines(found: "audit.LogAudited") -> list[str]:
        health, head = found.answer.health, found.answer.published
        state = health.stopped or ("behind" if health.behind else "in order")
        return [
            f"log         {state}, {health.size} entries, {health.pending} wait",
            *([] if health.unwitnessed_s is None else ["witnesses   missing"]),
            *([] if head is None else [f"head        {head.size}", f"root        {head.root}"]),
            *([] if head is None or head.quorum is None else [_quorum(quorum=head.quorum)]),
            *(
                f"witness     {one.name}, "
                + ("not signed" if one.cosigned_at is None else f"{one.cosigned_at:%F %H:%M:%S}")
                for one in (() if head is None else head.witnesses)
            ),
        ]

    def file(found: "audit.LogAudited") -> str | None:
        return None if found.answer.published is None else found.answer.published.note

    _one(seat, lambda calls: calls.audit_log(), (lines, file), out, json=json)


def _quorum(*, quorum: bool) -> str:
    return f"quorum      {'reached' if quorum else 'missing'}"


def entry(index: int, /, *, json: AsJson = False, out: Out = None, seat: Seat) -> None:
    """Prove that an entry stands in the log, without a word of what it says.

    With --out the proof goes to a file that `exchange log verify --receipt` checks offline.

    Parameters
    ----------
    index
        Its place in the log, from 0.
    """

    def lines(found: "audit.EntryAudited") -> list[str]:
        said = found.answer
        return [
            f"entry       {said.index} of {said.size}",
            f"leaf        {said.leaf}",
            f"leaf hash   {said.leaf_hash}",
            f"root        {said.root}",
        ]

    _one(
        seat,
        lambda calls: calls.audit_entry(index),
        (lines, lambda found: found.answer.file),
        out,
        json=json,
    )


def growth(
    old: int, new: int | None = None, /, *, json: AsJson = False, out: Out = None, seat: Seat
) -> None:
    """Prove that the log has only grown from one size to another.

    Compare the first root with that of the head you hold.

    Parameters
    ----------
    old
        Size of the head you hold.
    new
        Size of a later head that the hub keeps; the newest published one, if not given.
    """

    def lines(found: "audit.GrowthAudited") -> list[str]:
        said = found.answer
        return [
            f"from        {said.old}, root {said.old_root}",
            f"to          {said.size}, root {said.root}",
            f"hashes      {len(said.path)}",
        ]

    _one(
        seat,
        lambda calls: calls.audit_growth(old, new),
        (lines, lambda found: found.answer.file),
        out,
        json=json,
    )


def token(*, seat: Seat) -> None:
    """Print an access token for the routes of auditors, valid for some minutes.

    For tools of another kind: curl --oauth2-bearer "$(exchange auditor token ...)" ...
    """

    async def work() -> None:
        async with _asking(seat) as calls:
            print(await calls.access_token())

    asyncio.run(work())


def _one(
    seat: Seat,
    ask: Callable[["AuditorCalls"], Awaitable[Found]],
    told: tuple[Callable[[Found], list[str]], Callable[[Found], str | None]],
    out: Path | None,
    *,
    json: bool,
) -> None:
    """Ask one question; print the answer in words or as it came, and write its file if wanted."""
    lines, file = told

    async def work() -> Found:
        async with _asking(seat) as calls:
            return await ask(calls)

    found = asyncio.run(work())
    for line in [found.model_dump_json()] if json else lines(found):
        print(line)
    if out is not None:
        _write(out, file(found))


def _write(out: Path, text: str | None) -> None:
    if text is None:
        raise NotFound("the log has no published head yet; nothing was written")
    try:
        write_bytes_durably(out, text.encode("utf-8"))
    except FileExistsError:
        raise Conflict(f"{out.name} exists; it is not overwritten") from None


@asynccontextmanager
async def _asking(seat: Seat) -> AsyncIterator["AuditorCalls"]:
    """Open what asks the hub."""
    from exchange.agency.auditor_calls import connect_auditor
    from exchange.agency.settings import HubSection

    try:
        hub = HubSection(origin=seat.hub, certificates=seat.certificates, proxy=seat.proxy)
    except ValidationError:
        raise Misconfigured(
            "--hub is scheme, host and port, such as https://hub.example; plain http goes to this "
            "machine itself alone"
        ) from None
    async with connect_auditor(
        hub.origin,
        _credentials(seat, hub.audience),
        clock=_now,
        certificates=hub.certificates,
        proxy=hub.proxy,
    ) as calls:
        try:
            yield calls
        except NotFound:
            raise NotFound(ABSENT) from None


def _credentials(seat: Seat, issuer: str) -> "Credentials":
    from exchange.agency.auditor_key import read_key
    from exchange.agency.calls import Credentials

    if not is_uuid4(seat.account):
        raise Misconfigured("--account is an id, as exchange hub officer add prints it")
    key = read_key(seat.key, Asking(seat.passphrase_fd))

    def assertion(audience: str, now: datetime) -> str:
        return key.client_assertion(
            seat.account, issuer=audience, now=seconds(now), jti=token_urlsafe(24)
        )

    return Credentials(assertion=assertion, issuer=issuer, refused=REFUSED)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # a command owns the clock
