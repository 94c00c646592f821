"""`exchange plugin new`: a whole distribution to begin from, whose tests pass as written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import Parameter

from exchange.errors import Conflict, Malformed

Kind: TypeAlias = Literal["intake", "delivery", "outgoing", "channel", "evidence", "gate"]

NAME: Final = re.compile(r"[a-z][a-z0-9]{0,30}(?:-[a-z0-9]{1,30}){0,3}", re.ASCII)
"""Names of plugins that are also names of distributions, packages and files."""


@dataclass(frozen=True, slots=True)
class Template:
    """What one kind of plugin begins with."""

    group: str
    """Entry-point group."""
    module: str
    """Module with the adapter and the hooks, named after its verb."""
    summary: str
    """One line for people, without the name."""
    requires: str = '"consent-exchange"'
    """Dependencies, as they stand in `pyproject.toml`."""
    home: str = ""
    """Home whose settings it needs to be loaded, in its README; empty: it needs none."""


TEMPLATES: Final[Mapping[Kind, Template]] = MappingProxyType(
    {
        "intake": Template("exchange.agency", "convert", "Intake format"),
        "delivery": Template("exchange.agency", "deliver", "Delivery", home="/srv/gateway"),
        "outgoing": Template("exchange.agency", "read", "Outgoing format"),
        "channel": Template("exchange.hub", "send", "Channel", home="/srv/hub"),
        "evidence": Template(
            "exchange.agency",
            "verify",
            "Evidence verifier",
            '"consent-exchange", "cryptography"',
            home="/srv/gateway",
        ),
        "gate": Template("exchange.hub", "forbid", "Gate veto"),
    }
)


def new(
    name: str,
    *,
    kind: Annotated[Kind, Parameter(help="What the plugin is to provide.")],
    at: Annotated[Path, Parameter(help="Existing folder that the plugin's folder goes into.")] = (
        Path()
    ),
) -> None:
    """Write a working plugin to begin from: code, tests, README; its tests pass as written.

    NAME is what settings call it: a-z, 0-9 and "-". The distribution is
    `exchange-plugin-NAME`, its folder NAME; nothing that exists is overwritten.

    Example: exchange plugin new referral --kind intake
    """
    folder = write(name, kind, at)
    print(f"written: {folder}; begin with its README.md")


def write(name: str, kind: Kind, at: Path) -> Path:
    """Write a plugin into a new folder of `at` and return that folder.

    Raises:
        Malformed: `name` has other characters, or is too long.
        Conflict: the folder is there already.
    """
    if not NAME.fullmatch(name):
        raise Malformed('the name of a plugin has a-z, 0-9 and "-", and begins with a letter')
    folder = at / name
    try:
        folder.mkdir()
    except FileExistsError:
        raise Conflict(f"{folder} is there already") from None
    for place, text in files(name, kind).items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")
    return folder


def files(name: str, kind: Kind) -> Mapping[str, str]:
    """Return the files of a new plugin by their paths in its folder."""
    template = TEMPLATES[kind]
    package = f"exchange_plugin_{name.replace('-', '_')}"
    words = {
        "name": name,
        "package": package,
        "distribution": f"exchange-plugin-{name}",
        "group": template.group,
        "module": template.module,
        "requires": template.requires,
        "summary": f"{template.summary} `{name}`",
        "check": _check(name, template.home),
    }
    words["settings"] = _filled(f"{kind}/settings.template", words).rstrip()
    sources = {
        "pyproject.toml": "every/pyproject.toml.template",
        "README.md": "every/README.md.template",
        f"src/{package}/__init__.py": "every/init.template",
        f"src/{package}/{template.module}.py": f"{kind}/{template.module}.py.template",
        "tests/test_contract.py": f"{kind}/test_contract.py.template",
    }
    return {
        **{place: _filled(source, words) for place, source in sources.items()},
        f"src/{package}/py.typed": "",
    }


def _check(name: str, home: str) -> str:
    """Return the command that tries the plugin; where it needs settings, with those of a home."""
    command = f"exchange plugin check {name}"
    return f"{command} --home {home}  # whose settings enable it" if home else command


def _filled(source: str, words: Mapping[str, str]) -> str:
    place = resources.files("exchange.cli") / "plugin_templates" / source
    text = place.read_text(encoding="utf-8")
    for word, meaning in words.items():
        text = text.replace(f"@{word}@", meaning)
    return text
