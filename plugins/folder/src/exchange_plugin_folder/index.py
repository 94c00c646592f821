"""The index of a folder: a page to read, a table for a spreadsheet.

Names and remarks were written by a stranger: on the page they are text, never markup or links;
in the table they are text, never formulas.
"""

import csv
import html
import io
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from exchange.hookspecs import ConsentTerms, DocumentFile, DocumentPackage, Label

PAGE, TABLE = "index.html", "index.csv"
"""Names of the two files beside the documents."""

# Section 78 of Book X of the German Social Code, in short: for offices that the law itself binds
# to social secrecy. Others get the full notice with the documents.
PURPOSE_BINDING_DE = (
    "Diese Unterlagen wurden Ihnen mit Einwilligung der betroffenen Person übermittelt. "
    "Sie dürfen sie nur für den genannten Zweck speichern, verwenden und verändern, müssen sie so "
    "geheim halten wie eine Stelle, die das Sozialgeheimnis wahrt, und dürfen sie nur mit einer "
    "neuen Einwilligung weitergeben, die das ausdrücklich erlaubt (§ 78 Sozialgesetzbuch X)."
)
PURPOSE_BINDING_EN = (
    "These documents were sent to you with the consent of the person concerned. You may store, "
    "use and alter them for the stated purpose only, must keep them as secret as an office bound "
    "to social secrecy, and may pass them on only under a new consent that expressly allows it "
    "(section 78 of Book X of the German Social Code)."
)
OTHERS = (
    "<br>Enthält Angaben über andere Personen; sie dürfen nicht genutzt werden."
    '<br><span lang="en">Also tells of other persons; that must not be used.</span>'
)

_COLUMNS = (
    *("Datei", "Art", "Bytes", "SHA-256", "Absender", "Zweck", "Art der Unterlage"),
    *("Geheimhaltung", "Gesendet", "Abgeholt", "Kennung", "Einwilligung"),
)
_FORMULA = ("=", "+", "-", "@", "|", "%")
"""What begins a formula somewhere, also in its full width."""
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;"
    "color:#111;background:#fff}table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #767676;padding:.4rem .6rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}code{font-size:.75rem}.note{border-left:.4rem solid #111;"
    "padding-left:1rem}"
)


def page(package: DocumentPackage, files: Sequence[tuple[str, DocumentFile]]) -> bytes:
    """Return the readable index, German and English, without script or outside reference.

    Args:
        package: what arrived.
        files: name in the folder and file, in the sender's order.
    """
    facts = "".join(
        f'<tr><th scope="row">{de}<br><span lang="en">{en}</span></th><td>{value}</td></tr>\n'
        for de, en, value in _facts(package)
    )
    rows = "".join(
        f'<tr><td><a href="./{quote(name, safe="")}"><bdi>{_text(name)}</bdi></a>'
        f"{OTHERS if file.third_party else ''}</td>"
        f"<td>{_text(file.media_type)}</td><td>{_size(file.size)}</td>"
        f"<td><code>{_text(file.sha256)}</code></td></tr>\n"
        for name, file in files
    )
    return f"""<!DOCTYPE html>
<html lang="de">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Unterlagen</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Unterlagen <span lang="en">/ Documents</span></h1>
<div class="note">
{_duties(package)}</div>
<table>
{facts}</table>
<h2>Dateien <span lang="en">/ Files</span></h2>
<table>
<thead><tr><th scope="col">Datei / <span lang="en">File</span></th>
<th scope="col">Art / <span lang="en">Kind</span></th>
<th scope="col">Größe / <span lang="en">Size</span></th>
<th scope="col">SHA-256</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
</main>
</body>
</html>
""".encode()


def _duties(package: DocumentPackage) -> str:
    """Return what the office has to know before it opens a document."""
    if package.notice:
        return "".join(f"<p>{_text(line)}</p>\n" for line in package.notice.split("\n") if line)
    return (
        f"<p>{html.escape(PURPOSE_BINDING_DE)}</p>\n"
        f'<p lang="en">{html.escape(PURPOSE_BINDING_EN)}</p>\n'
    )


def _facts(package: DocumentPackage) -> list[tuple[str, str, str]]:
    facts = [
        ("Absender", "Sender", f"{_text(package.sender_name)} ({_text(package.sender)})"),
        ("Zweck", "Purpose", _words(package.purpose)),
        ("Art der Unterlage", "Kind of document", _words(package.category)),
        ("Geheimhaltung", "Secrecy", _words(package.secrecy)),
        ("Gesendet", "Sent", _moment(package.sent_at)),
        ("Abgeholt", "Collected", _moment(package.collected_at)),
        ("Kennung", "Identifier", f"<code>{_text(package.disclosure_id)}</code>"),
    ]
    if package.consent:
        facts += _consent(package.consent)
    if package.reference:
        facts.append(("Zeichen des Absenders", "Sender's reference", _text(package.reference)))
    if package.remark:
        facts.append(("Bemerkung", "Remark", _text(package.remark)))
    return facts


def _consent(terms: ConsentTerms) -> list[tuple[str, str, str]]:
    return [
        ("Einwilligung", "Consent", f"<code>{_text(terms.id)}</code>"),
        (
            "Sie gilt von, bis",
            "Valid from, until",
            f"{_moment(terms.valid_from)}<br>{_moment(terms.valid_until)}",
        ),
        ("Wofür die Person eingewilligt hat", "What for, in its words", _text(terms.purpose_words)),
    ]


def table(package: DocumentPackage, files: Sequence[tuple[str, DocumentFile]]) -> bytes:
    """Return one line per file, as a German spreadsheet opens it by double click.

    UTF-8 with its mark, semicolons, and no cell that a spreadsheet takes for a formula.
    """
    written = io.StringIO(newline="")
    lines = csv.writer(written, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    lines.writerow(_COLUMNS)
    for name, file in files:
        cells = (
            *(name, file.media_type, str(file.size), file.sha256, package.sender),
            *(package.purpose.de, package.category.de, package.secrecy.de),
            *(utc(package.sent_at), utc(package.collected_at), package.disclosure_id),
            package.consent.id if package.consent else "",
        )
        lines.writerow([_cell(cell) for cell in cells])
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def _text(words: str) -> str:
    """Return a stranger's words as text of a page: escaped, no control or direction characters."""
    if words.isprintable():
        return html.escape(words)
    shown = (
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(sign) in {"Cc", "Cf"} else sign
        for sign in words.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    )
    return html.escape("".join(shown))


def _words(label: Label) -> str:
    return f'{_text(label.de)} <span lang="en">/ {_text(label.en)}</span>'


def _cell(words: str) -> str:
    """Return a cell that no spreadsheet computes (OWASP, CSV injection), whatever width it has."""
    flat = " ".join(words.split())
    return f"'{flat}" if unicodedata.normalize("NFKC", flat).startswith(_FORMULA) else flat


def _moment(moment: datetime) -> str:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - not at the start, which it would lengthen

    return f"{moment.astimezone(ZoneInfo('Europe/Berlin')):%d.%m.%Y, %H:%M} Uhr"


def utc(moment: datetime) -> str:
    """Return a moment in UTC (RFC 3339)."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _size(size: int) -> str:
    """Return a size as people read it, in steps of 1,024."""
    if size < 1 << 10:
        return f"{size} B"
    kib = size / (1 << 10)
    amount = f"{kib:.1f} KiB" if kib < 1 << 10 else f"{kib / (1 << 10):.1f} MiB"
    return amount.replace(".", ",")
