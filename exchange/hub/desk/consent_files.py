"""One consent taken away: as a record in the structure of ISO/IEC TS 27560, and on paper."""

from datetime import datetime
from typing import Any, Final

from aiohttp import web

from exchange.forms.answer import PRINTED, AnswerPaper, Section, answer_pdf
from exchange.forms.report import Grid
from exchange.hub.answers.consent import ConsentSeen, show_consent
from exchange.hub.answers.frame import Answered
from exchange.hub.desk.consents import ONE, in_words, moment_asked
from exchange.hub.desk.printed import Reader, attached, printed, reader_of, said_of, tabled
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.http.hand_out import hand_out
from exchange.hub.officer_files.consent import ENDING, consent_file
from exchange.hub.officers import trace
from exchange.pages.words import Words


async def take_record(visit: Visit) -> web.StreamResponse:
    """Hand out the record with the proofs of all that happened under it."""
    return await hand_out(
        visit.request, await consent_file(visit.hub, visit.asker, visit.in_path())
    )


async def take_paper(visit: Visit) -> web.Response:
    """Hand out what the page says as PDF."""
    return await consent_paper(reader_of(visit), visit.in_path(), moment_asked(visit.fields))


async def consent_paper(reader: Reader, consent: str, at: datetime | None) -> web.Response:
    """Return what the page of a consent says as PDF, once that stands in the log.

    Args:
        reader: whoever takes it.
        consent: id of the record.
        at: the moment at which it is asked whether it held; None is now.

    Raises:
        NotPermitted: the reader reads no records.
        NotFound: absent, or hidden from her agency: the two look the same.
        Unavailable: the vault is away, and with it the trace.
        web.HTTPNotAcceptable: this hub prints nothing.
    """
    found = await show_consent(reader.hub, reader.asker, consent, at=at)
    paper = paper_of(reader.say, found)
    made = await printed(reader, lambda day: answer_pdf(paper, today=day))
    indexes = [one.index for one in found.answer.events if one.index is not None]
    first, until = (min(indexes), max(indexes) + 1) if indexes else (0, 0)
    await trace.record_export(
        reader.hub, reader.asker, first=first, until=until, count=len(found.answer.events)
    )
    return attached(made, f"consent-{found.answer.id}.pdf")


def paper_of(say: Words, found: Answered[Any, ConsentSeen]) -> AnswerPaper:
    """Return the page of a consent as a paper."""
    one = found.answer
    told = in_words(say, one)
    heads = [say(f"events.{head}") for head in ("at", "kind", "by", "to", "about")]
    rows = [[*row[:5], _text(row[5])] for row in told["rows"][-PRINTED:]]
    events = Grid(
        say("consent.events"),
        (*heads, say("events.entry")),
        tuple(tuple(map(str, row)) for row in rows),
    )
    sections = (
        Section(heading=say("consent.what"), facts=tuple(told["facts"])),
        Section(
            heading=say("signed.heading"),
            hints=(say("signed.hint"),),
            facts=tuple(told["signed"]),
        ),
        Section(
            heading=say("consent.allowed"),
            hints=(told["verdict"],),
            facts=tuple(told["allowed"]),
        ),
        tabled(say, say("consent.events"), events, count=len(told["rows"])),
        Section(
            heading=say("consent.text"),
            hints=(f"{say('consent.text_hint')} {told['notice'].sha256}",),
            shown=told["text"],
        ),
    )
    return AnswerPaper(
        lang=say.lang,
        heading=f"{say('consent.heading')} {one.id}",
        said=said_of(say, found),
        sections=tuple(section for section in sections if section is not None),
        page=say("files.page"),
    )


def _text(cell: Any) -> str:
    return cell["text"] if isinstance(cell, dict) else str(cell)


PLACES: Final = (
    Place(path=f"{ONE}.{ENDING}", page=take_record, fresh=True),
    Place(path=f"{ONE}.pdf", page=take_paper, fresh=True),
)
