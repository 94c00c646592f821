"""Base of the settings of hub and gateway: one TOML file, the environment over it.

A name that nobody reads is an error in both: a misspelt limit must not silently be the default.
Never shows a value in an error: one of them may be a password.
"""

import os
import tomllib
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from exchange.errors import Misconfigured


class Section(BaseModel):
    """Base of one table of a settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Configuration(BaseSettings):
    """Base of all settings: what is given in code, then the environment, secrets, the file."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from, strongest first; there is no `.env` file."""
        return (
            init_settings,
            env_settings,
            _Credentials(settings_cls),
            _File(settings_cls),
        )


class _File(TomlConfigSettingsSource):
    """A settings file, also one that begins with the byte order mark of office software."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        return tomllib.loads(file_path.read_bytes().decode("utf-8-sig"))


class _Credentials(EnvSettingsSource):
    """Settings in files of `$CREDENTIALS_DIRECTORY`: named like variables, one value each."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {
            file.name.lower(): file.read_text(encoding="utf-8-sig").strip()
            for file in _credentials(self.env_prefix)
        }


S = TypeVar("S", bound=Configuration)


def load(model: type[S], file: Path | None) -> S:
    """Return the settings in `file` (TOML), with the environment over it.

    Secrets are read from `$CREDENTIALS_DIRECTORY` if it is set; a file there is named like the
    variable, such as `EXCHANGE_HUB_S3__SECRET`, and gives way to it.

    Args:
        model: the settings of one side; its `env_prefix` says which variables are meant.
        file: None where there is none and the defaults are wanted.

    Raises:
        Misconfigured: no such file, not TOML, a name nobody reads, a value out of range. The
            text names the settings and what is wrong with each, never a value.
    """
    if file is not None and not file.is_file():
        raise Misconfigured(f"no such settings file: {file}")
    prefix = model.model_config.get("env_prefix", "")
    given = {name.upper() for name in os.environ if name.upper().startswith(prefix)}
    if unknown := sorted(given - set(_known(model, prefix))):
        raise Misconfigured(f"unknown environment variables: {', '.join(unknown)}")
    files = {file.name.upper() for file in _credentials(prefix)}
    if unknown := sorted(files - set(_known(model, prefix))):
        raise Misconfigured(f"unknown credentials: {', '.join(unknown)}")
    sources = SettingsConfigDict(toml_file=file)
    members = {"model_config": sources, "__module__": model.__module__}
    loaded: type[S] = type(model.__name__, (model,), members)
    try:
        return loaded()
    except ValidationError as error:
        raise Misconfigured(f"settings: {_faults(error)}") from None
    except (SettingsError, ValueError, OSError):
        raise Misconfigured("settings: the file or a variable cannot be parsed") from None


def _faults(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(_fault(each["loc"], each["msg"]) for each in found)


def _fault(place: tuple[int | str, ...], words: str) -> str:
    """Return where and what; a rule between settings stands at no place of its own."""
    said = words.removeprefix("Value error, ")
    return f"{'.'.join(map(str, place))}: {said}" if place else said


def _credentials(prefix: str) -> list[Path]:
    """Return the files that begin with `prefix`; keys and foreign ones are left alone."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return []
    found = sorted(Path(directory).iterdir())
    return [file for file in found if file.name.upper().startswith(prefix.upper())]


def _known(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name}".upper()
        yield variable
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _known(field.annotation, f"{variable}__")
