"""Example settings files, read from the code: every setting with default, unit and meaning.

`make docs` writes them into deploy/; tests/deploy/test_settings.py says whether they are current
and load.
"""

import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel, JsonValue, SecretStr

import exchange.agency.settings
import exchange.hub.settings
from exchange.canonical import encode

WIDTH = 98
SHOWN: Mapping[str, JsonValue] = {
    "agency": "jobcentre-a",
    "container.certificate": "container/certificate.pem",
    "container.key": "container/key.pem",
    "database_url": "postgresql+psycopg://exchange@db.example/exchange",
    "hub.certificates": "/etc/exchange/authority.pem",
    "hub.origin": "https://hub.example",
    "hub.proxy": "http://proxy.example:3128",
    "log.policy": "log-policy",
    "metrics.port": 9464,
    "vault.url": "postgresql+psycopg://vault@vault.example/vault",
    "watch.into": "/srv/exchange/in",
    "watch.out": "/srv/exchange/out",
}
"""What stands for settings without a default."""
PLUGIN = "plugins.NAME"

Meanings = Callable[[ModuleType], dict[tuple[str, str], str]]


def examples(meanings: Meanings) -> dict[str, str]:
    """Return every example file by its name in deploy/.

    Args:
        meanings: returns the text under each field of a module, by class and field.
    """
    hub, gateway = exchange.hub.settings, exchange.agency.settings
    return {
        "hub.example.toml": _example(
            hub.HubSettings, meanings(hub), "`exchange hub`: `hub.toml` in the home of the hub"
        ),
        "gateway.example.toml": _example(
            gateway.GatewaySettings,
            meanings(gateway),
            "`exchange gateway`: `gateway.toml` in the home of the gateway",
        ),
    }


def uncommented(text: str) -> str:
    """Return an example in which every setting stands as if somebody wanted it."""
    return re.sub(r"(?m)^#(?=\w+ = |\[)", "", text).replace(PLUGIN, "plugins.name")


def _example(settings: type[BaseModel], meanings: Mapping[tuple[str, str], str], about: str) -> str:
    prefix = str(settings.model_config.get("env_prefix", ""))
    head = (
        f"Settings of {about}. Every setting stands here with its default, or with an example "
        "where it has none. Take away the # in front of what shall be otherwise; what stays a "
        "comment keeps its default. A name that nobody reads is an error. Variables and "
        f"credentials ({prefix}..., with __ between table and name) win over the file: secrets "
        "belong there. Written by `make docs`."
    )
    tables, plugins = list[str](), list[str]()
    lines = [*_comment(head), ""]
    for name, field in settings.model_fields.items():
        kind = field.annotation
        meaning = meanings.get((settings.__name__, name), "")
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            tables += [f"[{name}]", "", *_settings(kind, meanings, f"{name}.")]
        elif field.get_default(call_default_factory=True) == {}:
            plugins = ["", *_comment(meaning), f"#[{PLUGIN}]"]
        else:
            lines += _setting(settings, name, meaning, "")
    return "\n".join([*lines, *tables[:-1], *plugins]) + "\n"


def _settings(
    table: type[BaseModel], meanings: Mapping[tuple[str, str], str], prefix: str
) -> list[str]:
    lines = list[str]()
    for name in table.model_fields:
        lines += _setting(table, name, meanings.get((table.__name__, name), ""), prefix)
    return lines


def _setting(table: type[BaseModel], name: str, meaning: str, prefix: str) -> list[str]:
    field = table.model_fields[name]
    default = field.get_default(call_default_factory=True)
    if field.is_required():
        return [*_comment(meaning), f"{name} = {_toml(SHOWN[prefix + name])}", ""]
    shown = SHOWN[prefix + name] if default is None else default
    return [*_comment(meaning), f"#{name} = {_toml(shown)}", ""]


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text.replace("`", ""), WIDTH)]


def _toml(value: object) -> str:
    """Return a value as TOML spells it, which for these kinds is as JSON does."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, float):
        return repr(value)
    return encode(str(value) if isinstance(value, Path) else value).decode("utf-8")  # type: ignore[arg-type]
