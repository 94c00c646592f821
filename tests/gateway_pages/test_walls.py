"""Who may see what: sessions, foreign sites, another office's token, hostile names (A54, A79)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from exchange.agency.http.keys import Offices
from exchange.agency.pages.session import COOKIE, IDLE_S, LONGEST_S, MOST, Sessions
from exchange.agency.pages.site import DEEDS, PAGES, WITH_FILES
from tests.agency.local import Local
from tests.agency.network import CONSENT_ID, RECIPIENT, SENDER, files_below
from tests.gateway_pages.scene import ERASURE, SEEK, Scene

OWN = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a form that a page of the same address sends."""
FOREIGN: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {},
)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


@dataclass
class Caller:
    """Asks like a browser, and like none."""

    local: Local
    cookie: str = ""
    seal: str = ""
    shown: list[str] = field(default_factory=list)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.asks("GET", path, headers={"Accept": "text/html", **headers})

    async def post(
        self, path: str, fields: Mapping[str, str] | None = None, **options: Any
    ) -> Answer:
        sent = {"seal": self.seal, **(fields or {})}
        headers = options.pop("headers", OWN)
        return await self.asks("POST", path, data=sent, headers=headers, **options)

    async def asks(self, method: str, path: str, **options: Any) -> Answer:
        headers = {"Accept": "text/html", **options.pop("headers", {})}
        if self.cookie:
            headers["Cookie"] = f"{COOKIE}={self.cookie}"
        async with self.local.session.request(
            method, self.local.origin + path, headers=headers, allow_redirects=False, **options
        ) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.text("latin-1"))

    async def enters(self, token: str | None = None) -> Answer:
        fields = {"token": self.local.token if token is None else token, "lang": "en"}
        answer = await self.asks("POST", "/enter", data=fields, headers=OWN)
        cookie = answer.headers.get("Set-Cookie", "")
        if found := re.match(rf"{COOKIE}=([^;]+)", cookie):
            self.cookie = found[1]
            page = await self.get("/")
            self.seal = re.findall(r'name="seal" value="([^"]+)"', page.body)[0]
        return answer


@pytest_asyncio.fixture(loop_scope="session")
async def caller(scene: Scene) -> Caller:
    found = Caller(scene.recipient)
    await found.enters()
    return found


def named(path: str, scene: Scene) -> str:
    """Return a real path for a pattern of a route."""
    ids = {
        "/documents": scene.sent,
        "/quarantine": scene.aside,
        "/sent": scene.sent,
        "/erasures": ERASURE,
        "/requests": SEEK,
        "/consents": CONSENT_ID,
    }
    first = "/" + path.split("/")[1]
    path = re.sub(r"\{id:[^}]*\}\}?", ids.get(first, CONSENT_ID), path)
    return re.sub(r"\{place:[^}]*\}\}?", "0", path)


async def test_nothing_is_shown_and_nothing_done_before_somebody_has_entered(scene: Scene) -> None:
    stranger = Caller(scene.recipient)
    for path, _ in PAGES:
        answer = await stranger.get(named(path, scene))
        assert (answer.status, answer.headers.get("Location")) == (303, "/enter"), path
        assert answer.body == ""
    for path, _ in (*DEEDS, *WITH_FILES):
        answer = await stranger.post(named(path, scene))
        assert (answer.status, answer.headers.get("Location")) == (303, "/enter"), path


async def test_a_wrong_token_opens_nothing(scene: Scene) -> None:
    for token in ("", "x" * 43, scene.recipient.token[:-1], scene.recipient.token + "x"):
        stranger = Caller(scene.recipient)
        answer = await stranger.enters(token)
        assert answer.status == 403
        assert "Set-Cookie" not in answer.headers


async def test_the_cookie_is_for_this_host_alone_and_for_no_script(scene: Scene) -> None:
    answer = await Caller(scene.recipient).enters()

    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Domain" not in cookie
    assert "expires" not in cookie.lower(), "it goes with the browser"


