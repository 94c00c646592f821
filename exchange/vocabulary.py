"""Purposes, categories, secrecy classes, legal classes of parties, and `Scope`.

Values that agreements and consents share, because those two never see each other. The shipped
vocabulary lies beside this file; an agreement copies the entries it uses in full, so that a record
can be read ten years later without it. Nothing is added at run time.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from importlib.resources import files
from typing import Any, Literal, TypeAlias

from exchange.canonical import Json
from exchange.errors import Malformed
from exchange.members import Members, code
from exchange.rules import refused

Uses: TypeAlias = int | Literal["recurring"]
"""How often: 1 (written `once`), 2 to 999, or `recurring`. Never None: a missing value must not
mean "without limit"."""

LANGUAGES = ("de", "en")
"""Languages every label is written in (rule V01); easy language `de-simple` is welcome."""
RESERVED = frozenset({"all", "anything", "file", "misc", "other"})
"""Categories that would allow anything: refused for whoever defines them (rule L04)."""
LARGEST_VOCABULARY = 256
"""Purposes, and categories, one agreement can carry; the shipped vocabulary has fewer than 30."""
PURPOSE_TERM = "https://w3id.org/dpv#Purpose"
"""Term of the Data Privacy Vocabulary for a purpose that names none of its own."""
DATA_TERM = "https://w3id.org/dpv#PersonalData"
"""The same for a category."""


class Secrecy(IntEnum):
    """Secrecy class of a document: a total order, in which nothing is ever lowered."""

    PERSONAL = 0
    """Personal data (GDPR)."""
    SOCIAL = 1
    """Social secrecy (§ 35 SGB I, §§ 67 ff. SGB X)."""
    PROFESSIONAL = 2
    """Professional secrecy (§ 203 StGB, § 76 SGB X): passed on only with `onward_from`."""
    ENTRUSTED = 3
    """Entrusted to the youth office (§ 65 SGB VIII): whoever entrusted it consents as well."""

    @property
    def code(self) -> str:
        """The class as records and manifests write it."""
        return self.name.lower()


def secrecy(text: object) -> Secrecy:
    """Return the secrecy class with the code `text`, or raise Malformed."""
    for known in Secrecy:
        if known.code == text:
            return known
    raise Malformed("not a secrecy class")


class Body(StrEnum):
    """Legal class of a party."""

    SGB35 = "sgb35"
    """A body named in § 35 SGB I, bound to social secrecy."""
    PUBLIC = "public"
    """Public, but not named in § 35 SGB I."""
    PRIVATE = "private"
    """Not public: it must have undertaken the purpose binding (§ 78 SGB X)."""


class PurposeClass(StrEnum):
    """What a purpose is good for. A closed list: others, such as sanctions, are never admitted."""

    SUPPORT = "support"
    COORDINATION = "coordination"
    PLACEMENT = "placement"


class UsualUses(StrEnum):
    """How often a purpose usually needs a disclosure."""

    ONCE = "once"
    RECURRING = "recurring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What documents may be used for; its label finishes the sentence "The purpose is: …"."""

    code: str
    purpose_class: PurposeClass
    uses: UsualUses
    labels: Mapping[str, str]
    """By language."""
    usual: frozenset[str]
    """Categories that are usual for it; others deserve a second look."""
    dpv: str = PURPOSE_TERM
    """Term of the Data Privacy Vocabulary."""

    def payload(self) -> dict[str, Json]:
        """Return the members of its entry, without the code, which is their name."""
        return {
            "class": self.purpose_class.value,
            "uses": self.uses.value,
            "label": dict(self.labels),
            "usual": sorted(self.usual),
            "dpv": self.dpv,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A kind of document."""

    code: str
    special: bool
    """Whether such papers hold special categories of data (Art. 9 GDPR), by their kind."""
    secrecy: Secrecy
    """The class such a document has at least."""
    labels: Mapping[str, str]
    """By language."""
    dpv: frozenset[str] = frozenset({DATA_TERM})
    """Terms of the Data Privacy Vocabulary."""

    def payload(self) -> dict[str, Json]:
        """Return the members of its entry, without the code, which is their name."""
        return {
            "special": self.special,
            "secrecy": self.secrecy.code,
            "label": dict(self.labels),
            "dpv": sorted(self.dpv),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Purposes and categories by their codes."""

    purposes: Mapping[str, Purpose]
    categories: Mapping[str, Category]

    def payload(self) -> dict[str, Json]:
        """Return the vocabulary as an agreement carries it; `read_vocabulary` is the way back."""
        return {
            "purpose": {name: entry.payload() for name, entry in self.purposes.items()},
            "category": {name: entry.payload() for name, entry in self.categories.items()},
        }

    def part(self, purposes: frozenset[str], categories: frozenset[str]) -> "Vocabulary":
        """Return the entries with these codes.

        Raises:
            Malformed: a code is not in this vocabulary.
        """
        if not (purposes <= self.purposes.keys() and categories <= self.categories.keys()):
            raise Malformed("a purpose or category is not in the vocabulary")
        return Vocabulary(
            purposes={name: self.purposes[name] for name in sorted(purposes)},
            categories={name: self.categories[name] for name in sorted(categories)},
        )

    def joined(self, own: "Vocabulary") -> "Vocabulary":
        """Return this vocabulary with the entries of `own`.

        Raises:
            LintRefused: V04, a code of `own` is taken already.
        """
        taken = self.purposes.keys() & own.purposes.keys()
        if taken or self.categories.keys() & own.categories.keys():
            raise refused("V04", "purpose" if taken else "category")
        return Vocabulary(
            purposes={**self.purposes, **own.purposes},
            categories={**self.categories, **own.categories},
        )


def shipped() -> Vocabulary:
    """Return version 1 of the vocabulary, read from the file beside this module."""
    text = files("exchange").joinpath("vocabulary.toml").read_text("utf-8")
    return read_vocabulary(tomllib.loads(text))


def read_vocabulary(value: object) -> Vocabulary:
    """Read a vocabulary from an agreement or a TOML table; both have the same members.

    Raises:
        Malformed: unknown, missing or wrongly typed members.
        LintRefused: L04 a category that would allow anything, V01 a label is missing in German
            or English, V02 the class of a purpose is not admitted, V03 a special category is
            classed as merely personal.
    """
    members = Members(value, "vocabulary")
    found = Vocabulary(
        purposes={
            code(name): _purpose(name, entry)
            for name, entry in _entries(members, "purpose").items()
        },
        categories={
            code(name): _category(name, entry)
            for name, entry in _entries(members, "category").items()
        },
    )
    members.end()
    return found


def _entries(members: Members, name: str) -> dict[str, Any]:
    entries = members.mapping(name) if members.has(name) else {}
    if len(entries) > LARGEST_VOCABULARY:
        raise Malformed(f"vocabulary.{name}: more than {LARGEST_VOCABULARY} entries")
    return entries


def _purpose(name: str, value: object) -> Purpose:
    members = Members(value, "vocabulary.purpose[]")
    found = Purpose(
        code=name,
        purpose_class=members.take("class", _purpose_class),
        uses=members.word("uses", UsualUses),
        labels=_labels(members, "vocabulary.purpose"),
        usual=members.codes("usual", 0, LARGEST_VOCABULARY),
        dpv=members.text("dpv") if members.has("dpv") else PURPOSE_TERM,
    )
    members.end()
    return found


def _purpose_class(value: object) -> PurposeClass:
    if not isinstance(value, str):
        raise Malformed("not a class of purposes")
    if value not in list(PurposeClass):
        raise refused("V02", "vocabulary.purpose")
    return PurposeClass(value)


def _category(name: str, value: object) -> Category:
    if name.rpartition("/")[2] in RESERVED:
        raise refused("L04", "vocabulary.category")
    members = Members(value, "vocabulary.category[]")
    found = Category(
        code=name,
        special=members.flag("special"),
        secrecy=members.take("secrecy", secrecy),
        labels=_labels(members, "vocabulary.category"),
        dpv=members.texts("dpv", 1, 16) if members.has("dpv") else frozenset({DATA_TERM}),
    )
    members.end()
    if found.special and found.secrecy is Secrecy.PERSONAL:
        raise refused("V03", "vocabulary.category")
    return found


def _labels(members: Members, where: str) -> dict[str, str]:
    labels = members.labels("label")
    if not labels.keys() >= set(LANGUAGES):
        raise refused("V01", where)
    return labels


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeParty:
    """What the law, the gate and texts for the person must know of one party."""

    agency: str
    name: str
    """Full name of the office."""
    contact: str
    """How a person reaches it."""
    officer: str
    """How a person reaches its privacy officer."""
    public_label: str
    """What the person's page calls it before a second button, such as "counselling centre 3"."""
    body: Body
    secret_keeper: bool
    """Whether its staff fall under § 203(1) StGB."""
    benefit: bool
    """Whether it decides about benefits."""
    undertaken: bool
    """Whether its undertaking of the purpose binding is part of the agreement."""

    @property
    def floor(self) -> Secrecy:
        """The class that everything this party discloses has at least."""
        if self.secret_keeper:
            return Secrecy.PROFESSIONAL
        return Secrecy.SOCIAL if self.body is Body.SGB35 else Secrecy.PERSONAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeFlow:
    """What may go in one direction, from one party to one other."""

    sender: str
    recipient: str
    categories: frozenset[str]
    secrecy: Secrecy
    """The highest class that may go this way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeText:
    """The template of a text that persons are shown, with its bytes."""

    id: str
    """Such as `consent-form`; one that is not ours is `owner-agency/consent-form`."""
    version: str
    """`major.minor`."""
    lang: str
    sha256: str
    """Hex digest of `text` in UTF-8."""
    reviewed: bool
    """Whether somebody competent has read it: for easy language, readers it is made for."""
    text: str
    """In the format that `exchange.consent.template` reads."""
    superseded_at: datetime | None = None
    """From when on new consents need another version (rule L25)."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Id, version and language: what names one text."""
        return self.id, self.version, self.lang


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeTexts:
    """What texts for the person name besides parties and vocabulary."""

    title: str
    """Title of the agreement."""
    authority: str
    """Supervisory authority a person can complain to."""
    retention: Mapping[str, str]
    """How long records are kept after they ended, in words, by language."""
    operator: str
    """Who runs the hub."""
    storage_location: str
    page: str
    """Address of the person's page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an agreement admits: consents and disclosures under it may only be narrower."""

    agreement: str
    """Digest of the agreement statement."""
    parties: Mapping[str, ScopeParty]
    collectors: frozenset[str]
    """Parties that may collect consents."""
    flows: tuple[ScopeFlow, ...]
    vocabulary: Vocabulary
    """The entries the agreement uses: no other purpose or category exists under it."""
    once_days: int
    """Longest validity of a consent for one use, in days."""
    days: int
    """Longest validity of any other consent, in days."""
    texts: ScopeTexts
    notices: tuple[NoticeText, ...]
    """Templates of the texts admitted under the agreement, sorted by `key`."""

    @property
    def without_undertaking(self) -> frozenset[str]:
        """Private parties to which nothing may be sent (§ 78(1) SGB X)."""
        return frozenset(
            party.agency
            for party in self.parties.values()
            if party.body is Body.PRIVATE and not party.undertaken
        )

    def notice(self, id: str, version: str, lang: str) -> NoticeText | None:  # noqa: A002  # the member's name
        """Return the template with this key, or None where the agreement has none."""
        for text in self.notices:
            if text.key == (id, version, lang):
                return text
        return None

    def flow(self, sender: str, recipient: str) -> ScopeFlow | None:
        """Return the flow in this direction, or None where nothing may go."""
        for flow in self.flows:
            if (flow.sender, flow.recipient) == (sender, recipient):
                return flow
        return None

    def floor(self, sender: str, category: str) -> Secrecy:
        """Return the class a document of `category` has at least when `sender` discloses it.

        For a counselling centre even a rent letter is professional: that somebody is a client
        there is the secret. A sender may raise the class, never lower it.

        Raises:
            Malformed: no such party or category here.
        """
        if sender not in self.parties or category not in self.vocabulary.categories:
            raise Malformed("not a party or a category of the agreement")
        return max(self.parties[sender].floor, self.vocabulary.categories[category].secrecy)

    def covers(
        self,
        sender: str,
        recipients: frozenset[str],
        *,
        purpose: str,
        category: str,
        secrecy: Secrecy,
    ) -> bool:
        """Tell whether the agreement admits one disclosure, whatever the person allowed.

        The class is checked from both sides: not above what may go this way, not below what the
        category and the sender's own secrecy demand.
        """
        flows = [self.flow(sender, recipient) for recipient in recipients]
        return (
            purpose in self.vocabulary.purposes
            and all(
                flow is not None and category in flow.categories and secrecy <= flow.secrecy
                for flow in flows
            )
            and bool(flows)
            and secrecy >= self.floor(sender, category)
        )
