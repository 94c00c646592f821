"""Where the vault lies: in a file, in one that hubs share, or in a PostgreSQL of its own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from exchange.cli.main import main
from exchange.errors import Misconfigured
from exchange.hub import app
from exchange.hub.parts import Hub
from exchange.hub.settings import HubSettings
from exchange.hub.storage import migrate, vault_server
from tests.postgres import Absent, Server, private_server
from tests.simulator import NOW, Simulator


@pytest.fixture
def vault_url(postgres_server: Server) -> Iterator[str]:
    """URL of a vault in the cluster that has the other databases of this test."""
    with postgres_server.database() as url:
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as conn:
            vault_server.make(conn)
        yield url


@asynccontextmanager
async def opened(settings: HubSettings) -> AsyncIterator[Hub]:
    """Open a hub's parts, without serving."""
    async with app.opened(settings, clock=lambda: NOW, on_failure=lambda: None) as found:
        yield found.hub


async def test_a_hub_works_with_its_vault_on_a_server(tmp_path: Path, vault_url: str) -> None:
    sim = Simulator(tmp_path, vault={"url": vault_url})
    async with sim.running():
        await sim.arrange()
        letter = await sim.sent()
    assert not (sim.home / "vault" / "vault.sqlite").exists()
    async with sim.running():
        assert (await sim.collect(letter)).status == 200


async def test_a_vault_in_the_cluster_of_the_records_is_refused(
    tmp_path: Path, vault_url: str, postgres_url: str
) -> None:
    app.make_home(tmp_path / "hub")
    settings = HubSettings(
        home=tmp_path / "hub", database_url=postgres_url, vault={"url": vault_url}
    )
    with pytest.raises(Misconfigured, match="the cluster of the records"):
        async with opened(settings):
            raise AssertionError("it was taken")


async def test_a_vault_in_another_cluster_than_the_records_is_taken(
    tmp_path: Path, postgres_url: str
) -> None:
    app.make_home(tmp_path / "hub")
    try:
        with private_server() as other, other.database() as url:
            migrate.make_vault(create_engine(url, poolclass=NullPool))
            settings = HubSettings(
                home=tmp_path / "hub", database_url=postgres_url, vault={"url": url}
            )
            async with opened(settings) as one, opened(settings) as another:
                chain = await one.vault.draw(str(uuid4()))
                assert await another.vault.chain(chain.uuid) == chain
    except Absent as error:
        pytest.skip(str(error))


async def test_hubs_of_one_machine_share_the_file_where_the_records_are_on_a_server(
    tmp_path: Path, postgres_url: str
) -> None:
    app.make_home(tmp_path / "hub")
    settings = HubSettings(home=tmp_path / "hub", database_url=postgres_url)
    async with opened(settings) as one, opened(settings) as another:
        chain = await one.vault.draw(str(uuid4()))
        assert await another.vault.chain(chain.uuid) == chain
        alone = HubSettings(home=tmp_path / "hub")
        with pytest.raises(Misconfigured, match="another process uses"):
            async with opened(alone):
                raise AssertionError("a file in use was taken")


async def test_a_second_machine_with_a_vault_of_its_own_is_refused(
    tmp_path: Path, postgres_url: str
) -> None:
    sim = Simulator(tmp_path, database_url=postgres_url)
    async with sim.running():
        await sim.arrange()
    app.make_home(tmp_path / "second")
    elsewhere = sim.settings.model_copy(update={"home": tmp_path / "second"})
    for _ in range(2):
        with pytest.raises(Misconfigured, match="does not have the keys of these records"):
            async with opened(elsewhere):
                raise AssertionError("it was taken")
    async with sim.running():
        await sim.consent()


async def test_a_hub_alone_starts_without_its_lost_vault_so_that_persons_can_withdraw(
    tmp_path: Path,
) -> None:
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
        consent = await sim.consent()
        letter = sim.letter(consent.digest)
    for file in (sim.home / "vault").glob("vault.sqlite*"):
        file.unlink()
    async with sim.running():
        assert (await sim.send(letter)).status == 503
        assert (await sim.withdraw(consent)).status == 200


async def test_a_vault_that_cannot_be_reached_is_named_at_the_start(tmp_path: Path) -> None:
    app.make_home(tmp_path / "hub")
    url = f"postgresql+psycopg://vault:secret@/vault?host={tmp_path}"
    with pytest.raises(Misconfigured) as refused:
        async with opened(HubSettings(home=tmp_path / "hub", vault={"url": url})):
            raise AssertionError("it was opened")
    assert refused.value.__notes__ == ["this is about vault.url"]
    assert "secret" not in str(refused.value)


async def test_another_vault_key_stops_the_start_and_gives_the_files_back(tmp_path: Path) -> None:
    sim = Simulator(tmp_path)
    async with sim.running():
        await sim.arrange()
    key = sim.home / "vault" / "vault.key"
    right = key.read_bytes()
    key.write_bytes(bytes(32))
    for _ in range(2):
        with pytest.raises(Misconfigured, match="not the one of this vault"):
            async with sim.running():
                raise AssertionError("it was opened")
    key.write_bytes(right)
    async with sim.running():
        await sim.consent()


def test_the_operator_makes_the_table_of_a_vault(
    tmp_path: Path,
    postgres_server: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = str(tmp_path / "hub")
    assert main(["hub", "init", "--home", home]) == 0
    with postgres_server.database() as url:
        monkeypatch.setenv("EXCHANGE_HUB_VAULT__URL", url)
        assert main(["hub", "migrate", "--home", home]) == 0
        assert "the tables of the vault: made" in capsys.readouterr().out
        assert main(["hub", "migrate", "--check", "--home", home]) == 0
        assert "nothing to do" in capsys.readouterr().out
    with postgres_server.database() as url:
        monkeypatch.setenv("EXCHANGE_HUB_VAULT__URL", url)
        assert main(["hub", "migrate", "--check", "--home", home]) == 1
        assert "the vault is not at its schema" in capsys.readouterr().err
