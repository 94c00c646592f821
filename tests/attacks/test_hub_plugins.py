"""A84: plugins inside the hub. Whatever a veto does, the answer is "forbidden" or its own False."""

import asyncio
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exchange.consent.decision import Asked
from exchange.hookspecs import DisclosureAsked, GateVeto
from exchange.hub import gate
from exchange.hub.parts import Hub
from exchange.vocabulary import Secrecy


class Veto:
    """A veto that does what a test tells it."""

    key = "veto"

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

    async def forbids(self, asked: DisclosureAsked) -> Any:
        """Do what the test says; wait for it if it can be waited for."""
        answer = self.act()
        return await answer if asyncio.isfuture(answer) else answer


def raising(error: BaseException) -> Callable[[], Any]:
    def act() -> None:
        raise error

    return act


async def forbidden(vetoes: Mapping[str, Veto], asked: Asked) -> bool:
    hub = SimpleNamespace(vetoes=cast("Mapping[str, GateVeto]", vetoes))
    return await gate.vetoes(cast("Hub", hub), asked)


@pytest.fixture
def asked() -> Asked:
    return cast(
        "Asked",
        SimpleNamespace(
            sender="jobcentre",
            recipients=frozenset({"ngo"}),
            purpose="housing",
            category="rent-arrears",
            secrecy=Secrecy.SOCIAL,
        ),
    )


@pytest.mark.parametrize(
    "act",
    [
        lambda: True,
        lambda: None,
        lambda: 0,
        lambda: "",
        lambda: "permit",
        lambda: asyncio.sleep,
        raising(ValueError("a name")),
        raising(TimeoutError()),
    ],
    ids=["no", "none", "zero", "empty", "permits", "function", "raises", "time"],
)
async def test_anything_but_false_is_a_no(act: Callable[[], Any], asked: Asked) -> None:
    assert await forbidden({"veto": Veto(act)}, asked)


async def test_a_veto_that_is_silent_is_a_no(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "VETO_S", 0.05)
    assert await forbidden(
        {"veto": Veto(lambda: asyncio.get_running_loop().create_future())}, asked
    )


async def test_one_veto_is_enough_and_false_of_all_lets_pass(asked: Asked) -> None:
    no, no_objection = Veto(lambda: True), Veto(lambda: False)
    assert await forbidden({"a": no_objection, "b": no}, asked)
    assert not await forbidden({"a": no_objection, "b": no_objection}, asked)
    assert not await forbidden({}, asked)
