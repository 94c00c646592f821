"""exchange.testkit.veto: each check fails for a veto that breaks it."""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from exchange.hookspecs import DisclosureAsked
from exchange.testing import GateVetoContract, asked_of
from tests.unit.testkit.failing import Brings, checks, failing, loaded


class Contract(GateVetoContract):
    __test__ = False
    plugin = key = "rule"
    forbidden = asked_of(sender="a", recipients=frozenset({"a"}))
    free = asked_of(sender="a", recipients=frozenset({"b"}))


class Behaviour:
    """A veto that says what a test tells it."""

    def __init__(self, rule: Callable[[DisclosureAsked], Any], key: str) -> None:
        self.rule, self.key = rule, key

    async def forbids(self, asked: DisclosureAsked) -> bool:
        answer: bool = self.rule(asked)
        return answer


def good(asked: DisclosureAsked) -> bool:
    return asked.sender in asked.recipients


def moody() -> Callable[[DisclosureAsked], bool]:
    times = itertools.count()
    return lambda asked: good(asked) and next(times) == 0


def bringing(
    rule: Callable[[DisclosureAsked], Any], *, key: str = "rule", declared: bool = False
) -> Brings:
    def brings(_home: Path) -> Mapping[str, Any]:
        return {
            "adapter": Behaviour(rule, key),
            "loaded": loaded("rule", sees_plaintext=declared),
        }

    return brings


FORBIDS = "test_it_forbids_what_the_rule_forbids"
LEAVES = "test_it_leaves_alone_what_the_rule_does_not_concern"
BREACHES: Mapping[str, tuple[str, Brings]] = {
    "key": (FORBIDS, bringing(good, key="other")),
    "lame": (FORBIDS, bringing(lambda _asked: False)),
    "truthy": (FORBIDS, bringing(lambda asked: 1 if good(asked) else False)),
    "total": (LEAVES, bringing(lambda _asked: True)),
    "falsy": (LEAVES, bringing(lambda asked: True if good(asked) else None)),
    "moody": ("test_it_says_the_same_when_it_is_asked_again", bringing(moody())),
    "sees": ("test_it_declares_what_it_sees", bringing(good, declared=True)),
}


def test_a_good_veto_passes(tmp_path: Path) -> None:
    assert failing(Contract, bringing(good), tmp_path) == set()


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_fails_its_check(breach: str, tmp_path: Path) -> None:
    check, brings = BREACHES[breach]
    assert check in failing(Contract, brings, tmp_path)


def test_every_check_is_failed_by_a_breach() -> None:
    assert {check for check, _ in BREACHES.values()} == checks(Contract)
