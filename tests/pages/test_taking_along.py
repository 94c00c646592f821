"""What a person may take along: the export says how her consent ended, in its own words.

Everything about it is on paper as well: with all that happened, in the words of the page.
"""

import asyncio
import io
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pypdf import PdfReader

from exchange.audit import leaf
from exchange.audit.opening import event_of
from exchange.audit.policy import read_policy
from exchange.audit.proof import prove, read_receipt
from exchange.canonical import loads
from exchange.consent import export
from exchange.database import Database
from exchange.errors import Misconfigured
from exchange.hub import prove_consent
from exchange.hub.pages.recount import recount
from exchange.hub.pages.shell import SHELL
from exchange.hub.pages.words import read_words
from exchange.hub.view_consent import PAGE, PersonView, view_whole
from tests import needs
from tests.pages.sent import post
from tests.pages.test_reading import happened
from tests.pages.visitor import LANGUAGES, Visitor
from tests.person import consent_with_code, fresh, reissue
from tests.samples import AGREEMENT
from tests.simulator import Answer, Given, Simulator

SCHEMA = loads(export.schema(), limit=10**5, depth=20)


HOSTILE = '#panic("x") </style><script>alert(1)</script> {{ 7 * 7 }} <b>'


def read(made: bytes) -> str:
    """Return the text of a PDF, in single spaces."""
    return " ".join(
        " ".join(page.extract_text() for page in PdfReader(io.BytesIO(made)).pages).split()
    )


async def everything(sim: Simulator, code: str, lang: str = "de") -> Answer:
    answer = await post(sim, "/p/", {"do": "everything", "lang": lang, "code": code})
    assert answer.status == 200
    return answer


async def refused(sim: Simulator, given: Given, times: int) -> None:
    for _ in range(times):
        await sim.send(sim.letter(given.digest, category="energy-bill"))


async def taken(sim: Simulator, code: str) -> dict[str, Any]:
    answer = await post(sim, "/p/", {"do": "records", "lang": "de", "code": code})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == export.MEDIA_TYPE
    read: dict[str, Any] = loads(answer.body, limit=10**6, depth=12)
    Draft202012Validator(SCHEMA).validate(read)
    return read


async def test_her_record_is_in_the_documented_structure(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    record = await taken(sim, code)
    assert record["dct:identifier"] == given.id
    assert [event["@type"] for event in record["dpv:hasConsentStatus"]] == ["dpv:ConsentGiven"]


async def test_she_takes_the_proof_of_everything_along_and_any_tar_opens_it(
    sim: Simulator, tmp_path: Path
) -> None:
    given, code = await consent_with_code(sim)
    letter = await sim.sent(given)
    assert (await sim.collect(letter)).status == 200
    await sim.withdraw(given)
    await refused(sim, given, prove_consent.AT_ONCE)
    await sim.settled()
    answer = await post(sim, "/p/", {"do": "proofs", "lang": "de", "code": code})
    assert answer.headers["Content-Type"] == "application/x-tar"
    file = tmp_path / "auskunft.tar"
    file.write_bytes(answer.body)
    subprocess.run(["tar", "-xf", file.name], cwd=tmp_path, check=True)

    proofs = sorted(tmp_path.glob("*.tlog-proof"))
    policy = read_policy((tmp_path / "policy").read_bytes())
    proven = [prove(read_receipt(one.read_bytes()), policy) for one in proofs]
    events = [event_of(one.opening) for one in proven]
    mine = (await sim.rows("SELECT chain FROM consents WHERE id = :id", id=given.id))[0].chain
    rows = await sim.rows("SELECT rid FROM log_event WHERE chain = :mine ORDER BY n", mine=mine)
    assert [one["id"] for one in events] == [row.rid for row in rows]
    assert events[0]["kind"] == "consent-recorded"
    labels = [leaf.label(given.log_key, n) for n in range(len(events))]
    assert [one.opening.label for one in proven] == labels
    assert "exchange log verify" in (tmp_path / "README.txt").read_text("utf-8")
    assert sim.hub.signer.origin in (tmp_path / "README.txt").read_text("utf-8")

    record = await taken(sim, code)
    assert record["xch:logReceipts"] == [one.read_text("utf-8") for one in proofs]


async def test_what_is_not_signed_yet_is_proven_a_moment_later(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    async with sim.still():
        _, fresh_code = await consent_with_code(sim)
        assert await prove_consent.prove_consent(sim.hub, fresh_code) == ()
        found = await prove_consent.prove_consent(sim.hub, code)
        assert found is not None
        assert [one.n for one in found] == [0]
    assert await prove_consent.prove_consent(sim.hub, "nonsense") is None


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        ({"by": "subject"}, "dpv:ConsentWithdrawn"),
        ({"by": "agency", "reason": "purpose-reached"}, "dpv:ConsentRevoked"),
        ({"by": "agency", "reason": "unlawful"}, "dpv:ConsentInvalidated"),
    ],
)
async def test_it_says_how_the_consent_ended(
    sim: Simulator, ended: dict[str, str], status: str
) -> None:
    given, code = await consent_with_code(sim)
    await sim.withdraw(given, **ended)
    events = (await taken(sim, code))["dpv:hasConsentStatus"]
    assert [event["@type"] for event in events] == ["dpv:ConsentGiven", status]


