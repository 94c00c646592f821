"""A28: what a hostile provider, a foreign site or another browser can do to an officer's login."""

import hmac
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey

from exchange.canonical import b64u, encode
from exchange.errors import LoginRefused
from exchange.hub.desk.provider import START
from exchange.hub.officers import accounts, oidc, sessions
from exchange.hub.officers.accounts import Login
from exchange.hub.sweep import forget_rows
from exchange.statement import seconds
from tests.login import (
    CLIENT,
    SUBJECT,
    Browser,
    Double,
    Logins,
    asked,
    nothing_opened,
    refused_for,
    with_another_key,
)

pytestmark = [pytest.mark.auth, pytest.mark.asyncio(loop_scope="module")]

HOME = "/officer/"


async def test_an_honest_login_opens_the_pages(logins: Logins, browser: Browser) -> None:
    answer = await logins.log_in(browser)

    assert (answer.status, answer.headers["Location"]) == (303, HOME)
    assert list(browser.cookies) == [sessions.COOKIE]
    assert (await browser.get(HOME)).status == 200
    found = await sessions.find(logins.sim.hub, browser.session)
    assert found is not None
    assert found.officer.id == logins.officer


async def test_every_login_has_secrets_of_its_own_and_the_challenge_of_pkce(
    logins: Logins, browser: Browser
) -> None:
    first, second = asked(await browser.begin()), asked(await browser.begin())

    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name]) == 43
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == logins.sim.origin + oidc.BACK
    assert "prompt" not in first
    assert first["max_age"] == "28800"  # as long as a session lives


async def test_the_hub_names_itself_by_a_password_that_is_encoded_before_it_is_joined(
    logins: Logins, browser: Browser
) -> None:
    await logins.log_in(browser)

    ((form, header),) = logins.provider.forms
    assert header == "Basic " + b64encode(b"hub:s+e%3Ac%25r%2Fet%2B%26%3D").decode()
    assert form.keys() == {"grant_type", "code", "redirect_uri", "code_verifier"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "other"}, "state"),
        ({"state": None}, "state"),
        ({"state": "ä"}, "state"),
        ({"iss": "https://other.example"}, "issuer"),
        ({"iss": ""}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"code": None, "error": "access_denied"}, "provider"),
        ({"error": "access_denied"}, "provider"),
        ({"code": None}, "provider"),
        ({"code": ""}, "token"),
        ({"code": "of somebody else"}, "token"),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused(
    logins: Logins, browser: Browser, changes: dict[str, str | None], reason: str
) -> None:
    query = logins.provider.approve(await browser.begin(), **changes)

    with refused_for(reason):
        nothing_opened(browser, await browser.come_back(query))


async def test_an_issuer_may_be_missing_where_the_provider_never_names_it_but_never_be_wrong(
    logins: Logins, browser: Browser
) -> None:
    logins.provider.metadata = {"authorization_response_iss_parameter_supported": None}

    with refused_for("issuer"):
        nothing_opened(browser, await logins.log_in(browser, iss="https://other.example"))

    assert (await logins.log_in(browser, iss=None)).status == 303


async def test_the_answer_of_another_browser_opens_nothing(
    logins: Logins, browser: Browser
) -> None:
    mine = await browser.begin()
    victim = browser.another()

    with refused_for("attempt"):
        nothing_opened(victim, await victim.come_back(logins.provider.approve(mine)))

    await victim.begin()
    with refused_for("state"):
        nothing_opened(victim, await victim.come_back(logins.provider.approve(mine)))


async def test_a_code_of_another_login_is_useless_even_with_the_own_state(
    logins: Logins, browser: Browser
) -> None:
    stolen = logins.provider.approve(await browser.begin())["code"]

    with refused_for("token"):  # PKCE
        nothing_opened(browser, await logins.log_in(browser, code=stolen))


async def test_without_pkce_the_nonce_refuses_the_code_of_another_login(
    logins: Logins, browser: Browser
) -> None:
    stolen = asked(await browser.begin())
    logins.provider.claims = {"nonce": stolen["nonce"]}

    with refused_for("nonce"):
        nothing_opened(browser, await logins.log_in(browser))


