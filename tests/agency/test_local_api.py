"""exchange.agency.http: what a back office asks of its gateway, over a real socket."""

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web

from exchange.agency import poll
from exchange.errors import NotPermitted, Unavailable
from exchange.wire import local_routes as api
from tests.agency.local import Local, fresh_id, local_api, submission
from tests.agency.network import (
    CONSENT_ID,
    LETTER,
    RECIPIENT,
    SENDER,
    Network,
    files_below,
)


@pytest.fixture
async def sender(network: Network) -> AsyncIterator[Local]:
    async with local_api(network, SENDER) as local:
        yield local


@pytest.fixture
async def recipient(network: Network) -> AsyncIterator[Local]:
    async with local_api(network, RECIPIENT) as local:
        yield local


async def received(local: Local) -> None:
    """Let an office make one round."""
    done = await poll.fetch(local.office.gateway, local.office.reception)
    assert done.troubles == []


async def kinds(local: Local) -> list[str]:
    found = await local.call(api.EVENTS)
    return [event["kind"] for event in found.json["events"]]


async def test_a_document_goes_from_one_back_office_to_the_other(
    sender: Local, recipient: Local
) -> None:
    sent = await sender.submit(("Mahnung März.pdf", LETTER), ("Mahnung.pdf", LETTER[:-1]))
    assert sent.status == 201, sent.body
    (disclosure,) = sent.json["disclosures"]
    assert (disclosure["state"], disclosure["recipients"]) == ("stored", [RECIPIENT])

    await received(recipient)
    listed = (await recipient.call(api.DOCUMENTS)).json["documents"]
    assert [one["id"] for one in listed] == [disclosure["id"]]
    document = (await recipient.call(api.DOCUMENT, id=disclosure["id"])).json
    assert document == listed[0]
    assert (document["sender"], document["fetched"]) == (SENDER, False)
    contents = []
    for file in document["files"]:
        answer = await recipient.call(api.DOCUMENT_FILE, id=document["id"], n=file["n"])
        assert answer.status == 200
        assert len(answer.body) == file["size"]
        contents.append(answer.body)
    assert LETTER in contents
    assert await kinds(recipient) == ["document.received"]

    await received(sender)
    state_now = (await sender.call(api.DISCLOSURE, id=disclosure["id"])).json
    assert (state_now["state"], state_now["result"]) == ("acknowledged", "accepted")
    assert await kinds(sender) == ["disclosure.stored", "disclosure.acknowledged"]


async def test_a_file_is_sent_to_be_saved_and_in_ranges(sender: Local, recipient: Local) -> None:
    sent = await sender.submit(("Mahnung März.pdf", LETTER))
    await received(recipient)
    of = sent.json["disclosures"][0]["id"]
    files = (await recipient.call(api.DOCUMENT, id=of)).json["files"]
    (n,) = [file["n"] for file in files if file["size"] == len(LETTER)]

    whole = await recipient.call(api.DOCUMENT_FILE, id=of, n=n)
    part = await recipient.call(api.DOCUMENT_FILE, id=of, n=n, headers={"Range": "bytes=3-6"})

    assert whole.headers["Content-Type"] == "application/octet-stream"
    assert whole.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "M%C3%A4rz.pdf" in whole.headers["Content-Disposition"]
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert (part.status, part.body) == (206, LETTER[3:7])
    assert (await recipient.call(api.DOCUMENT_FILE, id=of, n=len(files))).status == 404


async def test_uploads_leave_room_for_what_is_received(
    sender: Local, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = sender.office.gateway.room
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=2**31))
    with room.claimed(2**30):  # others are uploading, and only the reserve is left
        refused = [await sender.submit()]
    with room.claimed(2**30 - 2**22):  # room for the pieces as they come, not for what is sealed
        refused += [await sender.submit(("Akte.zip", bytes(2**23)))]
        small = await sender.submit(("Brief.pdf", LETTER))
    assert [(one.status, one.code) for one in refused] == [(507, "storage-full")] * 2
    assert all(int(one.headers["Retry-After"]) > 0 for one in refused)
    assert small.status == 201, "it has room beside them"
    assert list(network.double.kept) == [small.json["disclosures"][0]["id"]]