@pytest.mark.parametrize("headers", FOREIGN)
async def test_no_other_site_makes_a_browser_do_anything(
    scene: Scene, caller: Caller, headers: Mapping[str, str]
) -> None:
    before = files_below(scene.network.offices[RECIPIENT].home.quarantine)
    for path, _ in (*DEEDS, *WITH_FILES):
        answer = await caller.post(named(path, scene), headers=headers)
        assert answer.status == 403, path
    entered = await caller.asks("POST", "/enter", data={"token": "x"}, headers=headers)
    assert entered.status == 403

    assert files_below(scene.network.offices[RECIPIENT].home.quarantine) == before


async def test_a_form_of_another_session_does_nothing(scene: Scene, caller: Caller) -> None:
    other = Caller(scene.recipient)
    await other.enters()
    before = files_below(scene.network.offices[RECIPIENT].home.quarantine)
    assert other.seal != caller.seal
    for seal in (other.seal, "", "x"):
        for path, _ in DEEDS:
            answer = await caller.post(named(path, scene), {"seal": seal})
            assert answer.status == 403, path
        for path, _ in WITH_FILES:
            form = aiohttp.FormData({"seal": seal, "consent": CONSENT_ID})
            form.add_field("file", b"x", filename="x.pdf")
            answer = await caller.asks("POST", named(path, scene), data=form, headers=OWN)
            assert answer.status == 403, path

    assert files_below(scene.network.offices[RECIPIENT].home.quarantine) == before


async def test_no_file_is_taken_before_the_form_has_shown_its_secret(
    scene: Scene, caller: Caller
) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"x" * 100, filename="x.pdf")
    form.add_field("seal", caller.seal)

    answer = await caller.asks("POST", "/send", data=form, headers=OWN)

    assert answer.status == 403


async def test_another_office_sees_nothing_of_this_one(scene: Scene) -> None:
    """Each has its own listener here; a session of one is none at the other."""
    stranger = Caller(scene.sender)
    await stranger.enters()
    for path in (f"/quarantine/{scene.aside}", f"/documents/{scene.sent}", f"/erasures/{ERASURE}"):
        assert (await stranger.get(path)).status == 404, path
    elsewhere = Caller(scene.recipient, cookie=stranger.cookie)
    assert (await elsewhere.get("/")).headers["Location"] == "/enter"


async def test_one_listener_keeps_the_sessions_of_its_offices_apart(scene: Scene) -> None:
    both = Offices([scene.sender.office, scene.recipient.office])
    sessions = Sessions(both, lambda: 0.0)
    for local in (scene.sender, scene.recipient):
        cookie = sessions.enter(local.token, "de")
        assert cookie is not None
        found = sessions.find(cookie)
        assert found is not None
        assert found.office is local.office


async def test_a_session_ends_when_nobody_clicks_and_in_any_case_after_half_a_day(
    scene: Scene,
) -> None:
    now = 0.0
    sessions = Sessions(Offices([scene.sender.office]), lambda: now)
    idle = sessions.enter(scene.sender.token, "de") or ""
    now = IDLE_S - 1
    assert sessions.find(idle) is not None
    now += IDLE_S
    assert sessions.find(idle) is None

    busy = sessions.enter(scene.sender.token, "de") or ""
    begun = now
    while now - begun < LONGEST_S - IDLE_S:
        now += IDLE_S / 2
        assert sessions.find(busy) is not None
    now = begun + LONGEST_S
    assert sessions.find(busy) is None


async def test_sessions_do_not_fill_the_memory(scene: Scene) -> None:
    sessions = Sessions(Offices([scene.sender.office]), lambda: 0.0)
    cookies = [sessions.enter(scene.sender.token, "de") or "" for _ in range(MOST + 1)]

    assert sessions.find(cookies[0]) is None
    assert sessions.find(cookies[-1]) is not None


async def test_leaving_ends_the_session_for_good(scene: Scene, caller: Caller) -> None:
    assert (await caller.post("/leave")).headers["Location"] == "/enter"
    assert (await caller.get("/")).headers["Location"] == "/enter"