async def test_a_login_is_good_for_one_answer(logins: Logins, browser: Browser) -> None:
    location = await browser.begin()
    cookie, query = browser.cookies[oidc.COOKIE], logins.provider.approve(location)
    assert (await browser.come_back(query)).status == 303
    again = browser.another()
    again.cookies[oidc.COOKIE] = cookie

    with refused_for("attempt"):
        nothing_opened(again, await again.come_back(logins.provider.approve(location)))


async def test_a_refused_answer_uses_the_login_up(logins: Logins, browser: Browser) -> None:
    location = await browser.begin()
    cookie = browser.cookies[oidc.COOKIE]
    assert (await browser.come_back(logins.provider.approve(location, state="x"))).status == 403
    browser.cookies[oidc.COOKIE] = cookie

    with refused_for("attempt"):
        nothing_opened(browser, await browser.come_back(logins.provider.approve(location)))


@pytest.mark.parametrize(("late", "status"), [(timedelta(), 403), (timedelta(seconds=-1), 303)])
async def test_a_login_has_ten_minutes(
    logins: Logins, browser: Browser, late: timedelta, status: int
) -> None:
    location = await browser.begin()

    logins.sim.now += oidc.LIFE + late

    assert (await browser.come_back(logins.provider.approve(location))).status == status


async def test_logins_that_never_came_back_are_forgotten(logins: Logins, browser: Browser) -> None:
    await browser.begin()
    logins.sim.now += oidc.LIFE

    await forget_rows(logins.sim.hub)

    assert await logins.sim.rows("SELECT * FROM officer_logins") == []


async def test_the_database_holds_no_cookie(logins: Logins, browser: Browser) -> None:
    await browser.begin()

    (row,) = await logins.sim.rows("SELECT digest FROM officer_logins ORDER BY until DESC LIMIT 1")

    assert row[0] == sessions.named(browser.cookies[oidc.COOKIE]) != browser.cookies[oidc.COOKIE]


NO_FIT: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://other.example"}, "claims"),
    "no issuer": ({"iss": None}, "claims"),
    "another audience": ({"aud": "other"}, "claims"),
    "no audience": ({"aud": None}, "claims"),
    "audiences of others": ({"aud": ["other", "more"], "azp": CLIENT}, "claims"),
    "audiences and nobody authorised": ({"aud": [CLIENT, "other"]}, "azp"),
    "another authorised": ({"aud": [CLIENT, "other"], "azp": "other"}, "azp"),
    "another authorised, one audience": ({"azp": "other"}, "azp"),
    "expired": ({"exp": -31}, "claims"),
    "no end": ({"exp": None}, "claims"),
    "an end that is text": ({"exp": "9999999999"}, "claims"),
    "made later": ({"iat": 31}, "claims"),
    "made never": ({"iat": None}, "claims"),
    "another nonce": ({"nonce": "other"}, "nonce"),
    "no nonce": ({"nonce": None}, "nonce"),
    "a list of nonces": ({"nonce": ["other"]}, "nonce"),
    "nobody": ({"sub": None}, "claims"),
    "an empty name": ({"sub": ""}, "claims"),
    "a number": ({"sub": 7}, "claims"),
    "a list of names": ({"sub": [SUBJECT]}, "claims"),
    "a name without end": ({"sub": "a" * 256}, "subject"),
    "somebody without an account": ({"sub": "somebody"}, "account"),
    "another spelling of her name": ({"sub": SUBJECT.upper()}, "account"),
}


@pytest.mark.parametrize("case", NO_FIT)
async def test_an_id_token_that_does_not_fit_is_refused(
    logins: Logins, browser: Browser, case: str
) -> None:
    claims, reason = NO_FIT[case]
    now = seconds(logins.sim.now)
    logins.provider.claims = {
        name: now + value if name in {"exp", "iat"} and isinstance(value, int) else value
        for name, value in claims.items()
    }

    with refused_for(reason):
        nothing_opened(browser, await logins.log_in(browser))


async def test_an_id_token_for_several_is_good_where_it_was_made_for_us(
    logins: Logins, browser: Browser
) -> None:
    logins.provider.claims = {"aud": [CLIENT, "other"], "azp": CLIENT}

    assert (await logins.log_in(browser)).status == 303


def unsigned(claims: dict[str, Any]) -> str:
    return f"{b64u(encode({'alg': 'none', 'kid': 'one'}))}.{b64u(encode(claims))}."


