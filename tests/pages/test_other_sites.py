"""A67, A68, A70: no other site makes a browser withdraw, frames a page, or changes anything by GET.

Also what every answer carries, and what no address may hold.
"""

from tests.pages.sent import FORM, answered, get, post
from tests.pages.test_wrong_code import ASKING, SHOWING
from tests.person import consent_with_code, draft, upload
from tests.simulator import Simulator

WISHES = (*SHOWING, *ASKING, "prepare-signature", "sign")
GETS = ("/p/", "/p/end", "/p/accessibility")
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


SENT_BY = [
    ("same-origin", "own", True),
    ("same-origin", None, True),
    (None, "own", True),
    (None, None, False),
    (None, "null", False),
    (None, "https://evil.example", False),
    ("cross-site", "own", False),
    ("same-site", None, False),
    ("none", None, False),
    ("cross-site", "https://evil.example", False),
]
"""What a browser says of who sends a form (`Sec-Fetch-Site`, `Origin`), and whether it is ours."""


async def test_only_a_page_of_ours_sends_a_form(sim: Simulator) -> None:
    withdrawn = 0
    for site, origin, ours in SENT_BY:
        _, code = await consent_with_code(sim)
        headers = {} if site is None else {"Sec-Fetch-Site": site}
        if origin is not None:
            headers["Origin"] = sim.origin if origin == "own" else origin

        answer = await post(sim, "/p/", {"do": "withdraw", "code": code}, headers=headers)

        withdrawn += ours
        assert answer.status == (200 if ours else 403), (site, origin)
        assert len(await sim.log("consent-withdrawn")) == withdrawn, (site, origin)
        if not ours:
            assert "kam nicht von dieser Seite" in answer.body.decode()


async def test_every_form_is_refused_from_elsewhere(sim: Simulator) -> None:
    for do in WISHES:
        fields = {"do": do, "code": "x"}
        answer = await post(sim, "/p/", fields, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status == 403, do


async def test_nothing_changes_on_a_get(sim: Simulator) -> None:
    """Mail scanners and messengers open every link, some of them three times."""
    _, code = await consent_with_code(sim)
    before = await sim.log()
    first = await get(sim, "/p/")
    for do in WISHES:
        for query in ("", f"?do={do}", f"?do={do}&code={code}"):
            assert (await get(sim, f"/p/{query}")).body == first.body
            assert (await answered(sim, "HEAD", f"/p/{query}")).status == 405

    assert await sim.log() == before


async def test_a_form_that_no_page_sends_is_told_as_a_page(sim: Simulator) -> None:
    bodies = {
        "code=x&code=y": 400,
        "code=x&unknown=y": 400,
        "code=x&do=unknown": 400,
        "code": 400,
        "code=%ff": 400,
        "code=" + "x" * 300_000: 413,
    }
    for body, status in bodies.items():
        answer = await post(sim, "/p/", body)

        assert answer.status == status, body[:20]
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "Das hat nicht geklappt" in answer.body.decode()
        assert b"xxxx" not in answer.body


async def test_another_media_type_is_told_as_a_page(sim: Simulator) -> None:
    said = {"Content-Type": "text/plain", "Sec-Fetch-Site": "same-origin"}

    answer = await post(sim, "/p/", "code=x", headers=said)

    assert answer.status == 415
    assert "später noch einmal" in answer.body.decode()


async def test_an_answer_is_kept_nowhere_and_framed_by_nobody(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    answers = [await get(sim, path) for path in GETS]
    answers += [await post(sim, "/p/", {"code": one}) for one in (code, "wrong")]
    answers.append(await post(sim, "/p/", "code=x&code=y"))

    for answer in answers:
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Set-Cookie" not in answer.headers


async def test_only_pages_on_which_a_key_signs_may_ask_this_host(sim: Simulator) -> None:
    _, invitation = await upload(sim, draft(sim))

    answer = await post(sim, "/p/", {"code": invitation})

    assert answer.headers["Content-Security-Policy"] == f"{POLICY}; connect-src 'self'"


async def test_ending_a_visit_clears_what_the_browser_kept(sim: Simulator) -> None:
    ended, begun = await get(sim, "/p/end"), await get(sim, "/p/")

    assert ended.headers["Clear-Site-Data"] == '"cache"'
    assert "Clear-Site-Data" not in begun.headers


async def test_what_pages_load_is_named_after_its_content(sim: Simulator) -> None:
    page = (await get(sim, "/p/")).body.decode()
    loaded = [part.split('"')[0] for part in page.split('"/p/static/')[1:]]

    assert len(loaded) == 3
    for name in loaded:
        answer = await get(sim, f"/p/static/{name}")
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert b"http://" not in answer.body.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in answer.body
    assert (await get(sim, "/p/static/page.css")).status == 404


async def test_the_address_without_its_slash_leads_to_the_page(sim: Simulator) -> None:
    answer = await get(sim, "/p")

    assert (answer.status, answer.headers["Location"]) == (308, "/p/")


async def test_a_page_speaks_the_language_that_was_chosen(sim: Simulator) -> None:
    english = {"Accept-Language": "en-GB,en;q=0.9"}

    assert b'lang="en"' in (await get(sim, "/p/", **english)).body
    assert b'<html lang="de"' in (await get(sim, "/p/?lang=de", **english)).body
    assert b'<html lang="de-simple"' in (await get(sim, "/p/?lang=de-simple", **english)).body
    assert b'<html lang="en"' in (await get(sim, "/p/?lang=fr", **english)).body


async def test_the_title_and_the_headers_never_tell_what_it_is_about(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)
    _, invitation = await upload(sim, draft(sim))
    for fields in ({"code": code}, {"code": invitation}, {"code": code, "names": "yes"}):
        for lang, title in (("de", "Auskunft"), ("en", "Information"), ("de-simple", "Auskunft")):
            answer = await post(sim, "/p/", {**fields, "lang": lang})
            page = answer.body.decode()
            assert page.count("<title>") == 1
            assert f"<title>{title}</title>" in page
            said = " ".join(answer.headers.values()).lower()
            for word in ("beratung", "amt", "consent", "einwillig", code.lower()):
                assert word not in said


async def test_full_names_and_the_text_appear_only_when_they_are_asked_for(sim: Simulator) -> None:
    _, code = await consent_with_code(sim)

    first = (await post(sim, "/p/", {"code": code})).body.decode()
    second = (await post(sim, "/p/", {"code": code, "names": "yes"})).body.decode()

    for name in ("Frauenberatung B", "Jobcenter Kreis A"):
        assert name not in first
        assert name in second
    assert "Einwilligung in die Weitergabe von Unterlagen" not in first
    assert "Einwilligung in die Weitergabe von Unterlagen" in second
    assert "Beratungsstelle 3" in first


async def test_a_form_says_it_is_one(sim: Simulator) -> None:
    headers = {"Content-Type": FORM + "; charset=utf-8", "Sec-Fetch-Site": "same-origin"}

    assert (await post(sim, "/p/", "code=x", headers=headers)).status == 200
