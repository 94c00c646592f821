"""`exchange consent allowed`: was sending this allowed then, under which text? From files alone."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from exchange.canonical import encode
from exchange.cli.log_report import refused
from exchange.cli.log_verify import NOBODY, Trust
from exchange.errors import ExchangeError
from exchange.members import read_time
from exchange.verifier.allowed import Allowed, Answer, allowed, sentence
from exchange.verifier.case import Question
from exchange.verifier.source import open_source
from exchange.vocabulary import secrecy as secrecy_class

EXIT: Final = {Answer.PERMIT: 0, Answer.DENY: 1, Answer.UNPROVEN: 2}


def add_allowed(app: App) -> None:
    """Add the command to `exchange consent`."""
    app.command(answer, name="allowed")


def answer(  # noqa: PLR0913  # each is an option of its own
    bundle: Path,
    /,
    *,
    trust: Trust = NOBODY,
    at: str | None = None,
    disclosure: str | None = None,
    consent: str | None = None,
    sender: str | None = None,
    recipient: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    purpose: str | None = None,
    category: str | None = None,
    secrecy: str | None = None,
    text: Annotated[bool, Parameter(negative=(), help="Print the text she was shown.")] = False,
    json: Annotated[bool, Parameter(negative=(), help="Print the answer as JSON.")] = False,
) -> int:
    """Answer from an export alone whether sending was allowed at that time, and under which text.

    Nobody is asked, and no network is needed. Ends with 0 if it was allowed, 1 if not, 2 if the
    export does not prove it. Answers twice where an agency recorded a withdrawal late: by when it
    was received, and by when the log knew.

    Example: exchange consent allowed export.tar --policy log-policy --disclosure ID

    Parameters
    ----------
    bundle
        Made by `exchange log export`: a folder or a tar.
    at
        Moment, such as 2026-03-03T10:12:09Z; when the disclosure was stored, if not given.
    disclosure
        Id of a disclosure, or digest of its manifest.
    consent
        Id or digest of a consent, for a disclosure that could have been.
    sender
        Who would have disclosed.
    recipient
        To whom; repeat the option for several.
    purpose
        What for, a code of the agreement such as housing-loss.
    category
        Kind of document, such as rent-arrears-letter.
    secrecy
        Secrecy class of the document; the highest the consent allows, if not given.
    """
    try:
        question = Question(
            at=None if at is None else read_time(at),
            disclosure=disclosure,
            consent=consent,
            sender=sender,
            recipients=frozenset(recipient),
            purpose=purpose,
            category=category,
            secrecy=None if secrecy is None else secrecy_class(secrecy),
        )
        found = asyncio.run(_asked(bundle, trust, question))
    except ExchangeError as error:
        return refused(str(error))
    except OSError as error:
        return refused(f"{error.strerror or 'it cannot be read'}: {error.filename}")
    if json:
        print(encode(found.payload()).decode("utf-8"))
    else:
        _show(found, text=text)
    return max(EXIT[found.effective], EXIT[found.known], key=(0, 2, 1).index)


async def _asked(bundle: Path, trust: Trust, question: Question) -> Allowed:
    policy = trust.read()
    async with open_source(str(bundle)) as source:
        return await allowed(source, policy, question)


def _show(found: Allowed, *, text: bool) -> None:
    words = {True: "yes", False: "NO", None: "not proven"}
    for point in found.points:
        print(f"{point.n} {words[point.ok]:10} {point.check} ({point.source})")
    if found.notice is not None:
        print(f"text        {'/'.join(found.notice)}")
    if text and found.text is not None:
        print()
        print(found.text)
    if found.reasons:
        print(f"reasons     {', '.join(found.reasons)}")
    print(f"effective   {found.effective.value}")
    print(f"known       {found.known.value}")
    print(sentence(found, "de"))
    print(sentence(found, "en"))