def keyed_with_the_public_key(logins: Logins) -> Callable[[dict[str, Any]], object]:
    first = logins.provider.first
    assert isinstance(first, ECKey)
    known = first.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def forged(claims: dict[str, Any]) -> object:
        signed = f"{b64u(encode({'alg': 'HS256', 'kid': 'one'}))}.{b64u(encode(claims))}"
        return f"{signed}.{b64u(hmac.digest(known, signed.encode(), 'sha256'))}"

    return forged


def without_end(logins: Logins) -> str:
    """Return what the provider has signed, and nobody can read."""
    header, endless = {"alg": "ES256", "kid": "one"}, b'{"a":' + b"[" * 20_000
    return jws.serialize_compact(header, endless, logins.provider.first, ["ES256"])


FORGED: dict[str, Callable[[Logins], Callable[[dict[str, Any]], object]]] = {
    "algorithm none": lambda _: unsigned,
    "keyed with the public key": keyed_with_the_public_key,
    "another key of the same name": with_another_key,
    "its own key in the header": lambda logins: with_another_key(logins, jwk=True),
    "an address of its key": lambda logins: with_another_key(
        logins, jku=f"{logins.provider.issuer}/keys"
    ),
    "a key nobody knows": lambda logins: with_another_key(logins, kid="other"),
    "a key that is a number": lambda logins: lambda claims: with_kid(logins, claims, 1),
    "no text": lambda _: lambda _: ["a"],
    "nothing": lambda _: lambda _: None,
    "no JWT": lambda _: lambda _: "a.b",
    "no JSON": lambda _: lambda _: "AAAA.AAAA.AAAA",
    "no letters": lambda _: lambda _: "\N{SNOWMAN}.b.c",
    "without end": lambda logins: lambda _: without_end(logins),
}


def with_kid(logins: Logins, claims: dict[str, Any], kid: object) -> str:
    head, _, rest = str(logins.provider.signed(claims)).partition(".")
    return f"{b64u(encode({'alg': 'ES256', 'kid': kid}))}.{rest}" if head else ""  # type: ignore[dict-item]


@pytest.mark.parametrize("case", FORGED)
async def test_an_id_token_that_the_provider_has_not_signed_is_refused(
    logins: Logins, browser: Browser, case: str
) -> None:
    logins.provider.token = FORGED[case](logins)

    with refused_for("token" if case in {"no text", "nothing"} else "signature"):
        nothing_opened(browser, await logins.log_in(browser))


async def test_the_same_name_at_another_issuer_is_somebody_else(logins: Logins) -> None:
    async with Double(now=logins.provider.now).running() as other:
        elsewhere = Logins(logins.sim, other, logins.officer)
        proof = await elsewhere.proof(elsewhere.own())

    assert proof.login.subject == SUBJECT
    assert await accounts.by_login(logins.sim.hub, proof.login) is None


async def test_a_removed_account_is_opened_by_no_login(logins: Logins, browser: Browser) -> None:
    login = Login(issuer=logins.provider.issuer, subject="removed")
    gone = await accounts.add(logins.sim.hub, role="operator", agency=None, login=login)
    logins.provider.claims = {"sub": "removed"}
    assert (await logins.log_in(browser)).status == 303

    await accounts.remove(logins.sim.hub, gone.id)

    assert (await browser.get(HOME)).status == 303
    stranger = browser.another()
    with refused_for("account"):
        nothing_opened(stranger, await logins.log_in(stranger))


@pytest.mark.parametrize("name", ["next", "back", "redirect_uri", "return_to"])
async def test_no_address_in_a_query_leads_away(
    logins: Logins, browser: Browser, name: str
) -> None:
    location = await browser.begin(f"?{name}=evil")
    assert "evil" not in location
    query = {**logins.provider.approve(location), name: "https://evil.example/"}

    assert (await browser.come_back(query)).headers["Location"] == HOME