async def test_what_the_back_office_has_is_marked(sender: Local, recipient: Local) -> None:
    sent = await sender.submit()
    await received(recipient)
    of = sent.json["disclosures"][0]["id"]

    marked = await recipient.call(api.FETCHED, id=of)

    assert (marked.status, marked.json["fetched"]) == (200, True)
    assert (await recipient.call(api.FETCHED, id=fresh_id())).status == 404


async def test_a_line_of_json_and_one_file_are_enough(sender: Local, network: Network) -> None:
    wanted = submission(file={"name": "brief.pdf", "media_type": "application/pdf"})
    line = json.dumps(wanted).encode() + b"\n"

    sent = await sender.call(
        api.SUBMIT, data=line + LETTER, headers={"Content-Type": api.SUBMISSION}
    )

    assert sent.status == 201, sent.body
    assert sent.json["disclosures"][0]["state"] == "stored"
    assert len(network.double.kept) == 1


async def test_only_an_export_says_itself_what_it_is(sender: Local) -> None:
    refused = await sender.submit(category=None)
    assert (refused.status, refused.json["detail"][:9]) == (400, "category:")
    unknown = await sender.submit(category=None, outgoing="no-such-format")
    assert (unknown.status, unknown.code) == (404, "not-found")


async def test_a_profile_that_the_recipient_does_not_read_is_refused(sender: Local) -> None:
    refused = await sender.submit(profile="strange/1")
    assert (refused.status, refused.code) == (400, "malformed-request")
    assert "profile" in refused.json["detail"]


async def test_the_reasons_of_a_no_are_told_with_what_to_do(
    sender: Local, network: Network
) -> None:
    refused = await sender.submit(category="energy-bill")

    assert (refused.status, refused.code) == (403, "not-covered")
    assert refused.json["reasons"] == ["category"]
    assert "exchange consent show" in refused.json["detail"]
    assert network.double.kept == {}
    assert files_below(network.offices[SENDER].home.outgoing) == {}


async def test_a_no_of_the_hub_is_a_state_of_the_disclosure(
    sender: Local, network: Network
) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise NotPermitted

    network.double.replaced["disclose"] = refuse
    sent = await sender.submit()

    (disclosure,) = sent.json["disclosures"]
    assert (disclosure["state"], disclosure["reason"]) == ("refused", "not-permitted")
    assert await kinds(sender) == ["disclosure.refused"]


async def test_what_cannot_go_out_now_goes_out_with_the_next_round(
    sender: Local, network: Network
) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    network.double.replaced["disclose"] = refuse
    sent = await sender.submit()
    (disclosure,) = sent.json["disclosures"]
    assert disclosure["state"] == "sealed"
    assert sender.office.stir.is_set()
    del network.double.replaced["disclose"]

    await received(sender)

    found = await sender.call(api.DISCLOSURE, id=disclosure["id"])
    assert found.json["state"] == "stored"


async def test_the_same_key_sends_once_and_another_document_needs_another(
    sender: Local, network: Network
) -> None:
    first = await sender.submit(key="case-1")
    again = await sender.submit(key="case-1")
    other = await sender.submit(("other.pdf", b"%PDF other"), key="case-1")
    without = await sender.submit()

    assert again.status == 201
    assert again.json == first.json
    assert (other.status, other.code) == (422, "key-reused")
    assert without.json["disclosures"][0]["id"] != first.json["disclosures"][0]["id"]
    assert len(network.double.kept) == 2


async def test_one_submission_at_a_time_has_a_key(sender: Local, network: Network) -> None:
    both = await asyncio.gather(sender.submit(key="case-2"), sender.submit(key="case-2"))

    assert sorted(answer.status for answer in both) in ([201, 201], [201, 409])
    assert len(network.double.kept) == 1
    assert len(files_below(network.offices[SENDER].home.outgoing)) == 0


async def test_each_recipient_has_a_disclosure_and_pages_lead_through_them(sender: Local) -> None:
    ids = [(await sender.submit()).json["disclosures"][0]["id"] for _ in range(3)]

    first = (await sender.call(api.DISCLOSURES, query="?limit=2")).json
    second = (await sender.call(api.DISCLOSURES, query=f"?limit=2&after={first['next']}")).json

    found = [one["id"] for page in (first, second) for one in page["disclosures"]]
    assert sorted(found) == sorted(ids)
    assert second["next"] is None


