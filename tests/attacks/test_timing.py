"""A33: time. What runs the same statements and leaves the same leaf takes the same time.

The number of statements is what makes the time. Beside the refusals of test_same_face.py these
are the pairs in which something is there and the caller must not learn what became of it. Of the
surfaces that matter most the processor time is compared as well: the machine of a test is shared,
and what waits for a disk is a statement.
"""

import re
import time
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median

import pytest

from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.pages.sent import post
from tests.person import WRONG, fresh, reissue
from tests.simulator import RECIPIENT, SENDER, Answer, statements

pytestmark = pytest.mark.authz


VALUE = re.compile(r"[xX]?'(?:[^']|'')*'|\b\d+\b")
"""What differs between two runs of one statement: the drivers show it with its values."""


async def cost(parties: Parties, ask: Callable[[], Awaitable[Answer]]) -> tuple[object, list[str]]:
    await ask()
    async with parties.still():
        with statements(parties.home) as seen:
            answer = await ask()
            return answer.face, [VALUE.sub("?", one) for one in seen]


async def test_an_empty_inbox_costs_the_same_whatever_emptied_it(parties: Parties) -> None:
    async def look() -> Answer:
        return await parties.call(RECIPIENT, routes.INBOX)

    empty = await cost(parties, look)
    for state in ("recorded", "announced", "recalled", "withdrawn, waiting"):
        await parties.world(state)
        assert await cost(parties, look) == empty, state


@pytest.mark.parametrize(
    "operation",
    [routes.COLLECT, routes.PAYLOAD_OF, routes.GET_DISCLOSURE, routes.GET_CONSENT, routes.WITHDRAW],
    ids=lambda one: one.name,
)
async def test_the_very_statements_are_the_same_for_absent_hidden_and_over(
    parties: Parties, operation: routes.Operation
) -> None:
    found = {}
    for state in ("recorded", "announced", "recalled", "withdrawn, waiting"):
        world = await parties.world(state)
        ask = partial(parties.ask_about, operation, world, RECIPIENT)
        found[state] = await cost(parties, ask)
    absent = parties.absent(await parties.world("recorded"))
    unknown = await cost(parties, partial(parties.ask_about, operation, absent, RECIPIENT))

    assert found == dict.fromkeys(found, unknown)


async def test_the_list_of_consents_costs_the_same_with_and_without_hidden_ones(
    parties: Parties,
) -> None:
    async def look() -> Answer:
        return await parties.call(RECIPIENT, routes.CONSENTS)

    empty = await cost(parties, look)
    await parties.world("recorded")
    await parties.world("withdrawn, waiting")

    assert await cost(parties, look) == empty


async def test_a_denial_on_a_chain_reads_the_vault_as_often_as_one_on_none(
    parties: Parties,
) -> None:
    withdrawn = (await parties.world("withdrawn, waiting")).consent
    vault = parties.hub.vault
    read: list[str] = []

    class Counting:
        """The vault, counting what is asked of it."""

        def __getattr__(self, name: str) -> object:
            read.append(name)
            return getattr(vault, name)

    object.__setattr__(parties.front.hub, "vault", Counting())
    asked = []
    for consent in ("A" * 43, withdrawn.digest):
        read.clear()
        assert (await parties.send(parties.letter(consent), SENDER)).status == 403
        asked.append(len(read))

    assert asked == [1, 1]


Ask = Callable[[], Awaitable[Answer]]
SAMPLES = 150
SLACK_S = 0.0003
SLACK = 0.05
"""Medians may differ by so much of each other, or by `SLACK_S`, whichever is more."""
ATTEMPTS = 4
"""On a busy machine a run of samples may be off; a leak is off in every one."""


async def by_id(
    parties: Parties, operation: routes.Operation, state: str, caller: str
) -> list[Ask]:
    world = await parties.world(state)
    both = (world, parties.absent(world))
    return [partial(parties.ask_about, operation, one, caller) for one in both]


async def questions(parties: Parties) -> list[Ask]:
    withdrawn = await parties.world("withdrawn, waiting")
    digests = (withdrawn.consent.digest, "A" * 43)
    return [partial(parties.ask, SENDER, digest) for digest in digests]


async def codes(parties: Parties) -> list[Ask]:
    """Return a code that was replaced, and one that nobody ever had."""
    given, replaced = await parties.consent(), fresh()
    for code in (replaced, fresh()):
        await reissue(parties, given, COLLECTOR, credential=code.digest)
    return [partial(post, parties, "/p/", {"code": code}) for code in (replaced.text, WRONG)]


PAIRS: dict[str, Callable[[Parties], Awaitable[list[Ask]]]] = {
    "consent": lambda one: by_id(one, routes.GET_CONSENT, "withdrawn, waiting", RECIPIENT),
    "declined": lambda one: by_id(one, routes.GET_CONSENT, "declined", RECIPIENT),
    "expired": lambda one: by_id(one, routes.GET_DISCLOSURE, "expired", RECIPIENT),
    "collection": lambda one: by_id(one, routes.COLLECT, "recalled", RECIPIENT),
    "payload": lambda one: by_id(one, routes.PAYLOAD_OF, "withdrawn, waiting", RECIPIENT),
    "request": lambda one: by_id(one, routes.GET_REQUEST, "asked", PARTY),
    "question": questions,
    "code": codes,
}


async def medians(pair: list[Ask]) -> list[float]:
    """Return the median seconds of processor time of both, asked in turn."""
    taken: list[list[float]] = [[], []]
    for turn in range(2 * SAMPLES):
        begun = time.process_time()
        await pair[turn % 2]()
        taken[turn % 2].append(time.process_time() - begun)
    return [median(times) for times in taken]


@pytest.mark.parametrize("name", PAIRS)
async def test_what_is_hidden_takes_as_long_as_what_is_absent(parties: Parties, name: str) -> None:
    pair = await PAIRS[name](parties)
    for ask in pair * 10:
        await ask()
    seen = []
    for _ in range(ATTEMPTS):
        hidden, absent = await medians(pair)
        seen.append((hidden, absent))
        if abs(hidden - absent) <= max(SLACK_S, SLACK * max(hidden, absent)):
            return
    raise AssertionError(f"{name}: {seen}")