async def test_every_page_has_the_headers_and_no_script(scene: Scene, caller: Caller) -> None:
    for path, _ in PAGES:
        answer = await caller.get(named(path, scene))
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "<script" not in answer.body.lower() or "text/html" not in answer.headers.get(
            "Content-Type", ""
        ), path


async def test_what_a_partner_wrote_stays_text(scene: Scene, caller: Caller) -> None:
    for path in (f"/documents/{scene.sent}", f"/quarantine/{scene.aside}"):
        page = (await caller.get(path)).body
        assert "<script" not in page
        assert "&lt;script&gt;alert(&#39;remark&#39;)&lt;/script&gt;" in page
        assert "<img src=x" not in page
        assert "{{ 7 " in page, "and no template either"


async def test_a_file_is_saved_and_never_shown(scene: Scene, caller: Caller) -> None:
    for path in (f"/documents/{scene.sent}/files/1", f"/quarantine/{scene.aside}/files/1"):
        answer = await caller.get(path)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment; ")
        assert "<" not in answer.headers["Content-Disposition"]
        assert (await caller.get(path[:-1] + "999")).status == 404


async def test_a_foreign_host_name_leads_nowhere(scene: Scene, caller: Caller) -> None:
    answer = await caller.get("/", Host="evil.example")

    assert answer.status == 421


async def test_a_cookie_opens_no_api_and_a_token_no_page(scene: Scene, caller: Caller) -> None:
    assert (await caller.get("/v1/documents")).status == 401
    stranger = Caller(scene.recipient)
    bearer = await stranger.get("/documents", Authorization=f"Bearer {scene.recipient.token}")
    assert bearer.headers["Location"] == "/enter"


async def test_nonsense_is_told_in_plain_words(scene: Scene, caller: Caller) -> None:
    for path, status in (
        ("/nothing", 404),
        ("/documents/../../etc/passwd", 404),
        (f"/documents/{CONSENT_ID}", 404),
        ("/send?consent=no-such", 404),
        ("/documents?page=999999999", 200),
        ("/documents?page=-1", 200),
        ("/documents?page=x&page=y", 200),
        ("/consents?after=x", 200),
    ):
        answer = await caller.get(path)
        assert answer.status == status, path
        assert answer.headers["Content-Type"].startswith("text/html"), path


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\nx",
        b"--x--\r\n",
        b"\xff" * 100,
    ],
)
async def test_a_broken_form_takes_nothing_and_breaks_nothing(
    scene: Scene, caller: Caller, body: bytes
) -> None:
    headers = {**OWN, "Content-Type": "multipart/form-data; boundary=x"}

    answer = await caller.asks("POST", "/send", data=body, headers=headers)

    assert answer.status in {400, 403}
    assert (await caller.get("/")).status == 200
    assert files_below(scene.network.offices[SENDER].home.outgoing) == {}


async def test_a_field_too_long_is_refused(scene: Scene, caller: Caller) -> None:
    assert (await caller.post("/erasures/" + ERASURE, {"answer": "x" * 100_000})).status == 413
    form = aiohttp.FormData({"seal": caller.seal, "remark": "x" * 100_000})
    form.add_field("file", b"x", filename="x.pdf")
    answer = await caller.asks("POST", "/send", data=form, headers=OWN)
    assert answer.status == 413


async def test_no_token_cookie_or_name_is_in_any_log_line(
    scene: Scene, caller: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    await caller.get(f"/documents/{scene.sent}")
    await caller.post(f"/consents/{CONSENT_ID}/withdrawal", {"by": "CANARY-FIELD"})
    await caller.post("/consents/new", {"purpose": "CANARY-FIELD"})

    said = capsys.readouterr()
    text = said.out + said.err
    assert "route=/documents/{id}" in text
    for secret in (scene.recipient.token, caller.cookie, caller.seal, "CANARY"):
        assert secret not in text