async def test_a_disclosure_is_taken_back_before_and_after_it_left(
    sender: Local, network: Network
) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    stored = (await sender.submit()).json["disclosures"][0]["id"]
    network.double.replaced["disclose"] = refuse
    sealed = (await sender.submit()).json["disclosures"][0]["id"]

    for of in (stored, sealed, sealed):
        recalled = await sender.call(api.RECALL, id=of)
        assert recalled.status == 200, recalled.body
        assert (recalled.json["state"], recalled.json["reason"]) == ("ended", "recalled")

    assert files_below(network.offices[SENDER].home.outgoing) == {}
    assert (await kinds(sender)).count("disclosure.ended") == 2
    assert (await sender.call(api.RECALL, id=fresh_id())).status == 404


async def test_what_is_over_or_under_way_is_not_taken_back(sender: Local, recipient: Local) -> None:
    of = (await sender.submit()).json["disclosures"][0]["id"]
    sender.office.gateway.sending.add(of)
    assert (await sender.call(api.RECALL, id=of)).status == 409
    sender.office.gateway.sending.discard(of)
    await received(recipient)
    await received(sender)

    assert (await sender.call(api.RECALL, id=of)).status == 409


async def test_news_are_waited_for(sender: Local, recipient: Local) -> None:
    waiting = asyncio.create_task(recipient.call(api.EVENTS, query="?wait=30"))
    await asyncio.sleep(0)
    await sender.submit()
    await received(recipient)

    found = (await asyncio.wait_for(waiting, 30)).json

    assert [event["kind"] for event in found["events"]] == ["document.received"]
    later = await recipient.call(api.EVENTS, query=f"?after={found['next']}")
    assert later.json == {"events": [], "next": found["next"]}


async def test_the_end_of_the_listener_answers_whoever_waits(network: Network) -> None:
    async with local_api(network, SENDER) as local:
        waiting = asyncio.create_task(local.call(api.EVENTS, query="?wait=60"))
        # An answer to another question: by then the first is under way.
        await local.call(api.STATUS)
        begun = time.monotonic()
    answer = waiting.result()

    assert answer.json["events"] == []
    assert time.monotonic() - begun < 55


async def test_the_status_counts_and_names_nobody(sender: Local) -> None:
    await sender.submit()

    found = await sender.call(api.STATUS)

    assert found.json["sent"] == {"stored": 1}
    assert found.json["newest_event"] == 1
    assert b"CANARY" not in found.body


async def test_a_consent_is_listed_and_read_with_who_it_is_about(recipient: Local) -> None:
    listed = (await recipient.call(api.CONSENTS)).json["consents"]
    found = await recipient.call(api.CONSENT, id=CONSENT_ID)

    assert [one["id"] for one in listed] == [CONSENT_ID]
    assert found.status == 200, found.body
    assert found.json["recipients"] == [RECIPIENT]
    assert found.json["categories"] == ["rent-arrears-letter"]
    assert (await recipient.call(api.CONSENT, id=fresh_id())).status == 404


async def test_a_round_begins_when_somebody_asks(sender: Local) -> None:
    assert not sender.office.stir.is_set()

    assert (await sender.call(api.ROUND)).status == 204

    assert sender.office.stir.is_set()


async def test_plaintext_lies_nowhere_while_it_is_sent(
    sender: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    seen: set[str] = set()
    looking = asyncio.create_task(_look((tmp_path / SENDER, temporary), seen))

    sent = await sender.submit(("long.pdf", LETTER * 50_000))

    looking.cancel()
    assert sent.status == 201, sent.body
    assert seen == set()
    assert LETTER not in b"".join(files_below(tmp_path / SENDER).values())


async def _look(roots: Sequence[Path], seen: set[str]) -> None:
    """Note every file with a name that holds the letter in the clear."""
    while True:
        for path in [path for root in roots for path in root.rglob("*")]:
            with contextlib.suppress(OSError):
                if path.is_file() and LETTER in path.read_bytes():
                    seen.add(str(path))
        await asyncio.sleep(0.01)
