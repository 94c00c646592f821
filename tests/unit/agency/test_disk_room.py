"""exchange.agency.disk_room: what is sent leaves room for what is received."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from exchange.agency.disk_room import DiskRoom
from exchange.errors import StorageFull

FREE = 100


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskRoom:
    """Make a room on a disk of which 100 bytes are free and 40 stay so."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=FREE))
    return DiskRoom(tmp_path, 40)


def test_the_reserve_stays_free(room: DiskRoom) -> None:
    with room.claimed(60):
        pass
    with pytest.raises(StorageFull), room.claimed(61):
        raise AssertionError


def test_all_claims_are_bounded_together(room: DiskRoom) -> None:
    with room.claimed(30), room.claimed(30), pytest.raises(StorageFull), room.claimed(1):
        raise AssertionError
    with room.claimed(60):
        pass


def test_a_claim_ends_with_its_work_also_when_that_fails(room: DiskRoom) -> None:
    with pytest.raises(OSError, match="disk"), room.claimed(60):
        raise OSError("disk")
    with room.claimed(60):
        pass
