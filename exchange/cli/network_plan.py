"""A network as a folder describes it: agencies, their agreement, and a story that is played.

```
network.toml         agencies and the steps of the story
agreement.toml       draft of the agreement; the first agency proposes it, all others sign
gateway-<id>.toml    settings of one agency's gateway, after what `exchange gateway init` writes
hub.toml             settings of the hub, after what `exchange hub init` writes
```
In all files but the first, words in braces such as `{today}` are filled in when it is played.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from exchange.cli.drafts import read_toml
from exchange.errors import Malformed
from exchange.keyid import agency_id

PLAN: Final = "network.toml"
"""Name of the file that describes a network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """One agency of a network."""

    id: str
    intake: str = "folder"
    """Plugin that converts what it receives."""
    channel: str = ""
    """Name of the hub's channel that carries its notices; empty for none."""
    address: str = ""
    """Where its notices go, in the words of the channel."""

    @property
    def reach(self) -> tuple[str, str] | None:
        """Channel and address of its notices."""
        return (self.channel, self.address) if self.channel else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """An office takes a consent down, or tries to."""

    name: str
    by: str
    """Agency that collects it."""
    purpose: str
    releasers: tuple[str, ...]
    recipients: tuple[str, ...]
    categories: tuple[str, ...]
    uses: str = "recurring"
    form: str = "written"
    lang: str = "de"
    days: int = 90
    """Days it is valid."""
    age: int = 30
    """Years since the person was born."""
    guardians: tuple[Mapping[str, str], ...] = ()
    """Of a child: table `guardians` of the subject."""
    draft: Mapping[str, str] = field(default_factory=dict)
    """Lines of the draft that are written otherwise than the program proposes, and how."""
    refused: str = ""
    """Rule of the linter that must refuse it; empty when it must be recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """An office sends documents under a consent."""

    name: str
    by: str
    to: tuple[str, ...]
    under: str
    """Name of the consent."""
    category: str
    files: tuple[str, ...] = ("paper",)
    """`paper`: a PDF; `scan`: two pages of 8.7 MB; `note`: a text; `program`: no document."""
    same_as: str = ""
    """Name of what was sent before, whose files are sent again instead."""
    answers: str = ""
    """Name of the request it answers."""
    onward_of: str = ""
    """Name of the disclosure of which it passes something on."""
    secrecy: str = ""
    refused: str = ""
    """Words that the refusal must hold; empty when it must be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrive:
    """A document has arrived at its recipient, in the form its office takes."""

    at: str
    name: str
    """Of what was sent."""
    files: tuple[str, ...]
    """Patterns of names, each of which a new file matches: below the home of the recipient's
    gateway or, with a `/` before, below the folder of the play."""
    running: bool = False
    """Whether the gateway runs meanwhile, and hands on what it receives; else it makes a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """An office asks a partner for a document."""

    name: str
    by: str
    to: str
    purpose: str
    categories: tuple[str, ...]
    under: str
    """Name of the consent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice without content has arrived by e-mail."""

    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """A person withdraws at an office."""

    under: str
    at: str
    by: str = "subject"
    """Who withdraws: subject, guardian or entrusting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """A recipient has nothing left of what was sent under a consent that was withdrawn."""

    at: str
    name: str
    """Of what was sent."""


Step: TypeAlias = Consent | Send | Arrive | Ask | Notice | Withdraw | Erased
_KINDS: Final[Mapping[str, type[Any]]] = {
    "consent": Consent,
    "send": Send,
    "arrive": Arrive,
    "ask": Ask,
    "notice": Notice,
    "withdraw": Withdraw,
    "erased": Erased,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step of the story, and the words that tell it."""

    say: str
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What a folder describes."""

    folder: Path
    title: str
    casetool: bool
    """Whether one of the agencies has a case tool."""
    needs: str
    """Variable of the environment that names the folder of schemas its plugins need; or empty."""
    stand_in: Path | None
    """Folder of schemas that take their place in a play where nobody has named them."""
    agencies: tuple[Agency, ...]
    story: tuple[Told, ...]


def read_network(folder: Path) -> Network:
    """Return the network that `folder` describes.

    Raises:
        Malformed: there is none, or it names a step, a member or an agency that does not exist.
    """
    file = folder / PLAN
    if not file.is_file():
        raise Malformed(f"{folder} describes no network: it has no {PLAN}")
    given = read_toml(file)
    agencies = tuple(_built(Agency, one, "agencies") for one in given.pop("agencies", []))
    story = tuple(_told(one) for one in given.pop("steps", []))
    title, needs = given.pop("title", ""), given.pop("needs", "")
    casetool = given.pop("casetool", False) is True
    stand_in = given.pop("stand_in", None)
    if given or not agencies or not story or not isinstance(title, str):
        raise Malformed(
            f"{file.name} has title, needs, stand_in, casetool, agencies and steps, "
            "and nothing else"
        )
    for agency in agencies:
        agency_id(agency.id)
    return Network(
        folder=folder,
        title=title,
        casetool=casetool,
        needs=str(needs),
        stand_in=None if stand_in is None else folder / str(stand_in),
        agencies=agencies,
        story=story,
    )


def _told(given: Mapping[str, Any]) -> Told:
    kinds = given.keys() - {"say"}
    if len(kinds) != 1 or not kinds <= _KINDS.keys() or not isinstance(given.get("say"), str):
        raise Malformed(f"a step says something and is one of: {', '.join(sorted(_KINDS))}")
    (kind,) = kinds
    return Told(say=given["say"], step=_built(_KINDS[kind], given[kind], kind))


def _built(kind: type[Any], given: object, name: str) -> Any:
    if not isinstance(given, dict):
        raise Malformed(f"{name} is a table")
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
    }
    try:
        return kind(**values)
    except TypeError:
        raise Malformed(f"{name} lacks a member, or has one that does not exist") from None
