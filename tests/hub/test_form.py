"""GET /v1/consents/{id}/form: what is printed, for whoever may read the record."""

import sys
from uuid import uuid4

import pypdfium2  # type: ignore[import-untyped]
import pytest

from exchange.canonical import sha256_hex
from exchange.wire import routes
from tests.simulator import OUTSIDER, RECIPIENT, SENDER, Answer, Simulator


async def form(sim: Simulator, consent: str, query: str = "", agency: str = SENDER) -> Answer:
    return await sim.call(agency, routes.CONSENT_FORM, id=consent, query=query)


def text_of(made: bytes) -> str:
    with pypdfium2.PdfDocument(made) as opened:
        return " ".join(page.get_textpage().get_text_range() for page in opened)


async def test_the_form_bears_the_text_and_the_digest_of_the_record(sim: Simulator) -> None:
    given = await sim.consent()
    notice = await sim.call(SENDER, routes.CONSENT_NOTICE, id=given.id)
    shown = notice.body.decode()

    answer = await form(sim, given.id)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = answer.body.decode()
    assert sha256_hex(notice.body)[:10] in page
    assert all(line.removeprefix("- ") in page for line in shown.split("\n"))


async def test_it_is_a_pdf_where_one_is_asked_for(sim: Simulator) -> None:
    given = await sim.consent()
    answer = await form(sim, given.id, "?as=pdf")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "Einwilligung in die Weitergabe von Unterlagen" in text_of(answer.body)
    assert answer.body == (await form(sim, given.id, "?as=pdf")).body


async def test_another_language_of_the_agreement_may_be_asked_for(sim: Simulator) -> None:
    given = await sim.consent()
    english = (await form(sim, given.id, "?lang=en")).body.decode()
    assert '<html lang="en">' in english
    assert "Consent to pass on documents" in english
    easy = (await form(sim, given.id, "?as=html&lang=de-simple")).body.decode()
    assert '<html lang="de-simple">' in easy


async def test_a_language_the_agreement_has_no_text_in_is_refused(sim: Simulator) -> None:
    given = await sim.consent()
    answer = await form(sim, given.id, "?lang=fr")
    assert answer.status == 400
    assert answer.json["detail"] == "the agreement has no such text"


@pytest.mark.parametrize("query", ["?as=docx", "?lang=d%20e", "?lang=", "?kind=pdf", "?as=pdf&x=1"])
async def test_other_parameters_are_refused(sim: Simulator, query: str) -> None:
    given = await sim.consent()
    assert (await form(sim, given.id, query)).status == 400


async def test_a_hub_without_the_extra_says_that_it_makes_no_pdf(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await sim.consent()
    monkeypatch.setitem(sys.modules, "typst", None)  # as if the extra were not installed
    answer = await form(sim, given.id, "?as=pdf")
    assert answer.status == 406
    assert answer.json["type"] == "urn:consent-exchange:problem:not-acceptable"
    assert (await form(sim, given.id)).status == 200


@pytest.mark.parametrize("query", ["", "?as=pdf", "?lang=en", "?lang=fr"])
async def test_a_form_nobody_may_read_looks_like_one_that_does_not_exist(
    sim: Simulator, query: str
) -> None:
    given = await sim.consent()
    for agency in (RECIPIENT, OUTSIDER):  # nothing was stored for the recipient yet
        hidden = await form(sim, given.id, query, agency)
        absent = await form(sim, str(uuid4()), query, agency)
        assert hidden.status == 404
        assert hidden.face == absent.face


async def test_a_recipient_may_print_it_once_something_waits_for_it(sim: Simulator) -> None:
    given = await sim.consent()
    await sim.sent(given)
    assert (await form(sim, given.id, agency=RECIPIENT)).status == 200


async def test_the_hub_prints_nobodys_name(sim: Simulator) -> None:
    given = await sim.consent()
    page = (await form(sim, given.id)).body.decode()
    assert page.count("<dd></dd>") == 3 + 3  # name, date of birth, case number; a signature
