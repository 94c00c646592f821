"""A78: the log key as code, the code as log key; neither in a URL, a log line or a notice."""

import pytest
from structlog.testing import capture_logs

from exchange.canonical import b64u, unb64u
from exchange.consent.credential import LOG_KEY_SIZE, Credential, Purpose, read
from exchange.errors import Malformed
from exchange.hub.pages.site import WISHES
from exchange.hub.view_consent import view
from exchange.hub.withdraw_by_person import withdraw_by_code
from exchange.wire import routes
from tests.person import consent_with_code, fresh, page, reissue
from tests.simulator import SENDER, Simulator

pytestmark = pytest.mark.person


def spellings(secret: Credential) -> list[str]:
    """Return a secret as somebody might write it."""
    plain = secret.text.replace("-", "")
    return [secret.text, plain, plain.lower(), b64u(secret.secret), secret.secret.hex()]


async def test_the_log_key_opens_no_page_and_withdraws_nothing(sim: Simulator) -> None:
    given, _ = await consent_with_code(sim)
    key = Credential(Purpose.LOG_KEY, given.log_key)

    for typed in (*spellings(key), key.digest):
        assert await view(sim.hub, typed) is None
        assert await withdraw_by_code(sim.hub, typed) is None
    assert await sim.log("consent-withdrawn") == []


async def test_not_even_where_its_own_digest_was_registered_as_a_code(sim: Simulator) -> None:
    given = await sim.consent()
    key = Credential(Purpose.LOG_KEY, given.log_key)
    await reissue(sim, given, credential=key.digest)

    for typed in spellings(key):
        assert await view(sim.hub, typed) is None


async def test_the_code_is_no_log_key(sim: Simulator) -> None:
    given, code = await consent_with_code(sim)
    typed = read(code, Purpose.CODE)
    assert typed is not None

    for text in spellings(typed):
        assert read(text, Purpose.LOG_KEY) is None
        with pytest.raises(Malformed):
            unb64u(text, size=LOG_KEY_SIZE)
        body = {"statement": given.statement.decode(), "log_key": text}
        assert (await sim.call(SENDER, routes.POST_CONSENT, json=body)).status == 400


async def test_neither_is_in_an_address_a_log_line_or_a_notice(sim: Simulator) -> None:
    await sim.reach("jobcentre-a")
    with capture_logs() as seen:
        given, code = await consent_with_code(sim)
        typed = read(code, Purpose.CODE)
        assert typed is not None
        await sim.collect(await sim.sent(given))
        for do in WISHES:
            answer = await page(sim, do=do, code=code)
            assert code not in str(answer.headers)
        replaced = fresh()
        asked = await reissue(sim, given, credential=replaced.digest, log_key=True)
        assert asked.status == 200

    lines = str(seen)
    lines += str(await sim.rows("SELECT * FROM notices"))
    lines += str(await sim.rows("SELECT * FROM idempotency"))
    assert seen
    for secret in (typed, replaced, Credential(Purpose.LOG_KEY, given.log_key)):
        assert [text for text in (*spellings(secret), secret.digest) if text in lines] == []
