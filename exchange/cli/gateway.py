"""`exchange gateway`: make and run an agency's side, send and fetch documents.

One process at a time uses a home. Long work shows its progress on a terminal and nothing in a
pipe; every error is one line that says what to do.
"""

import asyncio
import mimetypes
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from exchange.cli.gateway_doctor import doctor
from exchange.cli.gateway_init import init
from exchange.cli.gateway_run import run
from exchange.cli.gateway_witness import witness
from exchange.cli.place import HERE, Place, opened
from exchange.cli.tell import in_words
from exchange.errors import Malformed

if TYPE_CHECKING:
    from exchange.envelope.sealing import Outgoing

LARGEST_REMARK = 64 * 1024
"""Bytes read of a remark; the format admits 4,000 characters."""


def gateway_app() -> App:
    """Return the commands of `exchange gateway`."""
    app = App(
        name="gateway",
        help="Run an agency's side: send, fetch and open documents.",
        help_format="plaintext",
    )
    for command in (
        *(init, send, fetch, run, status, doctor, recall, erased, token),
        *(log_policy, resume, witness),
    ):
        app.command(command)
    return app


def log_policy(file: Path, *, at: Place = HERE) -> None:
    """Say whose signatures on the hub's log this gateway believes, at first or anew.

    Prints the fingerprint of the log's key: compare it with the annex of the agreement, or with
    the operator by telephone, never with what the hub itself sends. Takes effect at the next start.

    Parameters
    ----------
    file
        Policy file of the log (C2SP tlog-policy), as the operator of the hub has handed it out.
    """
    from exchange.cli import gateway_log

    gateway_log.put(at.home, file)


def resume(*, forget_head: bool = False, at: Place = HERE) -> None:
    """Go on after somebody has looked at what the hub's log has shown.

    While a hub has shown two histories of its log, or has called a consent active after its
    withdrawal, nothing is exchanged with it. This lets traffic begin again and forgets the
    findings that `status` lists; the evidence stays in `conflict`.

    Parameters
    ----------
    forget_head
        Also forget the largest head of the log that was verified here: the next one counts as the
        first. Only when it is settled that this gateway was shown the false history.
    """
    from exchange.cli import gateway_log

    gateway_log.resume(at.home, forget_head=forget_head)


def send(  # noqa: PLR0913  # each is an option of its own
    files: Annotated[tuple[Path, ...], Parameter(negative=())],
    /,
    *,
    consent: str,
    to: Annotated[tuple[str, ...], Parameter(negative=())],
    category: str,
    secrecy: str | None = None,
    remark_file: Path | None = None,
    reference_file: Path | None = None,
    joint: bool = False,
    seen_by_person: bool = False,
    third_party: bool = False,
    replaces: str | None = None,
    answers: str | None = None,
    onward_of: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    at: Place = HERE,
) -> None:
    """Send files to partners under a consent; all of them are one document package.

    First decides with the agency's own records and says exactly why not, if not. Then seals,
    signs and uploads. Interrupted, it goes on at the next `exchange gateway fetch` or `run`. While
    `exchange gateway run` uses the home, this asks it to send.

    Parameters
    ----------
    files
        The files, in order.
    consent
        Id of the consent record.
    to
        Id of the recipient; several make one disclosure each.
    category
        Kind of document, a code of the agreement's vocabulary such as `rent-arrears-letter`.
    secrecy
        Secrecy class, if higher than category, office and documents passed on demand: personal,
        social, professional or entrusted.
    remark_file
        File with words for the reader; `-` reads them from standard input.
    reference_file
        File with your file number. It travels sealed, never in the manifest.
    joint
        One disclosure for all recipients together; each learns of the others.
    seen_by_person
        The person has seen these very files and said yes; some agreements demand it.
    third_party
        The files also tell of other persons, inseparably.
    replaces
        Id of the disclosure that this sends again.
    answers
        Id of the partner's request that this answers; `exchange requests list` shows it.
    onward_of
        Id of a disclosure of another agency of which you pass something on, whole or in part;
        repeat the option for several. The consent must name that agency in `onward_from`.
    """
    from exchange.agency.log_points import STORED
    from exchange.agency.plan import Draft
    from exchange.agency.prove import receipt_file
    from exchange.agency.send import Watched, sweep_outgoing
    from exchange.agency.send import resume as send_sealed
    from exchange.agency.send import send as send_now
    from exchange.agency.state import Sending
    from exchange.cli.progress import bars
    from exchange.vocabulary import secrecy as secrecy_class

    draft = Draft(
        files=tuple(_outgoing(file, third_party=third_party) for file in files),
        consent=consent,
        recipients=to,
        category=category,
        secrecy=None if secrecy is None else secrecy_class(secrecy),
        remark=_text(remark_file),
        reference=_text(reference_file),
        replaces=replaces,
        answers=answers,
        seen_by_person=seen_by_person,
        onward_of=onward_of,
    )

    if at.is_used():
        from exchange.cli import gateway_beside

        asyncio.run(gateway_beside.send(at.home, draft, joint=joint))
        return

    async def work() -> None:
        async with opened(at) as gateway:
            await sweep_outgoing(gateway)
            await send_sealed(gateway)
            with bars() as bar:
                watched = Watched(sealing=bar("sealing"), uploading=bar("uploading"))
                sent = await send_now(gateway, draft, joint=joint, watched=watched)
            for one in sent:
                print(f"{one.state.value} {one.id} for {one.recipients}, {one.size} bytes sealed")
                if one.state is Sending.LODGED:
                    print("  its receipt from the log is not here yet; `fetch` or `run` goes on")
                else:
                    print(f"  receipt: {receipt_file(gateway.home, STORED, one.id)}")

    asyncio.run(work())


