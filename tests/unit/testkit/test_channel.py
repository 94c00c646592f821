"""exchange.testkit.channel: each check fails for a channel that breaks it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import Unavailable, Undeliverable
from exchange.hookspecs import Channel, Notice
from exchange.testing import ChannelContract
from tests.unit.testkit.failing import Brings, checks, failing, loaded

Act = Callable[[Notice, list[str]], None]


class Behaviour:
    """A channel that sends as a test tells it."""

    key = "pigeon"

    def __init__(self, act: Act, loft: list[str]) -> None:
        self.act, self.loft = act, loft

    async def send(self, notice: Notice) -> None:
        self.act(notice, self.loft)


class Contract(ChannelContract):
    __test__ = False
    plugin = key = "pigeon"
    address = "loft"

    def _channel(self, settings: Mapping[str, Any]) -> Channel:
        return Behaviour(settings["act"], settings["loft"])


def good(notice: Notice, loft: list[str]) -> None:
    if notice.address != "loft":
        raise Undeliverable
    if loft == ["closed"]:
        raise Unavailable
    loft.append(f"{notice.language} {notice.subject} {notice.text}")


def mute(notice: Notice, loft: list[str]) -> None:
    good(notice, loft)
    loft[-1] = "look"


def lost(notice: Notice, loft: list[str]) -> None:
    good(notice, loft)
    if notice.kind == "task":
        loft.pop()


def telling(notice: Notice, loft: list[str]) -> None:
    good(notice, loft)
    loft[-1] += notice.id


def counting(notice: Notice, loft: list[str]) -> None:
    good(notice, loft)
    loft[-1] += str(len(loft))


def credulous(notice: Notice, loft: list[str]) -> None:
    if loft == ["closed"]:
        raise Unavailable
    loft.append(notice.text)


def final(notice: Notice, loft: list[str]) -> None:
    if loft == ["closed"]:
        raise Undeliverable
    good(notice, loft)


def bringing(act: Act, *, declared: bool = False) -> Brings:
    def brings(_home: Path) -> Mapping[str, Any]:
        loft = list[str]()
        return {
            "settings": {"act": act, "loft": loft},
            "unreachable": {"act": act, "loft": ["closed"]},
            "received": lambda: loft,
            "loaded": loaded("pigeon", sees_plaintext=declared),
        }

    return brings


BREACHES: Mapping[str, tuple[str, Brings]] = {
    "mute": ("test_every_kind_arrives_in_every_language", bringing(mute)),
    "lost": ("test_every_kind_arrives_in_every_language", bringing(lost)),
    "telling": ("test_the_words_depend_on_kind_and_language_only", bringing(telling)),
    "counting": ("test_the_words_depend_on_kind_and_language_only", bringing(counting)),
    "credulous": ("test_what_is_no_address_is_undeliverable", bringing(credulous)),
    "final": ("test_nobody_listening_is_temporary", bringing(final)),
    "sees": ("test_it_declares_what_it_sees", bringing(good, declared=True)),
}


def test_a_good_channel_passes(tmp_path: Path) -> None:
    assert failing(Contract, bringing(good), tmp_path) == set()


@pytest.mark.parametrize("breach", BREACHES)
def test_each_breach_fails_its_check(breach: str, tmp_path: Path) -> None:
    check, brings = BREACHES[breach]
    assert check in failing(Contract, brings, tmp_path)


def test_every_check_is_failed_by_a_breach() -> None:
    assert {check for check, _ in BREACHES.values()} == checks(Contract)
