"""A9: a head that is too large: 32 KiB, 8,190 bytes of one line, 64 lines."""

import pytest

from tests.attacks.served import CANARY, Served

pytestmark = pytest.mark.http

FIRST = "GET /healthz HTTP/1.1"


def lines(count: int, size: int) -> list[str]:
    return [f"X-{number:04d}: {CANARY}{'b' * (size - len(CANARY) - 8)}" for number in range(count)]


@pytest.mark.parametrize(
    ("count", "size"),
    [(64, 60), (127, 60), (200, 60), (5000, 60), (5, 8000), (100, 8000), (1, 8300), (1, 100_000)],
)
def test_more_than_a_head_may_have_is_431_and_closes(hub: Served, count: int, size: int) -> None:
    hub.refused(hub.head(FIRST, *lines(count, size)), 431, closed=True)


def test_a_name_of_a_header_is_bounded_as_well(hub: Served) -> None:
    hub.refused(hub.head(FIRST, "X-" + "b" * 9000 + ": c"), 431, closed=True)


def test_a_target_is_bounded_as_well(hub: Served) -> None:
    hub.refused(hub.head(f"GET /{CANARY}{'b' * 9000} HTTP/1.1"), 431, closed=True)


@pytest.mark.parametrize(("count", "size"), [(63, 60), (3, 8000), (4, 8000)])
def test_what_a_head_may_have_is_read(hub: Served, count: int, size: int) -> None:
    assert hub.ask(hub.head(FIRST, *lines(count, size))).status == 200
