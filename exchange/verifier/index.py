"""Pages of an export: what it opens, as a table for people, German beside English.

No script, nothing fetched. A convenience and no proof: the proof is in the other files.
"""

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import Any, Final

from exchange.audit.checkpoint import Checkpoint

KINDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "agreement-signed": ("Vereinbarung unterzeichnet", "Agreement signed"),
        "agreement-notice": ("Vereinbarung gekündigt", "Notice given of an agreement"),
        "agreement-ended": ("Vereinbarung beendet", "Agreement ended"),
        "consent-recorded": ("Einwilligung erfasst", "Consent recorded"),
        "consent-withdrawn": ("Einwilligung widerrufen", "Consent withdrawn"),
        "receipt-reissued": ("Quittungscode erneuert", "Code of the receipt replaced"),
        "request-made": ("Unterlagen erbeten", "Documents requested"),
        "disclosure-stored": ("Übermittelt", "Disclosed"),
        "disclosure-refused": ("Übermittlung abgelehnt", "Disclosure refused"),
        "disclosure-collected": ("Abgeholt", "Collected"),
        "disclosure-acknowledged": ("Empfang bestätigt", "Acknowledged"),
        "disclosure-ended": ("Übermittlung beendet", "Disclosure ended"),
        "erasure-asked": ("Löschung verlangt", "Erasure asked for"),
        "erasure-confirmed": ("Löschung bestätigt", "Erasure confirmed"),
        "officer-read": ("Einsicht der Datenschutzstelle", "Looked at by a privacy officer"),
        "officer-export": ("Eingesehen oder mitgenommen", "Looked at or taken away"),
        "erased": ("Einträge gelöscht", "Entries erased"),
    }
)
"""What a kind of event is called, German and English."""
PUBLIC: Final = ("Öffentliches Dokument", "Public document")
SHOWN: Final = ("purpose", "category", "result", "via", "ends")
"""Members that are words and not digests."""

_BEGIN = """<!doctype html>
<html lang="de">
<meta charset="utf-8">
<title>{title}</title>
<style>body{{font:1rem/1.4 sans-serif;margin:2rem;max-width:70rem}}table{{border-collapse:collapse;\
width:100%}}th,td{{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;\
border-bottom:1px solid #999}}</style>
<h1>{title}</h1>
<p>Was <strong>{agency}</strong> im Protokoll <code>{origin}</code> öffnen darf, bei {size} \
Einträgen. Diese Seite ist eine Lesehilfe; beweiskräftig sind die übrigen Dateien \
(<code>README.txt</code>).</p>
<p lang="en">What <strong>{agency}</strong> may open in the log <code>{origin}</code>, at {size} \
entries. This page helps to read; the proof is in the other files (<code>README.txt</code>).</p>
{ways}<table>
<thead><tr><th scope="col">Nr. <span lang="en">Index</span><th scope="col">Zeit (UTC)
<th scope="col">Ereignis <span lang="en">Event</span><th scope="col">durch <span lang="en">by</span>
<th scope="col">an <span lang="en">to</span><th scope="col">Angaben <span lang="en">Details</span>
</tr></thead>
<tbody>
"""
_END = "</tbody>\n</table>\n{ways}</html>\n"
_WAY = '<a href="{to}">{german} <span lang="en">{english}</span></a>'


def name_of(number: int) -> str:
    """Return the name of a page: the first lies beside the files of the log."""
    return "index.html" if number == 1 else f"index/{number:06}.html"


def page_of(agency: str, tree: Checkpoint, number: int, rows: bytes, *, more: bool) -> bytes:
    """Return one page.

    Args:
        agency: whose export it is.
        tree: head of the log.
        number: of the page, from 1.
        rows: of the table, each made by `row_of`.
        more: whether another page follows.
    """
    title = f"Protokollauszug {agency} · Export of the log"
    words = {"title": title, "agency": agency, "origin": tree.origin, "size": tree.size}
    told = {name: escape(str(text)) for name, text in words.items()}
    ways = _ways(number, more=more)
    begin, end = _BEGIN.format(**told, ways=ways), _END.format(ways=ways)
    return begin.encode() + rows + end.encode()


def row_of(index: int, event: Mapping[str, Any]) -> bytes:
    """Return the row of one entry.

    Args:
        index: of the entry.
        event: its members; empty for a public document.
    """
    german, english = KINDS[event["kind"]] if event else PUBLIC
    to = event.get("to", ())
    details = [str(event[name]) for name in SHOWN if name in event]
    cells = [
        escape(event.get("at", "")),
        f'{escape(german)}<br><span lang="en">{escape(english)}</span>',
        escape(event.get("by", "")),
        escape(to if isinstance(to, str) else ", ".join(to)),
        escape(", ".join(details)),
    ]
    return f'<tr><th scope="row">{index}<td>{"<td>".join(cells)}</tr>\n'.encode()


def _ways(number: int, *, more: bool) -> str:
    """Return the links to the pages before and behind; nothing where one page is all."""
    above = "" if number == 1 else "../"
    ways = []
    if number > 1:
        to = above + name_of(number - 1)
        ways.append(_WAY.format(to=to, german="Frühere Einträge", english="Earlier entries"))
    if more:
        to = above + name_of(number + 1)
        ways.append(_WAY.format(to=to, german="Spätere Einträge", english="Later entries"))
    return f"<p>{' · '.join(ways)}</p>\n" if ways else ""