async def test_she_gets_her_receipt_also_where_the_agreement_lacks_the_language_of_the_page(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.hub.pages.take_along.document.pdf", _without_forms)
    await sim.agree(notices=[text for text in AGREEMENT["notices"] if text["lang"] == "de"])
    _, code = await consent_with_code(sim)

    for lang in ("de", "en", "de-simple"):
        answer = await post(sim, "/p/", {"do": "receipt", "lang": lang, "code": code})
        assert answer.status == 200, lang
        assert code.encode() in answer.body


def _without_forms(_paper: object, *, today: object) -> bytes:
    raise Misconfigured("the extra `forms` is not here")


@needs.chromium()
@pytest.mark.parametrize("lang", LANGUAGES)
async def test_she_takes_everything_along_as_paper_without_a_script(
    sim: Simulator, visitor: Visitor, lang: str
) -> None:
    code = await happened(sim)
    await visitor.enters(code, lang)
    shown = [" ".join(text.split()) for text in await visitor.page.locator("h3").all_inner_texts()]
    state = " ".join((await visitor.page.locator(".note").inner_text()).split())

    await visitor.reaches(visitor.button("everything"))
    async with visitor.page.expect_download() as arriving:
        await visitor.page.keyboard.press("Enter")
    found = await arriving.value
    made = (await found.path()).read_bytes()

    assert found.suggested_filename == "auskunft.pdf"
    text, at = read(made), 0
    for line in (state, *shown, "Einwilligung in die Weitergabe von Unterlagen", "Meine Erklärung"):
        at = text.index(line, at)
    assert len(shown) == 6
    assert code not in text
    root: Any = PdfReader(io.BytesIO(made)).root_object
    described = root["/Metadata"].get_data().decode()
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in described
    assert "<pdfuaid:part>1</pdfuaid:part>" in described


async def test_more_than_a_page_of_events_is_all_on_the_paper(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    await refused(sim, given, PAGE * 2 + 3)

    text = read((await everything(sim, code)).body)

    assert text.count("Eine Weitergabe ist abgelehnt worden.") == PAGE * 2 + 3
    assert text.count("Ihre Einwilligung ist eingetragen worden.") == 1
    assert "Älteres zeigt die Seite" not in text
    last = text.index("Ihre Einwilligung ist eingetragen worden.")
    assert text.rindex("Eine Weitergabe ist abgelehnt worden.") < last, "the newest comes first"


async def test_a_paper_that_leaves_something_out_says_so(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    await refused(sim, given, PAGE)

    seen = await view_whole(sim.hub, code, most=PAGE)
    whole = await view_whole(sim.hub, code, most=PAGE + 1)

    assert seen is not None
    assert whole is not None
    assert (len(seen.events), len(whole.events)) == (PAGE, PAGE + 1)
    closing = [said_under(one, "Was geschehen ist") for one in (seen, whole)]
    older, proofs = "Das sind die 50 neuesten. Älteres zeigt die Seite.", "Jeder Eintrag lässt sich"
    assert [len(one) for one in closing] == [2, 1]
    assert closing[0][0] == older
    assert all(one[-1].startswith(proofs) for one in closing)


def said_under(seen: PersonView, heading: str) -> tuple[str, ...]:
    paper = recount(seen, read_words("de"), at=seen.recorded_at)
    (chapter,) = [one for one in paper.chapters if one.heading == heading]
    return chapter.closing


async def test_a_consent_that_nobody_has_withdrawn_tells_of_no_erasure(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    seen = await view_whole(sim.hub, code)
    assert seen is not None

    headings = [one.heading for one in recount(seen, read_words("de"), at=sim.now).chapters]

    assert headings == [
        "Was erlaubt ist",
        "Was geschehen ist",
        "Wer ist gemeint?",
        "Der genaue Text",
    ]


async def test_the_paper_says_who_was_asked_to_erase_and_what_came_of_it(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    letter = await sim.sent(given)
    await sim.collect(letter)
    await sim.withdraw(given)

    text = read((await everything(sim, code)).body)
    seen = await view_whole(sim.hub, code)

    assert seen is not None
    assert "Die Einwilligung ist widerrufen, seit 03.03.2026" in text
    assert "Löschung bei den Empfängern" in text
    assert "Die Antwort steht aus." in text
    assert "Wer: Jobcenter Kreis A" in text
    assert f"(SHA-256): {seen.record.notice.sha256}" in text


async def test_what_others_have_written_is_on_the_paper_as_it_is(sim: Simulator) -> None:
    parties = [{**AGREEMENT["parties"][0], "name": HOSTILE}, *AGREEMENT["parties"][1:]]
    await sim.agree(parties=parties)
    _, code = await consent_with_code(sim)

    text = read((await everything(sim, code)).body)

    assert "".join(HOSTILE.split()) in "".join(text.split())


async def test_without_the_extra_everything_is_a_page_to_print(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)  # as if the extra were not installed
    code = await happened(sim)

    answer = await everything(sim, code)

    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="auskunft.html"'
    assert "Eine Weitergabe ist abgelehnt worden." in answer.body.decode()
    assert "<title>Auskunft</title>" in answer.body.decode()


@dataclass
class Meanwhile:
    """The hub's database, with something else that happens after each read."""

    db: Database
    happens: Callable[[], Awaitable[object]]

    async def read(self, work: Callable[..., Any], *args: Any) -> Any:
        found = await self.db.read(work, *args)
        await self.happens()
        return found


async def test_a_code_that_is_replaced_while_the_events_are_read_opens_nothing(
    sim: Simulator,
) -> None:
    given, code = await consent_with_code(sim)
    await refused(sim, given, PAGE)
    meanwhile = Meanwhile(sim.hub.db, lambda: reissue(sim, given, credential=fresh().digest))
    hub = replace(sim.hub, db=cast("Database", meanwhile))

    assert await view_whole(hub, code) is None


async def test_one_such_paper_is_made_at_a_time_and_the_receipt_does_not_wait(
    sim: Simulator,
) -> None:
    _, code = await consent_with_code(sim)
    async with sim.runner.app[SHELL].press:
        waiting = asyncio.create_task(everything(sim, code))
        receipt = await post(sim, "/p/", {"do": "receipt", "lang": "de", "code": code})
        done, _ = await asyncio.wait([waiting], timeout=1)

        assert receipt.status == 200
        assert not done
    assert read((await waiting).body)


async def test_looking_at_everything_leaves_nothing_behind(sim: Simulator) -> None:
    code = await happened(sim)
    before = await sim.log()

    await everything(sim, code)

    assert await sim.log() == before