def fetch(*, at: Place = HERE) -> int:
    """Make one round: send what waits, receive what waits, answer what is asked.

    Documents for you are verified, opened, converted and put into `spool`; what cannot be
    converted is set aside in `quarantine`; what does not verify stays at the hub and is listed by
    `exchange gateway status`. While `exchange gateway run` uses the home, it looks at once.
    """
    from exchange.agency import poll
    from exchange.agency.forget import forget
    from exchange.agency.hand_over import open_reception
    from exchange.agency.send import sweep_outgoing

    if at.is_used():
        from exchange.cli import gateway_beside

        asyncio.run(gateway_beside.look(at.home))
        return 0

    async def work() -> int:
        async with (
            opened(at) as gateway,
            open_reception(gateway) as reception,
        ):
            await sweep_outgoing(gateway)
            await forget(gateway)
            done = await poll.fetch(gateway, reception)
        for outcome, count in sorted(done.outcomes.items()):
            print(f"{outcome.value} {count}")
        if done.asked:
            print(f"asked {done.asked}; exchange requests list shows what partners ask for")
        if done.erased:
            print(f"erased {done.erased}; consents were withdrawn, the copies here are gone")
        if done.to_erase:
            print(f"to erase {done.to_erase}; exchange gateway status shows what your office does")
        for trouble in done.troubles:
            print(f"exchange: {in_words(trouble)}", file=sys.stderr)
        return 1 if done.troubles else 0

    return asyncio.run(work())


def status(*, at: Place = HERE) -> None:
    """Say in plain words what was sent, what was received and what somebody has to look at.

    Asks nobody and changes nothing; works beside a running gateway. Needs no passphrase: without
    it, protected document keys are not checked for their age.
    """
    from exchange.cli import gateway_status

    gateway_status.show(at.home, None if at.passphrase_fd is None else at.unlock())


def recall(disclosure: str, *, at: Place = HERE) -> None:
    """Take back a document that nobody has collected: wrong recipient, wrong file.

    Parameters
    ----------
    disclosure
        Its id, as `send` printed it.
    """
    from exchange.agency.recall import recall as take_back
    from exchange.cli import gateway_beside

    async def work() -> None:
        if at.is_used():
            await gateway_beside.recall(at.home, disclosure)
            return
        async with opened(at) as gateway:
            await take_back(gateway, disclosure)

    asyncio.run(work())
    print(f"recalled {disclosure}; nobody can collect it any more")


def erased(
    erasure: str,
    *,
    kept: Literal["statutory-file-rule", "legal-claims", "own-legal-basis", "person-asked"]
    | None = None,
    until: datetime | None = None,
    passed_on: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    at: Place = HERE,
) -> None:
    """Confirm that your office has erased what it had taken out of the spool.

    A withdrawn consent obliges every recipient to erase. The gateway erases its own copies by
    itself; for what has left the spool it needs your word, and signs it. What a lawful ground
    forbids to erase is fenced off and used for that ground only.

    Parameters
    ----------
    erasure
        Id of the request, as `exchange gateway status` shows it.
    kept
        Ground on which something is kept; only with --until.
    until
        Last day it is kept, such as 2036-12-31.
    passed_on
        Agency that lawfully got it from you; repeat the option for several. It is asked in turn.
    """
    from exchange.agency.erase import confirm
    from exchange.cli import gateway_beside
    from exchange.wire.erasure import Ground, Kept

    if (kept is None) is not (until is None):
        raise Malformed("--kept and --until belong together")
    keeping = (Ground(kept), until.date()) if kept and until else None

    async def work() -> None:
        if at.is_used():
            await gateway_beside.confirm(at.home, erasure, kept=keeping, passed_on=passed_on)
            return
        async with opened(at) as gateway:
            stated = None if keeping is None else Kept(*keeping)
            await confirm(gateway, erasure, kept=stated, passed_on=frozenset(passed_on))

    asyncio.run(work())
    print(f"confirmed {erasure}: {'erased' if keeping is None else 'kept, restricted'}")


def token(
    *,
    local: Annotated[bool, Parameter(negative=())] = False,
    scope: Literal["", "officer"] = "",
    at: Place = HERE,
) -> None:
    """Print an access token for the hub's API, valid for some minutes.

    For trying the API by hand: curl --oauth2-bearer "$(exchange gateway token)" ...

    Parameters
    ----------
    local
        Print the access key of the gateway's own API and pages instead, which is good until its
        file, `api-token` in the home, is removed. Whoever has it may do what the office may do.
    scope
        `officer`: a token for the questions of the privacy officer, and for nothing else.
    """
    if local:
        from exchange.agency import api_token
        from exchange.agency import home as homes

        home = homes.at(at.home)
        homes.check(home)
        print(api_token.read(home))
        return

    async def work() -> None:
        async with opened(at) as gateway:
            print(await gateway.client.access_token(scope))

    asyncio.run(work())


def _text(file: Path | None) -> str | None:
    """Return a short text; from a file, because arguments can be read by other processes."""
    if file is None:
        return None
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(LARGEST_REMARK + 1)
        else:
            with file.open("rb") as source:
                data = source.read(LARGEST_REMARK + 1)
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise Malformed(f"{file} is not text in UTF-8") from None
    if len(data) > LARGEST_REMARK:
        raise Malformed(f"{file} is too large for a remark or a reference")
    return text or None


def _outgoing(file: Path, *, third_party: bool) -> "Outgoing":
    from exchange.envelope.sealing import Outgoing

    if not file.is_file():
        raise Malformed(f"{file} is not a file")
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return Outgoing(file.name, media_type, file, third_party=third_party)
