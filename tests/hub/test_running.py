"""exchange.hub.running: what a hub runs with, for the record of processing."""

from pathlib import Path

from pydantic import SecretStr

from exchange.hookspecs import HUB_GROUP
from exchange.hub.running import running, settings_digest
from exchange.hub.settings import HubSettings
from exchange.registry import Named, load


def test_a_plugin_is_told_with_its_version_and_what_it_declares() -> None:
    (found,) = running(load(HUB_GROUP, [Named(name="smtp")]))

    assert (found.name, found.distribution) == ("smtp", "exchange-plugin-smtp")
    assert found.version
    assert (found.declared.licence, found.declared.sees_plaintext) == ("EUPL-1.2", False)


def test_no_secret_changes_the_digest_of_the_settings(tmp_path: Path) -> None:
    def of(password: str, country: str, **more: object) -> str:
        url = SecretStr(f"postgresql+psycopg://hub:{password}@db.example/exchange")
        given = {"home": tmp_path, "storage_location": country, "database_url": url, **more}
        return settings_digest(HubSettings.model_validate(given))

    plain = of("first", "DE", plugins={"smtp": {"password": "first"}})

    assert len(plain) == 64
    assert plain == of("other", "DE", plugins={"smtp": {"password": "other"}})
    assert plain != of("first", "AT", plugins={"smtp": {}})
    assert plain != of("first", "DE")
