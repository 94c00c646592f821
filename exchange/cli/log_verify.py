"""`exchange log verify`: a log, an export of one, or a receipt, checked by nobody's word.

Needs no hub, and no network for files. Keys come from `--policy` or `--log` alone.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from exchange.cli.log_report import line, told
from exchange.cli.progress import Bar, bars, late
from exchange.errors import Malformed

if TYPE_CHECKING:
    from exchange.audit.policy import Policy
    from exchange.verifier.report import Check
    from exchange.verifier.source import Source
    from exchange.verifier.verify import Wanted

LIVE_AGE: Final = timedelta(hours=1)
"""How old the newest cosignature of a log in the web may be, if nothing else is asked for."""
LARGEST_TOKEN: Final = 16 * 1024

_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe; never read from the log that is checked."""

    policy: Annotated[
        Path | None, Parameter(help="Policy file of your agency: log keys, witnesses, quorum.")
    ] = None
    log: Annotated[
        str | None, Parameter(help="Key of the log, name+id+base64, where there is no policy.")
    ] = None

    def read(self) -> "Policy":
        """Return the policy.

        Raises:
            Malformed: neither or both were given, or what was given is none.
            OSError: the file cannot be read.
        """
        from exchange.audit.policy import read_policy
        from exchange.verifier.heads import policy_of_key

        if self.policy is not None and self.log is None:
            return read_policy(self.policy.read_bytes())
        if self.log is not None and self.policy is None:
            return policy_of_key(self.log)
        if self.policy is not None:
            raise Malformed("say whom to believe by one of --policy FILE and --log KEY, not both")
        raise Malformed(
            "say whom to believe: give --policy FILE, the file log-policy in the home of your "
            "agency's gateway, or a copy that somebody you trust gave you; or --log KEY, the key "
            "of the log alone. The log itself, or a copy of it, is never asked for it"
        )


NOBODY: Final = Trust()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Proof:
    """A file that is said to have been sent, and what binds it to a receipt."""

    manifest: Annotated[Path | None, Parameter(help="Signed manifest of the disclosure.")] = None
    contents: Annotated[Path | None, Parameter(help="Its contents.json.")] = None
    file: Annotated[Path | None, Parameter(help="The file that was in it.")] = None


NOTHING: Final = Proof()


def verify(  # noqa: PLR0913  # each is an option of its own
    target: str | None = None,
    /,
    *,
    trust: Trust = NOBODY,
    old: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    receipt: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    status: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    against: str | None = None,
    max_age: str | None = None,
    token: Path | None = None,
    proof: Proof = NOTHING,
    json: Annotated[bool, Parameter(negative=(), help="Print the checks as JSON.")] = False,
) -> int:
    """Check a log, an export of one, or receipts; name what is broken.

    One line per check, in seven steps: policy, checkpoint, append-only, every entry, public
    documents, openings and coverage, receipts. Ends with 0 if all is good, 1 if a check failed,
    2 if something could not be checked.

    Example: exchange log verify export.tar --policy log-policy --old last-year.note

    Parameters
    ----------
    target
        A folder, a tar made by `exchange log export`, or an address such as
        https://hub.example/log. Receipts alone need none.
    old
        A signed head you kept: the log must continue it. Repeat the option for several.
    receipt
        A receipt you hold, *.tlog-proof. Repeat the option for several.
    status
        A signed note that a consent is active, *.note, held against the log and its withdrawal.
        Those in an export are checked without being named.
    against
        Another copy of the log, to be compared entry by entry.
    max_age
        How old the newest cosignature may be, such as 30m, 1h, 2d. 1h for an address; nothing is
        asked of files.
    token
        File with an access token, where entries are not open to everybody.
    """

    def run() -> "list[Check]":
        wanted = _wanted(trust, (old, receipt, status), proof, _age(max_age, target))
        if target is None and not receipt:
            raise Malformed("say what to check: a log, an export of one, or --receipt FILE")
        return asyncio.run(_run(target, against, token, wanted, silent=json))

    return told(run, json=json, live=True)


def _wanted(
    trust: Trust,
    given: tuple[tuple[Path, ...], tuple[Path, ...], tuple[Path, ...]],
    proof: Proof,
    max_age: timedelta | None,
) -> "Wanted":
    from exchange.verifier.heads import Kept
    from exchange.verifier.receipts import Held, Sent
    from exchange.verifier.verify import Wanted

    sent = None
    old, receipt, status = given
    if proof != NOTHING:
        if not (proof.manifest and proof.contents and proof.file and len(receipt) == 1):
            raise Malformed("a file is proven with --manifest, --contents, --file, one --receipt")
        sent = Sent(proof.manifest.read_bytes(), proof.contents.read_bytes(), proof.file)
    return Wanted(
        policy=trust.read(),
        now=datetime.now(UTC),  # noqa: TID251  # a command owns the clock
        max_age=max_age,
        olds=tuple(Kept(path.name, path.read_bytes()) for path in old),
        receipts=tuple(Held(path.name, path.read_bytes()) for path in receipt),
        statuses=tuple(Kept(path.name, path.read_bytes()) for path in status),
        sent=sent,
    )


async def _run(
    target: str | None,
    against: str | None,
    token: Path | None,
    wanted: "Wanted",
    *,
    silent: bool,
) -> "list[Check]":
    from exchange.verifier.source import open_source

    checks = list["Check"]()
    secret = None if token is None else read_token(token)
    async with AsyncExitStack() as stack:
        source = (
            None if target is None else await stack.enter_async_context(open_source(target, secret))
        )
        if against is not None:
            other = await stack.enter_async_context(open_source(against, secret))
            wanted = replace(wanted, against=other)
        with bars() as bar:
            async for check in _checked(source, wanted, late(bar("entries"))):
                checks.append(check)
                if not silent:
                    print(line(check))
    return checks


def _checked(source: "Source | None", wanted: "Wanted", progress: Bar) -> "AsyncIterator[Check]":
    from exchange.verifier.verify import verify as verify_now

    return verify_now(source, wanted, progress)


def read_token(file: Path) -> str:
    """Return the access token in a file.

    Raises:
        Malformed: it holds something else.
        OSError: it cannot be read.
    """
    text = file.read_bytes()[:LARGEST_TOKEN].strip()
    if not text.isascii() or not text.decode("ascii").isprintable() or b" " in text:
        raise Malformed(f"{file.name} is no access token")
    return text.decode("ascii")


def _age(text: str | None, target: str | None) -> timedelta | None:
    if text is None:
        live = target is not None and target.startswith(("http://", "https://"))
        return LIVE_AGE if live else None
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Malformed("an age is written 30s, 30m, 1h or 2d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
