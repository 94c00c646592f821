"""`exchange consent` on paper and for machines: forms to print, and the export.

A name ending in .html becomes a page with print style, one ending in .pdf an accessible PDF; the
latter needs the extra `forms`.
"""

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from exchange.agency.export_consent import export_consent
from exchange.agency.parts import Gateway
from exchange.agency.print_paper import print_form, print_withdrawal_form
from exchange.agency.record_consent import lint_unsigned
from exchange.cli import consent_draft
from exchange.cli.drafts import read_toml
from exchange.cli.place import HERE, Place, alone
from exchange.consent.render import written_day
from exchange.consent.subject import read_subject
from exchange.days import day_of
from exchange.durable import write_bytes_durably
from exchange.errors import Conflict, Malformed
from exchange.forms import document, page
from exchange.forms.paper import BLANK, Head, Paper
from exchange.rules import refuse


def add_papers(app: App) -> None:
    """Add the commands that print and export to `exchange consent`."""
    app.command(form)
    app.command(withdrawal_form, name="withdrawal-form")
    app.command(export)


def form(
    draft: Path,
    /,
    *,
    out: Path,
    blank: Annotated[
        bool, Parameter(negative=(), help="Leave name, birth date and case number to be written.")
    ] = False,
    at: Place = HERE,
) -> None:
    """Print the form of a draft: the exact text, boxes to tick, places to sign.

    In the language of the draft, for the text that is signed is the text that is recorded. Who it
    is about stands above the text where the draft says it. Nothing is ticked, nothing is sent.

    Parameters
    ----------
    draft
        The draft, TOML; who it is about and the evidence may be missing still.
    out
        File to write, ending in .html or .pdf; it must not exist.
    """
    check_out(out)

    async def work(gateway: Gateway) -> None:
        found = consent_draft.read_draft(draft, now=gateway.clock(), signed=False)
        refuse(await lint_unsigned(gateway, found))
        known = BLANK if blank else head_of(draft, gateway.agency, found.notice.lang)
        _written(gateway, out, await print_form(gateway, found, known))

    alone(at, work)


def withdrawal_form(
    *,
    agreement: str,
    out: Path,
    lang: str = "de",
    at: Place = HERE,
) -> None:
    """Print the form with which a person takes a consent back. It asks for no reason.

    Parameters
    ----------
    agreement
        Id of the agreement whose text it is.
    out
        File to write, ending in .html or .pdf; it must not exist.
    lang
        Language, such as de, en or de-simple.
    """
    check_out(out)

    async def work(gateway: Gateway) -> None:
        _written(gateway, out, await print_withdrawal_form(gateway, agreement, lang=lang))

    alone(at, work)


def export(
    consent_id: str,
    /,
    *,
    out: Path,
    receipt: Annotated[
        bool, Parameter(negative=(), help="The receipt: its own id and time around the record.")
    ] = False,
    at: Place = HERE,
) -> None:
    """Export a consent in the structure of ISO/IEC TS 27560, as JSON-LD (docs/export.md).

    With its state as far as this agency may know it. Names nobody: what is sealed stays sealed.

    Parameters
    ----------
    consent_id
        Id of the consent record.
    out
        File to write, such as consent.jsonld; it must not exist.
    """
    _absent(out)

    async def work(gateway: Gateway) -> None:
        _write(out, await export_consent(gateway, consent_id, receipt=receipt))

    alone(at, work)


def check_out(out: Path) -> None:
    """Refuse at once what could not be written later.

    Raises:
        Malformed: the name ends in neither .html nor .pdf.
        Misconfigured: a PDF needs the extra `forms`, and it is not installed.
        Conflict: the file exists, or its folder does not.
    """
    if out.suffix not in {".html", ".pdf"}:
        raise Malformed(f"{out.name}: the name ends in .html or .pdf")
    if out.suffix == ".pdf":
        document.require()
    _absent(out)


def write_paper(out: Path, paper: Paper, *, today: date) -> None:
    """Write a paper as its file name says; only its owner may read the file.

    Raises:
        Malformed: the PDF has no letters for the text; a page has.
        Conflict: the file exists.
    """
    _write(out, made_as(out, paper, today=today))


def made_as(out: Path, paper: Paper, *, today: date) -> bytes:
    """Return a paper as the ending of `out` says.

    Raises:
        Malformed: the PDF has no letters for the text; a page has.
    """
    return document.pdf(paper, today=today) if out.suffix == ".pdf" else page.html(paper)


def head_of(draft: Path, agency: str, lang: str) -> Head:
    """Return who a draft is about, as printed; lines to write on where it does not say yet."""
    try:
        facts = read_subject(read_toml(draft).get("subject"))
    except Malformed:
        return BLANK
    return Head(
        name=f"{facts.family_name}, {facts.given_name}",
        born=written_day(facts.born, lang),
        case_number=facts.case_numbers.get(agency, ""),
    )


def _written(gateway: Gateway, out: Path, paper: Paper) -> None:
    write_paper(out, paper, today=day_of(gateway.clock()))
    print(f"            {paper.footer}")


def _absent(out: Path) -> None:
    if out.exists():
        raise Conflict(f"{out.name} exists; it is not overwritten")
    if not out.parent.is_dir():
        raise Conflict(f"there is no folder {out.parent.name}; make it first")


def _write(out: Path, content: bytes) -> None:
    try:
        write_bytes_durably(out, content)
    except FileExistsError:
        raise Conflict(f"{out.name} exists; it is not overwritten") from None
    print(f"written     {out}")
