"""A28: a provider of logins that lies about itself, its keys, or whose keys change."""

import gzip
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from exchange.canonical import b64u
from exchange.errors import LoginRefused, Unavailable
from exchange.hub.desk.provider import START
from exchange.hub.officers import oidc
from exchange.hub.officers.provider import KEPT_S, MOST_BYTES, WELL_KNOWN
from tests.login import SUBJECT, Browser, Logins, nothing_opened, refused_for, with_another_key

pytestmark = [pytest.mark.auth, pytest.mark.asyncio(loop_scope="module")]

SMALL = {
    "kty": "RSA",
    "kid": "one",
    "e": "AQAB",
    "n": b64u((1 << 1023 | 1).to_bytes(128)),
}
"""1024 bits."""


@pytest.mark.parametrize("kind", ["ES256", "RS256"])
async def test_only_algorithms_of_the_settings_are_accepted(logins: Logins, kind: str) -> None:
    if kind == "RS256":
        logins.provider.key = RSAKey.generate_key(2048, {"kid": "two"})
    other = {"ES256": "PS256", "RS256": "ES256"}[kind]

    assert (await logins.proof(logins.own(algorithms=[kind]))).login.subject == SUBJECT
    with pytest.raises(LoginRefused) as refused:
        await logins.proof(logins.own(algorithms=[other]))
    assert refused.value.reason == "signature"


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [SMALL],
        [{"kty": "oct", "kid": "one", "k": "AAAA"}],
        [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "AAAA"}],
        [{"kty": "EC", "crv": "P-256", "kid": "one", "x": "AAAA", "y": "AAAA"}],
        [{"kty": "RSA", "kid": "one", "n": "no base64!", "e": "AQAB"}],
        [{"kty": "EC", "crv": "P-384", "kid": "one", "x": "AAAA", "y": "AAAA"}],
        ["one"],
    ],
    ids=str,
)
async def test_a_key_that_cannot_sign_is_passed_over(logins: Logins, keys: list[Any]) -> None:
    logins.provider.published = keys
    with pytest.raises(LoginRefused) as refused:
        await logins.proof(logins.own())
    assert refused.value.reason == "signature"

    logins.provider.published = [*keys, logins.provider.first.as_dict(private=False)]
    good = {**logins.provider.first.as_dict(private=False), "kid": "good"}
    logins.provider.published, logins.provider.header = [*keys, good], {"kid": "good"}
    assert (await logins.proof(logins.own())).login.subject == SUBJECT


async def test_a_key_that_is_there_to_encrypt_signs_nothing(logins: Logins) -> None:
    logins.provider.published = [{**logins.provider.first.as_dict(private=False), "use": "enc"}]

    with pytest.raises(LoginRefused):
        await logins.proof(logins.own())


async def test_a_set_of_keys_that_is_none_signs_nothing(logins: Logins) -> None:
    logins.provider.answers = {"/keys": (200, b'{"keys":{}}', {})}

    with pytest.raises(LoginRefused):
        await logins.proof(logins.own())


async def test_a_new_key_is_found_and_the_old_one_forgotten(logins: Logins) -> None:
    provider, old = logins.own(), logins.provider.first
    await logins.proof(provider)
    logins.sim.ticks += 60
    logins.provider.key = ECKey.generate_key("P-256", {"kid": "two"})

    assert (await logins.proof(provider)).login.subject == SUBJECT

    logins.provider.published = [logins.provider.key.as_dict(private=False)]
    logins.provider.key = old
    with pytest.raises(LoginRefused):
        await logins.proof(provider)


async def test_wrong_signatures_make_no_storm_of_questions_for_keys(logins: Logins) -> None:
    provider = logins.own()
    await logins.proof(provider)
    logins.provider.token = with_another_key(logins)

    for _ in range(5):
        with pytest.raises(LoginRefused):
            await logins.proof(provider)
    assert logins.provider.requests.count("/keys") == 1

    logins.sim.ticks += 60
    for _ in range(5):
        with pytest.raises(LoginRefused):
            await logins.proof(provider)
    assert logins.provider.requests.count("/keys") == 2


async def test_what_the_provider_says_of_itself_is_kept_for_a_day(logins: Logins) -> None:
    provider = logins.own()
    await logins.proof(provider)
    logins.sim.ticks += KEPT_S - 1
    await logins.proof(provider)
    assert logins.provider.requests.count(WELL_KNOWN) == 1

    logins.sim.ticks += 1
    await logins.proof(provider)

    assert logins.provider.requests.count(WELL_KNOWN) == 2
    assert logins.provider.requests.count("/keys") == 2  # a key it has withdrawn must go as well


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://login.example/"},
        {"authorization_endpoint": "https://login.example/\r\nSet-Cookie: a=b"},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"token_endpoint": "https://user@login.example/"},
        {"token_endpoint": "https://login.example/"},  # the issuer is plain http here
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": ["http://127.0.0.1/"]},
    ],
    ids=str,
)
async def test_a_provider_that_is_another_one_or_leads_astray_is_refused(
    logins: Logins, browser: Browser, metadata: dict[str, Any]
) -> None:
    logins.provider.metadata = metadata

    with refused_for("discovery"):
        nothing_opened(browser, await browser.get(START))
    assert logins.provider.requests == [WELL_KNOWN]


NO_SENSE = {
    "broken": (500, b"", {}),
    "elsewhere": (302, b"", {"Location": "/keys"}),
    "nothing": (200, b"", {}),
    "a list": (200, b"[]", {}),
    "ambiguous": (200, b'{"issuer":1,"issuer":2}', {}),
    "endless": (200, b'{"a":"' + b"a" * MOST_BYTES + b'"}', {}),
    "compressed": (200, gzip.compress(b"{}"), {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("case", NO_SENSE)
async def test_a_provider_that_makes_no_sense_stops_logins_and_is_left_alone_for_a_moment(
    logins: Logins, browser: Browser, case: str
) -> None:
    logins.provider.answers = {WELL_KNOWN: NO_SENSE[case]}
    assert (await browser.get(START)).status == 503
    logins.provider.answers = {}

    assert (await browser.get(START)).status == 503
    assert logins.provider.requests == [WELL_KNOWN]

    logins.sim.ticks += 5
    assert (await browser.get(START)).status == 303


async def test_a_provider_that_is_not_there_stops_logins_and_nothing_else(
    logins: Logins, unused_tcp_port: int
) -> None:
    gone = logins.own(issuer=f"http://127.0.0.1:{unused_tcp_port}")

    with pytest.raises(Unavailable):
        await oidc.start(logins.sim.hub, gone)


@pytest.mark.parametrize("answer", [(302, b"", {"Location": "/keys"}), (500, b"", {})], ids=str)
async def test_a_code_is_posted_to_the_provider_and_nowhere_else(
    logins: Logins, browser: Browser, answer: tuple[int, bytes, dict[str, str]]
) -> None:
    location = await browser.begin()
    logins.provider.answers = {"/token": answer}

    with refused_for("token"):
        nothing_opened(browser, await browser.come_back(logins.provider.approve(location)))
    assert logins.provider.requests == [WELL_KNOWN, "/token"]