async def test_a_session_somebody_has_planted_is_not_the_one_that_begins(
    logins: Logins, browser: Browser
) -> None:
    attacker = browser.another()
    logins.sim.now += timedelta(seconds=1)  # newer than what other tests have left
    await logins.log_in(attacker)
    assert (await attacker.get(HOME)).status == 200
    browser.cookies[sessions.COOKIE] = attacker.session
    logins.sim.now += timedelta(seconds=1)

    assert (await logins.log_in(browser)).status == 303

    assert browser.session not in {"", attacker.session}
    assert (await attacker.get(HOME)).status == 303


@pytest.mark.parametrize("query", ["?code=a&code=b", "?code=%", "?" + "code=" + "a" * 4096])
async def test_a_query_that_is_ambiguous_or_endless_is_not_read(
    logins: Logins, browser: Browser, query: str
) -> None:
    await browser.begin()

    assert (await browser.get(oidc.BACK + query)).status == 400
    assert sessions.COOKIE not in browser.cookies


async def test_only_the_way_back_takes_a_query_that_others_have_spelt(browser: Browser) -> None:
    assert (await browser.get("/officer/login?lang=%64e")).status == 400
    assert (await browser.get(START + "?again=%79es")).status == 400


async def test_one_address_begins_only_so_many_logins(logins: Logins, browser: Browser) -> None:
    for _ in range(30):
        assert (await browser.get(START)).status == 303

    assert (await browser.get(START)).status == 429

    logins.sim.ticks += 1
    assert (await browser.get(START)).status == 303


# A fresh proof


async def test_a_fresh_proof_is_asked_for_and_counts_from_when_it_was_made(
    logins: Logins, browser: Browser
) -> None:
    location = await browser.begin("?again=yes")
    logins.provider.claims = {"auth_time": seconds(logins.sim.now)}
    logins.sim.now += timedelta(minutes=1)
    await browser.come_back(logins.provider.approve(location))

    assert (asked(location)["prompt"], asked(location)["max_age"]) == ("login", "0")
    found = await sessions.find(logins.sim.hub, browser.session)
    assert found is not None
    assert found.proved_at == logins.sim.now - timedelta(minutes=1)
    assert sessions.fresh(found, now=logins.sim.now)


@pytest.mark.parametrize("auth_time", [None, -31, 31, "now", True], ids=str)
async def test_a_proof_of_this_morning_is_no_fresh_one(
    logins: Logins, browser: Browser, auth_time: object
) -> None:
    if type(auth_time) is int:
        auth_time += seconds(logins.sim.now)
    logins.provider.claims = {"auth_time": auth_time}

    with refused_for("auth-time"):
        nothing_opened(browser, await logins.log_in(browser, "?again=yes"))


@pytest.mark.parametrize(
    ("ago_s", "fresh"),
    [(None, False), (8 * 3600 + 30, False), (600, False), (599, True), (-30, True)],
)
async def test_a_login_out_of_an_old_visit_at_the_provider_is_no_fresh_proof(
    logins: Logins, browser: Browser, ago_s: int | None, fresh: bool
) -> None:
    now = logins.sim.now
    logins.provider.claims = {"auth_time": None if ago_s is None else seconds(now) - ago_s}

    assert (await logins.log_in(browser)).status == 303

    found = await sessions.find(logins.sim.hub, browser.session)
    assert found is not None
    assert sessions.fresh(found, now=now) is fresh
    assert found.proved_at <= now


@pytest.mark.parametrize("ago_s", [8 * 3600 + 31, -31])
async def test_a_visit_at_the_provider_older_than_a_session_begins_none(
    logins: Logins, browser: Browser, ago_s: int
) -> None:
    logins.provider.claims = {"auth_time": seconds(logins.sim.now) - ago_s}

    with refused_for("auth-time"):
        nothing_opened(browser, await logins.log_in(browser))


@pytest.mark.parametrize("said", [None, "password", ["two-factors"]], ids=str)
async def test_a_weaker_proof_than_the_settings_ask_for_is_refused(
    logins: Logins, said: object
) -> None:
    provider = logins.own(acr="two-factors")
    logins.provider.claims = {"acr": "two-factors"}
    begun = await oidc.start(logins.sim.hub, provider)
    assert asked(begun.location)["acr_values"] == "two-factors"
    assert (await logins.proof(provider)).login.subject == SUBJECT

    logins.provider.claims = {"acr": said}
    with pytest.raises(LoginRefused) as refused:
        await logins.proof(provider)
    assert refused.value.reason == "acr"
