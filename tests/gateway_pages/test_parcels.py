"""What was put together and not sent: its files stay its own, and end with the session."""

import os
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from exchange.agency.http.keys import Offices
from exchange.agency.pages import sending
from exchange.agency.pages.parcel import Parcel
from exchange.agency.pages.session import MOST_FILES, MOST_PARCELS, Session, Sessions
from exchange.agency.plan import Draft
from exchange.agency.submit import Submission
from exchange.envelope.sealing import Outgoing
from exchange.errors import NotFound
from tests.gateway_pages.scene import Scene
from tests.gateway_pages.test_walls import OWN, Caller


@pytest.fixture
def parcel(tmp_path: Path) -> Iterator[Parcel]:
    (tmp_path / "file").write_bytes(b"%PDF of one office")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    open_ = [fd]
    found = prepared(Path(f"/proc/self/fd/{fd}"))
    found.shut = lambda: os.close(open_.pop())
    yield found
    assert open_ == [], "closed, and once"


def prepared(*sources: Path) -> Parcel:
    files = tuple(Outgoing("Brief.pdf", "application/pdf", source, False) for source in sources)
    return Parcel(draft=Draft(files=files, consent="", recipients=("x",), category="y"))


def session(scene: Scene) -> tuple[Sessions, str, Session]:
    sessions = Sessions(Offices([scene.sender.office]), lambda: 0.0)
    cookie = sessions.enter(scene.sender.token, "de")
    assert cookie is not None
    found = sessions.find(cookie)
    assert found is not None
    return sessions, cookie, found


async def test_a_session_that_ends_closes_no_file_that_is_being_sent(
    scene: Scene, parcel: Parcel
) -> None:
    """The number of a closed file would name the next one: another document, of any office."""
    sessions, cookie, own = session(scene)
    own.put(parcel)
    with parcel.held() as draft, parcel.held():
        sessions.leave(cookie)
        own.drop(parcel.id)
        (file,) = draft.files
        assert isinstance(file.source, Path)
        assert file.source.read_bytes() == b"%PDF of one office"


async def test_what_comes_after_the_session_has_ended_is_closed(
    scene: Scene, parcel: Parcel
) -> None:
    sessions, cookie, own = session(scene)
    sessions.leave(cookie)
    with pytest.raises(NotFound):
        own.put(parcel)
    assert own.parcels == {}


async def test_a_session_holds_few_documents_and_few_files_open(
    scene: Scene, tmp_path: Path
) -> None:
    _, _, own = session(scene)
    for _ in range(MOST_PARCELS + 3):
        own.put(prepared(tmp_path))
    assert len(own.parcels) == MOST_PARCELS

    large = [prepared(*[tmp_path] * (MOST_FILES // 2)) for _ in range(3)]
    for one in large:
        own.put(one)
    assert list(own.parcels) == [one.id for one in large[1:]]


async def test_somebody_may_leave_while_a_document_is_sent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Caller(scene.sender)
    await caller.enters()
    fields = {"seal": caller.seal, "consent": "x", "recipient": "y", "category": "z"}
    form = aiohttp.FormData(fields)
    form.add_field("file", b"%PDF", filename="Brief.pdf", content_type="application/pdf")
    put = await caller.asks("POST", "/send", data=form, headers=OWN)
    path = put.headers["Location"]
    read: list[bytes] = []

    async def left_meanwhile(_office: object, submission: Submission) -> list[object]:
        await caller.post("/leave")
        (file,) = submission.draft.files
        assert isinstance(file.source, Path)
        read.append(file.source.read_bytes())
        return []

    monkeypatch.setattr(sending, "submit", left_meanwhile)
    assert (await caller.post(path)).status == 303
    assert read == [b"%PDF"]
