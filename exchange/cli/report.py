"""`exchange report`: the published figures of an agreement, for the meeting of the partners.

Asks the hub as the agency whose gateway it is. Works beside a running gateway.
"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import App, Parameter

from exchange import canonical
from exchange.cli.place import HERE, Place, beside
from exchange.durable import write_bytes_durably
from exchange.errors import Conflict, Misconfigured
from exchange.figures.period import read_period
from exchange.wire.audit import FiguresAudited
from exchange.wire.figures import FiguresAnswer

Format = Literal["pdf", "csv", "json"]
Language = Literal["de", "en"]
Told: TypeAlias = FiguresAnswer | FiguresAudited


def report_app() -> App:
    """Return the command `exchange report`."""
    app = App(
        name="report",
        help="Figures of an agreement, without persons: as PDF, CSV or JSON.",
        help_format="plaintext",
    )
    app.default(report)
    return app


def report(  # noqa: PLR0913 - each is an option of its own
    agreement: str,
    /,
    *,
    period: str,
    by: Literal["total", "purpose", "category", "direction"] = "total",
    as_: Annotated[Format, Parameter(name="--format")] = "pdf",
    out: Path | None = None,
    language: Language = "de",
    at: Place = HERE,
) -> None:
    """Write the figures of an agreement for a year, a quarter or a month.

    They are frozen fourteen days after the end of the period and never made anew. A figure for
    which fewer than five consents stand is left out, and so is one from which such a figure could
    be computed.

    Parameters
    ----------
    agreement
        Its id, as `exchange agreement list` shows it.
    period
        A year, a quarter or a month: 2026, 2026-Q1 or 2026-03.
    by
        Along what they are split; one at a time.
    as_
        What to write. A PDF can be archived and read aloud.
    out
        File to write; it must not exist. Without it, CSV and JSON are printed.
    language
        Of the PDF, and of the notes at the head of the CSV.
    """
    check(period, as_, out)

    async def work() -> None:
        async with beside(at) as desk:
            answer = await desk.client.officer.officer_figures(agreement, period, by=by)
        write(answer, as_, language, out)

    asyncio.run(work())


def check(period: str, as_: Format, out: Path | None) -> None:
    """Refuse what cannot be written, before anything is asked.

    Raises:
        Malformed: no year, quarter or month.
        Misconfigured: a PDF without a file to go to, or a machine that makes none.
    """
    read_period(period)
    if as_ == "pdf":
        from exchange.forms import document

        document.require()
        if out is None:
            raise Misconfigured("--out is missing: a PDF goes to a file")


def write(answer: Told, as_: Format, language: Language, out: Path | None) -> None:
    """Write or print figures that were answered.

    Raises:
        Conflict: the file exists.
    """
    made = _file(answer, as_, language)
    if out is None:
        sys.stdout.write(made.decode("utf-8"))
        return
    try:
        write_bytes_durably(out, made)
    except FileExistsError:
        raise Conflict(f"{out.name} exists; it is not overwritten") from None
    print(f"report      {out}")
    if answer.answer.frozen_at is None:
        print(f"note        no figures yet: they are frozen on {answer.answer.due:%Y-%m-%d}")


def _file(answer: Told, wanted: Format, language: Language) -> bytes:
    if wanted == "json":
        return canonical.encode(answer.model_dump(mode="json")) + b"\n"
    if wanted == "csv":
        from exchange.forms.report_csv import figures_csv

        frame = answer.model_dump(mode="json", exclude={"answer"})
        return figures_csv(frame, answer.asked, answer.answer, lang=language)
    from exchange.days import day_of
    from exchange.forms.report import report as worded
    from exchange.forms.report_pdf import report_pdf
    from exchange.vocabulary import shipped

    known = shipped()
    labels = {code: one.labels for code, one in known.purposes.items()}
    labels |= {code: one.labels for code, one in known.categories.items()}

    def called(code: str) -> str:
        return labels.get(code, {}).get(language, code)

    # The day of the answer, not of this machine's clock: the same answer makes the same file.
    made = worded(answer.asked, answer.answer, lang=language, called=called)
    return report_pdf(made, today=day_of(answer.answered_at))
