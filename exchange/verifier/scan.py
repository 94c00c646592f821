"""The person's own check: all entries of her consent, found with her key, against what she saw.

The hub cannot leave an entry out of what her key finds. So: found and not shown is a hidden event;
shown and not found was never logged; a number nobody finds was skipped; one found twice tells two
stories. The pass does not stop at the first missing number, which would be where a liar begins.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from exchange.audit.leaf import LABEL_SIZE, label
from exchange.audit.opening import EVENT, Opening, event_of, leaf_of
from exchange.audit.spans import spans_of
from exchange.verifier.report import Check, broken, good

BEYOND: Final = 1024
"""Numbers looked for behind those that were shown."""


class Finding(StrEnum):
    """What is wrong, or that nothing is."""

    HIDDEN = "hidden"
    SKIPPED = "skipped"
    TWICE = "twice"
    NOT_LOGGED = "not-logged"
    CHANGED = "changed"
    FOREIGN = "foreign"
    NONE = "none"
    LISTED = "listed"
    """Found; what was shown is not known here."""
    COMPLETE = "complete"


WORDS: Final[Mapping[str, Mapping[Finding, str]]] = MappingProxyType(
    {
        "de": MappingProxyType(
            {
                Finding.HIDDEN: "Eintrag {at} gehört zu dieser Einwilligung und wurde Ihnen nicht "
                "gezeigt.",
                Finding.SKIPPED: "Das Ereignis mit der Nummer {n} fehlt im Protokoll.",
                Finding.TWICE: "Das Ereignis mit der Nummer {n} steht zweimal im Protokoll: "
                "Einträge {at}.",
                Finding.NOT_LOGGED: "Ihnen wurde ein Ereignis gezeigt, das nicht im Protokoll "
                "steht: Nummer {n}.",
                Finding.CHANGED: "Ihnen wurde ein anderes Ereignis gezeigt, als in Eintrag {at} "
                "steht.",
                Finding.FOREIGN: "Ein gezeigtes Ereignis gehört nicht zu diesem Schlüssel.",
                Finding.NONE: "Zu diesem Schlüssel steht nichts im Protokoll.",
                Finding.LISTED: "Zu dieser Einwilligung stehen {n} Ereignisse im Protokoll: "
                "Einträge {at}.",
                Finding.COMPLETE: "Alles, was unter dieser Einwilligung geschehen ist, wurde Ihnen "
                "gezeigt: {n} Ereignisse.",
            }
        ),
        "en": MappingProxyType(
            {
                Finding.HIDDEN: "Entry {at} belongs to this consent and was not shown to you.",
                Finding.SKIPPED: "The event with number {n} is missing in the log.",
                Finding.TWICE: "The event with number {n} stands twice in the log: entries {at}.",
                Finding.NOT_LOGGED: "You were shown an event that is not in the log: number {n}.",
                Finding.CHANGED: "You were shown another event than stands in entry {at}.",
                Finding.FOREIGN: "An event that was shown does not belong to this key.",
                Finding.NONE: "Nothing in the log belongs to this key.",
                Finding.LISTED: "{n} events under this consent are in the log: entries {at}.",
                Finding.COMPLETE: "Everything that happened under this consent was shown to you: "
                "{n} events.",
            }
        ),
    }
)
"""What the person reads, by language."""


def told_of(key: bytes, openings: Sequence[Opening]) -> list[Opening]:
    """Return those of an agency's openings that tell of the consent with this key.

    An agency's list tells of agreements and of other consents too. What names this consent and is
    not of its chain stays in: it was shown, and the scan says that it is foreign.
    """
    ours = {label(key, n) for n in range(len(openings) + BEYOND)}
    events = [(one, event_of(one)) for one in openings if one.version == EVENT]
    consents = {event.get("consent") for one, event in events if one.label in ours} - {None}
    return [one for one, event in events if one.label in ours or event.get("consent") in consents]


class Scan:
    """One pass over the leaves of a log with the key of one consent."""

    def __init__(self, key: bytes, shown: Sequence[Opening] | None) -> None:
        """Compute the labels to look for.

        Args:
            key: of the chain, 32 bytes; kept as long as this object.
            shown: openings of the events the person was shown; None if that is not known.

        Raises:
            Malformed: a key of another size.
        """
        self._is_compared = shown is not None
        self._shown = {one.label: leaf_of(one) for one in shown or ()}
        self._numbers = {label(key, n): n for n in range(len(self._shown) + BEYOND)}
        self._found = dict[bytes, list[tuple[int, bytes]]]()

    async def see(self, first: int, leaves: list[bytes]) -> None:
        """Look at the leaves from index `first` on."""
        for index, leaf in enumerate(leaves, first):
            named = leaf[1 : 1 + LABEL_SIZE]
            if named in self._numbers:
                self._found.setdefault(named, []).append((index, leaf))

    def checks(self, lang: str) -> list[Check]:
        """Return everything that is wrong, or one line that all is well.

        Args:
            lang: `de` or `en`.
        """
        found = list(self._wrong(WORDS[lang]))
        if found:
            return found
        if not self._found:
            return [broken(6, Finding.NONE.value, WORDS[lang][Finding.NONE])]
        kind = Finding.COMPLETE if self._is_compared else Finding.LISTED
        at = sorted(index for places in self._found.values() for index, _ in places)
        said = WORDS[lang][kind].format(n=len(self._found), at=", ".join(map(str, at)))
        return [good(6, kind.value, said)]

    def _wrong(self, words: Mapping[Finding, str]) -> Iterator[Check]:
        highest = max((self._numbers[named] for named in self._found), default=-1)
        skipped = list[int]()
        for named, n in self._numbers.items():
            at = [index for index, _ in self._found.get(named, ())]
            kind = self._judge(named)
            if kind is not None:
                said = words[kind].format(n=n, at=", ".join(map(str, at)))
                yield broken(6, kind.value, said, (at[0], at[-1]) if at else None)
            elif not at and n < highest:
                skipped.append(n)
        for first, last in spans_of(skipped):
            numbers = str(first) if first == last else f"{first}-{last}"
            yield broken(6, Finding.SKIPPED.value, words[Finding.SKIPPED].format(n=numbers))
        for _ in self._shown.keys() - self._numbers.keys():
            yield broken(6, Finding.FOREIGN.value, words[Finding.FOREIGN])

    def _judge(self, named: bytes) -> Finding | None:
        """Return what is wrong with one number of the chain, besides that it is missing."""
        leaves = [leaf for _, leaf in self._found.get(named, ())]
        if len(leaves) > 1:
            return Finding.TWICE
        if named in self._shown:
            if not leaves:
                return Finding.NOT_LOGGED
            return None if leaves == [self._shown[named]] else Finding.CHANGED
        return Finding.HIDDEN if leaves and self._is_compared else None
