"""exchange.agency.submit: sealed in the call, sent once, whatever happens in between."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from exchange.agency import poll, send, state
from exchange.agency.office import Office, open_office
from exchange.agency.state import Sending
from exchange.agency.submit import Submission, submit
from exchange.errors import KeyReused, NotFound, StorageFull, Unavailable
from tests.agency.network import RECIPIENT, SENDER, Network, draft, files_below


class KilledError(BaseException):
    """Stands for SIGKILL: nothing of ours ends it, and nothing below it runs."""


def submission(**members: Any) -> Submission:
    return Submission(**{"draft": draft(), "key": "case-1", **members})


async def opened(network: Network, act: Any) -> Any:
    """Run `act` on the sender's office in a life of its own."""
    async with open_office(network.offices[SENDER].home.root, clock=lambda: network.now) as office:
        return await act(office)


async def died(
    network: Network, monkeypatch: pytest.MonkeyPatch, part: str, name: str, *, at: object = None
) -> None:
    """Submit, and be killed at the call of `name`; with `at`, at the one that is given that."""

    async def act(office: Office) -> None:
        target = getattr(office.gateway, part)
        honest = getattr(target, name)

        async def kill(*given: Any, **named: Any) -> Any:
            if at is None or at in given:
                raise KilledError
            return await honest(*given, **named)

        with monkeypatch.context() as patched:
            patched.setattr(target, name, kill)
            with pytest.raises(KilledError):
                await submit(office, submission())

    await opened(network, act)


async def restarted(office: Office) -> None:
    """Do what a start does with what an earlier life has left."""
    await send.sweep_outgoing(office.gateway)
    await poll.fetch(office.gateway, office.reception)


async def test_killed_before_it_is_remembered_it_is_sent_once_by_the_repetition(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    await died(network, monkeypatch, "state", "write", at=send._remember)
    outgoing = network.offices[SENDER].home.outgoing
    assert len(files_below(outgoing)) == 1

    async def act(office: Office) -> None:
        await restarted(office)
        assert files_below(outgoing) == {}
        (sent,) = await submit(office, submission())
        assert sent.state is Sending.STORED
        (again,) = await submit(office, submission())
        assert again.id == sent.id

    await opened(network, act)
    assert len(network.double.kept) == 1


async def test_killed_before_it_is_uploaded_it_goes_out_by_itself_and_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    await died(network, monkeypatch, "client", "disclose")

    async def act(office: Office) -> None:
        (sealed,) = await submit(office, submission())
        assert sealed.state is Sending.SEALED
        await restarted(office)
        (stored,) = await submit(office, submission())
        assert (stored.id, stored.state) == (sealed.id, Sending.STORED)

    await opened(network, act)
    assert len(network.double.kept) == 1


async def test_another_submission_needs_another_key_whatever_differs(network: Network) -> None:
    async def act(office: Office) -> None:
        await submit(office, submission())
        for other in (
            submission(draft=draft(remark="other")),
            submission(draft=draft(files=(*draft().files, *draft().files))),
            submission(draft=draft(files=(replace(draft().files[0], name="other.pdf"),))),
            submission(joint=True),
        ):
            with pytest.raises(KeyReused):
                await submit(office, other)

    await opened(network, act)
    assert len(network.double.kept) == 1


async def test_a_key_that_is_taken_in_between_leaves_nothing_sealed(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:

    async def act(office: Office) -> None:
        await submit(office, submission())
        gateway = office.gateway
        read = gateway.state.read

        async def blind(ask: Any, *given: Any, **named: Any) -> Any:
            return None if ask.__name__ == "find_submitted" else await read(ask, *given, **named)

        with monkeypatch.context() as patched:
            patched.setattr(gateway.state, "read", blind)
            with pytest.raises(KeyReused):
                await submit(office, submission(draft=draft(remark="other")))
        assert files_below(gateway.home.outgoing) == {}
        assert len(await gateway.state.read(state.list_sent)) == 1

    await opened(network, act)


async def test_rounds_leave_alone_what_is_being_uploaded(network: Network) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        raise Unavailable

    async def act(office: Office) -> None:
        network.double.replaced["disclose"] = refuse
        (sealed,) = await submit(office, submission())
        del network.double.replaced["disclose"]
        with send.alone(office.gateway, sealed.id) as free:
            assert free
            before = list(network.double.calls)
            await send.resume(office.gateway)
            assert network.double.calls == before
        await send.resume(office.gateway)
        assert len(network.double.kept) == 1

    await opened(network, act)


async def test_an_unknown_outgoing_format_and_a_full_disk_are_told(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(office: Office) -> None:
        letter = office.gateway.home.outgoing / "export.xml"
        letter.write_bytes(b"<x/>")
        file = replace(draft().files[0], source=letter)
        with pytest.raises(NotFound):
            await submit(office, submission(draft=draft(files=(file,)), outgoing="unknown"))
        letter.unlink()

        def full(*_given: Any, **_named: Any) -> None:
            raise OSError("CANARY")

        with monkeypatch.context() as patched:
            patched.setattr(send, "seal", full)
            with pytest.raises(StorageFull) as refused:
                await submit(office, submission())
        assert "CANARY" not in str(refused.value)

    await opened(network, act)
    assert network.double.kept == {}


async def test_each_recipient_gets_its_own_or_one_together(network: Network) -> None:
    async def act(office: Office) -> None:
        (sent,) = await submit(office, submission(joint=True, key=None))
        assert sent.recipients == RECIPIENT

    await opened(network, act)
