"""What goes wrong below `/p/` looks like the other pages, whoever refused, and tells nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from exchange.errors import Unavailable
from exchange.hub.parts import Hub
from exchange.serving.bodies import FORM_LIMIT
from exchange.wire import problems
from tests.pages.sent import answered, get, post
from tests.pages.visitor import PERSON
from tests.person import WRONG, consent_with_code, draft, upload
from tests.simulator import Answer, Simulator

HEADINGS = {
    "de": "Das hat nicht geklappt",
    "en": "That did not work",
    "de-simple": "Das ging nicht",
}
TITLES = {"de": "Auskunft", "en": "Information", "de-simple": "Auskunft"}


def is_a_page(answer: Answer, lang: str) -> bool:
    """Tell whether an answer is a page in a language, with the title and the way out of all."""
    page = answer.body.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
    assert answer.headers["Cache-Control"] == "no-store"
    assert f"<title>{TITLES[lang]}</title>" in page
    assert 'class="leave"' in page
    assert problems.TYPE_PREFIX not in page
    return f'<html lang="{lang}"' in page and HEADINGS[lang] in page


@pytest.mark.parametrize("lang", TITLES)
async def test_an_unknown_address_is_told_as_a_page(sim: Simulator, lang: str) -> None:
    for path in ("unknown", "static/page.css", "end/x", "C000-4106"):
        answer = await get(sim, f"/p/{path}?lang={lang}")

        assert answer.status == 404, path
        assert is_a_page(answer, lang), path


async def test_an_address_that_is_none_is_told_as_a_page(sim: Simulator) -> None:
    for path, status in {"/p/%20": 404, "/p/" + "x" * 600: 404, "/p/?lang=en&lang=de": 400}.items():
        answer = await get(sim, path)

        assert answer.status == status, path
        assert is_a_page(answer, "de"), path


async def test_what_a_page_does_not_take_is_told_as_a_page(sim: Simulator) -> None:
    for method, path in (("POST", "/p/end"), ("PUT", "/p/"), ("DELETE", "/p/accessibility")):
        answer = await answered(sim, method, path)

        assert answer.status == 405, path
        assert is_a_page(answer, "de"), path
        assert answer.headers["Allow"]
        assert answer.headers["Connection"] == "close"


async def test_elsewhere_a_refusal_stays_a_problem(sim: Simulator) -> None:
    for path in ("/unknown", "/v1/consents", "/px", "/p%2f"):
        answer = await get(sim, path)

        assert answer.headers["Content-Type"] == problems.MEDIA_TYPE, path


class Failing:
    """A database in which every reading fails."""

    def __init__(self, database: Any, error: Exception) -> None:
        self._database = database
        self._error = error
        self.fails = False

    def __getattr__(self, name: str) -> Any:
        if self.fails and name == "read":
            raise self._error
        return getattr(self._database, name)


class WithFailures(Simulator):
    """A hub whose database can fail."""

    error: Exception

    def changed(self, hub: Hub) -> Hub:
        self.failing = Failing(hub.db, self.error)
        return replace(hub, db=cast("Any", self.failing))


@pytest.mark.parametrize(
    ("error", "status"),
    [(Unavailable("Frauenberatung B"), 503), (RuntimeError("Frauenberatung B"), 500)],
)
async def test_a_failure_is_told_as_a_page_and_the_same_for_every_code(
    tmp_path: Path, error: Exception, status: int
) -> None:
    sim = WithFailures(tmp_path, person=PERSON)
    sim.error = error
    async with sim.running():
        await sim.arrange()
        _, code = await consent_with_code(sim)
        _, invitation = await upload(sim, draft(sim))
        async with sim.still():  # the sequencer reads too, and ends at what it cannot explain
            sim.failing.fails = True
            answers = [
                await post(sim, "/p/", {"code": one, "do": do, "lang": "de-simple"})
                for one in (WRONG, code, invitation)
                for do in ("show", "withdraw", "receipt", "prepare-withdrawal")
            ]
            sim.failing.fails = False

    assert {answer.status for answer in answers} == {status}
    assert [answer.face for answer in answers] == [answers[0].face] * len(answers)
    assert is_a_page(answers[0], "de-simple")
    assert b"Frauenberatung" not in answers[0].body
    assert answers[0].headers.get("Retry-After") == ("2" if status == 503 else None)


async def test_only_the_form_that_brings_back_a_consent_may_be_long(sim: Simulator) -> None:
    _, invitation = await upload(sim, draft(sim))
    long = "x" * FORM_LIMIT
    for do in ("show", "withdraw", "prepare-signature", "prepare-withdrawal", "signal", ""):
        answer = await post(sim, "/p/", f"do={do}&code={invitation}&to_sign={long}")
        assert answer.status == 413, do
        assert is_a_page(answer, "de")
    late = await post(sim, "/p/", f"code={invitation}&do=sign&to_sign={long}")
    assert late.status == 413, "it says so first"

    signed = await post(sim, "/p/", f"do=sign&code={invitation}&to_sign={long}&lang=de")
    assert (signed.status, b"Nicht unterschrieben" in signed.body) == (200, True)
    too_long = f"do=sign&code={invitation}&to_sign={'x' * 300_000}"
    assert (await post(sim, "/p/", too_long)).status == 413


async def test_the_form_to_sign_says_first_what_it_is(sim: Simulator) -> None:
    _, invitation = await upload(sim, draft(sim))

    page = (await post(sim, "/p/", {"code": invitation})).body.decode()

    form = page[page.index('<form id="sign"') :]
    first = form[form.index(' name="') :]
    assert first.startswith(' name="do" value="sign"')
