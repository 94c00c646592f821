"""The example settings: current, and as the programs read them."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from exchange.agency.settings import GatewaySettings
from exchange.configuration import Configuration, load
from exchange.hub.settings import HubSettings
from tests.deploy.proxies import DEPLOY
from tests.docs.examples import examples, uncommented
from tests.docs.generate import meanings

FILES: dict[str, type[Configuration]] = {
    "hub.example.toml": HubSettings,
    "gateway.example.toml": GatewaySettings,
}


def found(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FILES)
def test_an_example_is_current(name: str) -> None:
    assert found(name) == examples(meanings)[name], "run: make docs"


@pytest.mark.parametrize("name", FILES)
def test_an_example_loads_as_it_is(name: str) -> None:
    settings = load(FILES[name], DEPLOY / name)

    assert unlike_defaults(settings) <= without_default(FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_an_example_with_every_setting_in_force_says_the_defaults(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(uncommented(found(name)), encoding="utf-8")

    settings = load(FILES[name], file)

    assert unlike_defaults(settings) == without_default(FILES[name]) | {"plugins"}


@pytest.mark.parametrize("name", FILES)
def test_settings_that_office_software_wrote_are_read(name: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(found(name), encoding="utf-8-sig", newline="\r\n")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")

    written = load(FILES[name], file).model_dump()
    assert written == load(FILES[name], DEPLOY / name).model_dump()


def test_a_credential_that_office_software_wrote_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "EXCHANGE_HUB_ORIGIN").write_text("https://hub.example\n", encoding="utf-8-sig")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert load(HubSettings, None).origin == "https://hub.example"


def without_default(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Return the names of settings that are required, or are nothing unless they are set."""
    found = set[str]()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= without_default(field.annotation, f"{prefix}{name}.")
        elif field.is_required() or field.get_default(call_default_factory=True) is None:
            found.add(prefix + name)
    return found


def unlike_defaults(settings: BaseModel, prefix: str = "") -> set[str]:
    """Return the names of settings whose value is not the default."""
    changed = set[str]()
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            changed |= unlike_defaults(value, f"{prefix}{name}.")
        elif value != field.get_default(call_default_factory=True):
            changed.add(prefix + name)
    return changed
