"""exchange.cli.progress: shown where somebody waits, and nowhere else."""

import asyncio

import pytest

from exchange.cli import progress

LONG_S = 3600.0


class Shown:
    """A bar that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []
        self.told_once = asyncio.Event()

    def __call__(self, done: int, total: int) -> None:
        self.told.append((done, total))
        self.told_once.set()


def test_nothing_is_shown_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    with progress.bars() as bar:
        bar("file")(7, 0)
    assert capfd.readouterr() == ("", "")


async def test_long_work_shows_that_something_happens_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    bar = Shown()
    async with progress.waiting(bar):
        await bar.told_once.wait()
    assert bar.told == [(0, 0)]


async def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", LONG_S)
    bar = Shown()
    show = progress.late(bar)
    async with progress.waiting(show):
        show(7, 0)
    assert bar.told == []


def test_what_takes_longer_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)
    bar = Shown()
    progress.late(bar)(7, 0)
    assert bar.told == [(7, 0)]
