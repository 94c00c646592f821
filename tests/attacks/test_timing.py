"""A33: time. What runs the same statements and leaves the same leaf takes the same time.

A statistical test of microseconds on a shared machine would be noise; the number of statements
is what makes the time. Beside the refusals of test_same_face.py these are the pairs in which
something is there and the caller must not learn what became of it.
"""

import re
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from exchange.wire import routes
from tests.attacks.parties import Parties
from tests.simulator import RECIPIENT, SENDER, Answer, statements

pytestmark = pytest.mark.authz


VALUE = re.compile(r"[xX]?'(?:[^']|'')*'|\b\d+\b")
"""What differs between two runs of one statement: the drivers show it with its values."""


async def cost(parties: Parties, ask: Callable[[], Awaitable[Answer]]) -> tuple[object, list[str]]:
    await ask()
    with statements() as seen:
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
