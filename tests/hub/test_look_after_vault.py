"""The vault's key grows old, and what is left of an old one goes."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from exchange.hub.look_after_vault import look_after_vault
from exchange.hub.storage.vault_keys import NEXT
from tests.simulator import Simulator


async def told(sim: Simulator) -> list[tuple[str, object]]:
    with capture_logs() as events:
        await look_after_vault(sim.hub)
    return [(event["event"], event.get("count")) for event in events]


async def test_the_operator_is_told_when_the_key_of_the_vault_is_old(sim: Simulator) -> None:
    sim.later(days=31)
    assert await told(sim) == []
    sim.now += timedelta(seconds=1)
    assert await told(sim) == [("vault-key-old", 31)]
    await sim.hub.vault.begin_rekeying(prepared=False)
    assert await told(sim) == [("vault-rekeying", None)]


@pytest.mark.parametrize("in_time", [True, False])
async def test_on_another_machine_the_old_key_goes_by_itself(
    sim: Simulator, *, in_time: bool
) -> None:
    key = sim.home / "vault" / "vault.key"
    following = key.with_name(key.name + NEXT)
    old = key.read_bytes()
    await sim.hub.vault.begin_rekeying(prepared=False)
    await sim.hub.vault.reseal(after="", limit=10_000)
    new = following.read_bytes()
    assert await sim.hub.vault.settle()  # as on the machine that changes the key
    if in_time:
        key.write_bytes(old)
    following.touch(0o600)
    following.write_bytes(new)  # as on another one, to which it was copied
    assert await told(sim) == []
    assert key.read_bytes() == new
    assert not following.exists()
