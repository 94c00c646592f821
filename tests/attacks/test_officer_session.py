"""A29, A30, A67, A68, A70, A71 at the officers' desk: sessions, forms, frames, ways back.

Whatever is tried, the answer is the way to the login, and there is no session.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.hub.admit import admit
from exchange.hub.desk import entrance
from exchange.hub.desk.shell import HOME, POLICY
from exchange.hub.desk.site import PLACES
from exchange.hub.officers import accounts, links, sessions
from exchange.hub.officers.sessions import COOKIE, IDLE, LIFE, MOST
from exchange.hub.storage.officers import Role
from exchange.hub.storage.reaches import Reach
from exchange.wire import routes
from tests.officer import NOBODY, OWN, Desk, account, address, entered, logged_in
from tests.simulator import RECIPIENT, SENDER, Answer, Simulator, statements

GUESS = "A" * 43
FOREIGN: tuple[dict[str, str], ...] = (
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
)
"""What a form of another site, or of no browser, arrives with."""


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    """Return a running hub whose agencies have agreed on nothing."""
    simulator = Simulator(tmp_path)
    async with simulator.running():
        for office in simulator.offices.values():
            await admit(simulator.hub, office.identity.card, Reach())
        yield simulator


def is_outside(answer: Answer) -> bool:
    return answer.status == 303 and answer.headers["Location"] == entrance.LOGIN


async def is_in(desk: Desk) -> bool:
    answer = await desk.get(HOME)
    assert answer.status == 200 or is_outside(answer), answer.body
    return answer.status == 200


async def test_without_a_session_every_place_leads_to_the_login(sim: Simulator) -> None:
    nobody = Desk(sim)
    for place in PLACES:
        path = address(place.path, {"period": "2026-03"})
        asked = nobody.get(path) if place.method == "GET" else nobody.post(path)
        assert is_outside(await asked), path


# Beginning


async def test_a_session_that_somebody_brings_along_is_never_taken_over(sim: Simulator) -> None:
    victim = Desk(sim, {COOKIE: GUESS})
    link = await links.make(sim.hub, (await account(sim)).id)
    await victim.enter(link.secret)
    assert victim.cookie not in {"", GUESS}
    assert not await is_in(Desk(sim, {COOKIE: GUESS}))


async def test_the_id_from_before_a_login_opens_nothing_after_it(sim: Simulator) -> None:
    desk, officer = await logged_in(sim)
    old = desk.cookie
    await desk.enter((await links.make(sim.hub, officer.id)).secret)
    assert desk.cookie != old
    assert await is_in(desk)
    assert not await is_in(Desk(sim, {COOKIE: old}))


async def test_another_account_in_the_same_browser_ends_the_session_of_the_first(
    sim: Simulator,
) -> None:
    desk, _ = await logged_in(sim)
    old = desk.cookie
    await desk.enter((await links.make(sim.hub, (await account(sim, "auditor")).id)).secret)
    assert not await is_in(Desk(sim, {COOKIE: old}))


async def test_a_session_travels_in_its_cookie_alone(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    nobody = Desk(sim)
    assert is_outside(await nobody.get(f"{HOME}?session={desk.cookie}"))
    assert is_outside(await nobody.get(HOME, {"Authorization": f"Bearer {desk.cookie}"}))
    assert desk.cookie not in (await desk.get(HOME)).body.decode()


async def test_the_cookie_is_for_this_host_alone_and_for_no_script(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    (given,) = [cookie for cookie in desk.set_cookies if cookie.startswith("__Host-session=")]
    parts = set(given.split("; ")[1:])
    assert parts == {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"}


async def test_a_cookie_without_the_prefix_opens_nothing(sim: Simulator) -> None:
    """That is what another host of the same domain can set."""
    desk, _ = await logged_in(sim)
    for name in ("session", "__Secure-session", "__host-session", "Host-session"):
        assert not await is_in(Desk(sim, {name: desk.cookie})), name


# Ending


async def test_an_idle_session_ends(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    sim.now += IDLE - timedelta(minutes=2)
    assert await is_in(desk)
    sim.now += IDLE - timedelta(seconds=1)
    assert await is_in(desk), "a click lets it live on"
    sim.now += IDLE
    assert not await is_in(desk)


async def test_a_session_in_use_ends_after_its_whole_time(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    begun = sim.now
    while sim.now + timedelta(minutes=20) < begun + LIFE:
        sim.now += timedelta(minutes=20)
        assert await is_in(desk)
    sim.now = begun + LIFE
    assert not await is_in(desk)


async def test_a_session_ends_at_the_logout_on_the_server_too(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    copied = Desk(sim, dict(desk.cookies))
    left = await desk.post("/officer/logout")
    assert is_outside(left)
    assert left.headers["Clear-Site-Data"] == '"cache"'
    assert COOKIE not in desk.cookies
    assert not await is_in(copied)


async def test_all_sessions_of_an_account_end_at_once_on_her_wish(sim: Simulator) -> None:
    desk, officer = await logged_in(sim)
    other, (stranger, _) = await entered(sim, officer), await logged_in(sim)
    assert is_outside(await desk.post("/officer/logout-everywhere"))
    assert not await is_in(other)
    assert await is_in(stranger)


async def test_a_removed_account_is_out_at_its_next_click_and_its_links_with_it(
    sim: Simulator,
) -> None:
    desk, officer = await logged_in(sim)
    link = await links.make(sim.hub, officer.id)
    await accounts.remove(sim.hub, officer.id)
    assert not await is_in(desk)
    assert (await desk.enter(link.secret)).status == 403


async def test_an_account_has_three_sessions_and_the_oldest_makes_room(sim: Simulator) -> None:
    desk, officer = await logged_in(sim)
    others = list[Desk]()
    for _ in range(MOST):
        assert await is_in(desk)
        sim.now += timedelta(seconds=1)
        others.append(await entered(sim, officer))
    assert not await is_in(desk)
    assert [await is_in(other) for other in others] == [True] * MOST


async def test_a_stolen_row_opens_nothing(sim: Simulator) -> None:
    desk, officer = await logged_in(sim)
    link = await links.make(sim.hub, officer.id)
    rows = await sim.rows(
        "SELECT digest FROM officer_sessions UNION SELECT digest FROM officer_links"
    )
    assert len(rows) == 3, "a session, a link that was used and one that was not"
    for (digest,) in rows:
        assert not await is_in(Desk(sim, {COOKIE: digest}))
        assert (await Desk(sim).enter(digest)).status == 403
    dumped = await sim.dump()
    assert desk.cookie.encode() not in dumped
    assert link.secret.encode() not in dumped


# Links


async def test_a_link_opens_once(sim: Simulator) -> None:
    link = await links.make(sim.hub, (await account(sim)).id)
    assert (await Desk(sim).enter(link.secret)).status == 303
    again = Desk(sim)
    assert (await again.enter(link.secret)).status == 403
    assert again.cookie == ""


async def test_of_several_who_press_the_button_at_once_one_comes_in(sim: Simulator) -> None:
    link = await links.make(sim.hub, (await account(sim)).id)
    answers = await asyncio.gather(*(Desk(sim).enter(link.secret) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [303, *[403] * 7]
    assert await sim.count("officer_sessions") == 1


async def test_a_guessed_link_writes_nothing(sim: Simulator) -> None:
    with statements(sim.home) as seen:
        assert (await Desk(sim).enter(GUESS)).status == 403
    asked = [one for one in seen if "officer_links" in one]  # the log writes on its own
    assert asked
    assert all(one.startswith("SELECT") for one in asked)


async def test_a_link_expires_after_a_quarter_of_an_hour(sim: Simulator) -> None:
    officer = await account(sim)
    in_time, late = await links.make(sim.hub, officer.id), await links.make(sim.hub, officer.id)
    sim.now += links.LIFE - timedelta(seconds=1)
    assert (await Desk(sim).enter(in_time.secret)).status == 303
    sim.now += timedelta(seconds=1)
    assert (await Desk(sim).enter(late.secret)).status == 403


async def test_a_scanner_that_opens_a_link_does_not_use_it_up(sim: Simulator) -> None:
    link = await links.make(sim.hub, (await account(sim)).id)
    for _ in range(3):
        shown = await Desk(sim).get(f"/officer/link/{link.secret}")
        assert shown.status == 200
        assert "Set-Cookie" not in shown.headers
    assert (await Desk(sim).enter(link.secret)).status == 303


async def test_used_expired_and_guessed_links_look_the_same(sim: Simulator) -> None:
    officer = await account(sim)
    used, old = await links.make(sim.hub, officer.id), await links.make(sim.hub, officer.id)
    await Desk(sim).enter(used.secret)
    sim.now += links.LIFE
    faces = {(await Desk(sim).enter(secret)).face for secret in (used.secret, old.secret, GUESS)}
    assert len(faces) == 1
    shown = [await Desk(sim).get(f"/officer/link/{one}") for one in (used.secret, GUESS)]
    bodies = [answer.body.replace(used.secret.encode(), GUESS.encode()) for answer in shown]
    assert bodies[0] == bodies[1]


async def test_guessed_sessions_are_led_to_the_login_and_nobody_is_locked_out(
    sim: Simulator,
) -> None:
    desk, _ = await logged_in(sim)
    tried = ("", "x", "é" * 40, "A" * 4000, *(GUESS for _ in range(50)))
    faces = {(await Desk(sim, {COOKIE: cookie}).get(HOME)).face for cookie in tried}
    assert faces == {(await Desk(sim).get(HOME)).face}
    assert await is_in(desk)


# Roles


@pytest.mark.parametrize("role", ["officer", "auditor", "operator"])
async def test_what_a_role_may_not_see_is_byte_for_byte_what_does_not_exist(
    sim: Simulator, role: str
) -> None:
    desk, _ = await logged_in(sim, role)  # type: ignore[arg-type]  # one of them
    absent = (await desk.get("/officer/nothing-of-this-kind")).face
    for place in PLACES:
        if place.method == "GET" and role not in place.roles:
            path = address(place.path)
            assert (await desk.get(path)).face == absent, path


async def test_no_cookie_is_read_by_the_api_and_no_token_by_the_pages(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    carried = {"Cookie": f"{COOKIE}={desk.cookie}"}
    assert (await sim.call(None, routes.INBOX, headers=carried)).status == 401
    token = {"Authorization": f"Bearer {sim.token(RECIPIENT)}"}
    assert is_outside(await Desk(sim).get(HOME, token))


# Forms, frames and ways back


async def test_a_form_of_another_site_changes_nothing(sim: Simulator) -> None:
    desk, officer = await logged_in(sim)
    link = await links.make(sim.hub, officer.id)
    for headers in FOREIGN:
        sent = {name: value.replace("{own}", sim.origin) for name, value in headers.items()}
        for place in PLACES:
            if place.method == "POST":
                path = address(place.path)
                assert (await desk.post(path, sent)).status == 403, path
        assert (await desk.post("/officer/link", sent, secret=link.secret)).status == 403
    assert await is_in(desk)
    assert (await Desk(sim).enter(link.secret)).status == 303, "it was not used up"


async def test_an_old_browser_s_form_of_ours_is_taken_by_its_origin(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    assert is_outside(await desk.post("/officer/logout", {"Origin": sim.origin}))


async def test_nothing_is_changed_by_looking(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    for place in PLACES:
        if place.method == "POST":
            path = address(place.path)
            assert (await desk.get(path)).status in {200, 303, 404, 405}, path
    assert await is_in(desk)


async def test_every_page_refuses_to_stand_in_a_frame(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    for path in (HOME, "/officer/account", entrance.LOGIN, f"/officer/link/{GUESS}", "/officer/x"):
        answer = await desk.get(path)
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert "frame-ancestors 'none'" in POLICY
        assert "script-src" not in POLICY
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"


async def test_nothing_that_is_served_stands_in_a_frame_or_in_a_cache(sim: Simulator) -> None:
    """Pages, files and refusals; what is to come has these headers as well."""
    for role in ("officer", "auditor", "operator"):
        desk, _ = await logged_in(sim, role)
        for place in PLACES:
            path = address(place.path)
            asked = desk.get(path) if place.method == "GET" else desk.post(path, {})
            headers = (await asked).headers
            assert "default-src 'none'" in headers["Content-Security-Policy"], path
            assert headers["X-Frame-Options"] == "DENY", path
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert headers["Cache-Control"] == "no-store", path
            assert headers["Referrer-Policy"] == "same-origin", path


async def test_no_text_of_a_form_becomes_a_header(sim: Simulator) -> None:
    desk, officer = await logged_in(sim)
    evil = "de\r\nSet-Cookie: evil=1\r\nLocation: //evil.example"
    for place in PLACES:
        if place.method == "POST":
            answer = await desk.post(address(place.path), lang=evil, secret=evil, next=evil)
            assert not any("evil" in value for value in answer.headers.values()), place.path
    link = await links.make(sim.hub, officer.id)
    answer = await desk.post("/officer/link", secret=link.secret, lang=evil)
    assert (answer.status, answer.headers["Location"]) == (303, HOME)
    assert not any("evil" in cookie for cookie in desk.set_cookies)


async def test_a_login_leads_to_our_own_pages_by_a_list(sim: Simulator) -> None:
    officer = await account(sim)
    for wish in (
        "//evil.example",
        "https:evil.example",
        "/evil",
        ".",
        "/officer//evil",
        "/officer/../evil",
        "/officer/log%0d%0aX-Evil:1",
        "/\\\\evil.example",
        "javascript:evil",
        "/officer/log?x=evil",
        "/officer/log.csv",
    ):
        desk = Desk(sim, {entrance.BACK: wish})
        link = await links.make(sim.hub, officer.id)
        answer = await desk.post("/officer/link", secret=link.secret, next=wish, back=wish)
        assert (answer.status, answer.headers["Location"]) == (303, HOME), wish
        assert entrance.BACK not in desk.cookies


async def test_an_address_on_a_query_stands_on_no_page(sim: Simulator) -> None:
    desk, _ = await logged_in(sim)
    for path in (f"/officer/link/{GUESS}", entrance.LOGIN, entrance.PROOF):
        shown = await desk.get(f"{path}?next=evil-example")
        assert shown.status == 200
        assert b'href="evil' not in shown.body
        assert b'action="evil' not in shown.body


async def test_whoever_was_away_too_long_goes_on_at_her_list_and_at_nobody_s_consent(
    sim: Simulator,
) -> None:
    desk, officer = await logged_in(sim)
    for asked, led in (
        ("/officer/erasures", "/officer/erasures"),
        (f"/officer/consents/{NOBODY}", HOME),
        ("/officer/log.csv", HOME),
        ("/officer/proof", HOME),
    ):
        sim.now += IDLE
        assert is_outside(await desk.get(asked)), asked
        link = await links.make(sim.hub, officer.id)
        assert (await desk.enter(link.secret)).headers["Location"] == led, asked
        assert entrance.BACK not in desk.cookies


async def test_a_proof_leads_back_to_the_page_that_asked_for_it(sim: Simulator) -> None:
    desk, officer = await logged_in(sim)
    sim.now += sessions.FRESH
    assert (await desk.get("/officer/log.csv")).headers["Location"] == entrance.PROOF
    link = await links.make(sim.hub, officer.id)
    assert (await desk.enter(link.secret)).headers["Location"] == "/officer/log"
    assert entrance.BACK not in desk.cookies


async def test_a_proof_is_young_for_ten_minutes_and_a_click_does_not_renew_it(
    sim: Simulator,
) -> None:
    desk, officer = await logged_in(sim)
    sim.now += sessions.FRESH - timedelta(seconds=1)
    session = await sessions.find(sim.hub, desk.cookie)
    assert session is not None
    assert sessions.fresh(session, now=sim.now)
    sim.now += timedelta(seconds=1)
    session = await sessions.find(sim.hub, desk.cookie)
    assert session is not None
    assert not sessions.fresh(session, now=sim.now)
    await desk.enter((await links.make(sim.hub, officer.id)).secret)
    session = await sessions.find(sim.hub, desk.cookie)
    assert session is not None
    assert sessions.fresh(session, now=sim.now)


@pytest.mark.parametrize("role", ["officer", "auditor"])
async def test_what_is_taken_away_asks_for_a_young_proof(sim: Simulator, role: Role) -> None:
    desk, _ = await logged_in(sim, role)
    taken = [place for place in PLACES if place.fresh and role in place.roles]
    assert taken
    sim.now += sessions.FRESH
    for place in taken:
        path = address(place.path)
        answer = await (desk.get(path) if place.method == "GET" else desk.post(path))
        assert (answer.status, answer.headers["Location"]) == (303, entrance.PROOF), path


async def test_what_was_done_at_the_door_is_kept_and_names_nobody(sim: Simulator) -> None:
    desk, officer = await logged_in(sim, agency=SENDER)
    await desk.enter((await links.make(sim.hub, officer.id)).secret)
    await desk.post("/officer/logout", OWN)
    await accounts.remove(sim.hub, officer.id)
    rows = await sim.rows("SELECT what FROM officer_visits ORDER BY at, rowid")
    what = [row.what for row in rows]
    assert what == ["link-made", "login", "link-made", "proved", "logout", "removed"]
