"""The words of the notices: the same for every occasion of a kind, on every channel.

No sender, no count, no purpose, no identifier, no link. "The inbox may be empty by then" is part
of the text because what was announced can be withdrawn. Only the hub's own name is filled in.
"""

from dataclasses import dataclass
from typing import Final

from exchange.hookspecs import NoticeKind


@dataclass(frozen=True, slots=True)
class Words:
    """Subject and text of one kind of notice in one language."""

    subject: str
    """One line."""
    text: str
    """Lines, the last one ended."""


LANGUAGES: Final = ("de", "en", "de-simple")
"""Languages there are words in."""
_WORDS: Final = {
    (NoticeKind.WAITING, "de"): (
        "Posteingang",
        "In Ihrem elektronischen Posteingang liegt möglicherweise etwas bereit. "
        "Bitte holen Sie es auf dem gewohnten Weg ab.\n"
        "Der Posteingang kann inzwischen leer sein.\n"
        "Diese Nachricht enthält absichtlich keine weiteren Angaben. Bitte nicht antworten.",
    ),
    (NoticeKind.WAITING, "en"): (
        "Inbox",
        "Something may be waiting in your electronic inbox. "
        "Please collect it in the usual way. The inbox may be empty by then.\n"
        "This notice deliberately says no more. Please do not reply.",
    ),
    (NoticeKind.WAITING, "de-simple"): (
        "Post-Eingang",
        "Vielleicht ist etwas für Sie da. Bitte sehen Sie in den Post-Eingang. "
        "Vielleicht ist er schon leer. Mehr steht hier nicht. Das ist Absicht.",
    ),
    (NoticeKind.REMINDER, "de"): (
        "Posteingang, Erinnerung",
        "Bitte sehen Sie in Ihren elektronischen Posteingang. "
        "Er kann inzwischen leer sein. "
        "Diese Nachricht enthält absichtlich keine weiteren Angaben.",
    ),
    (NoticeKind.REMINDER, "en"): (
        "Inbox, reminder",
        "Please look into your electronic inbox. It may be empty by then. "
        "This notice deliberately says no more.",
    ),
    (NoticeKind.REMINDER, "de-simple"): (
        "Post-Eingang, Erinnerung",
        "Bitte sehen Sie noch einmal in den Post-Eingang. Vielleicht ist er schon leer.",
    ),
    (NoticeKind.TASK, "de"): (
        "Aufgabe mit Frist",
        "In Ihrem elektronischen Posteingang liegt eine Aufgabe, "
        "die Sie binnen der dort genannten Frist erledigen müssen.\n"
        "Diese Nachricht enthält absichtlich keine weiteren Angaben.",
    ),
    (NoticeKind.TASK, "en"): (
        "Task with a deadline",
        "There is a task in your electronic inbox "
        "that you must complete within the deadline shown there.\n"
        "This notice deliberately says no more.",
    ),
    (NoticeKind.TASK, "de-simple"): (
        "Aufgabe",
        "Im Post-Eingang ist eine Aufgabe für Sie. Dort steht auch: bis wann.",
    ),
    (NoticeKind.TECHNICAL, "de"): (
        "Anbindung prüfen",
        "Ihre Anbindung an den elektronischen Posteingang braucht Aufmerksamkeit. "
        "Bitte geben Sie diese Nachricht an Ihre IT weiter.",
    ),
    (NoticeKind.TECHNICAL, "en"): (
        "Check your connection",
        "Your connection to the electronic inbox needs attention. "
        "Please pass this notice to your IT.",
    ),
    (NoticeKind.TECHNICAL, "de-simple"): (
        "Technik",
        "Bitte sagen Sie Ihrer IT: Die Verbindung zum Post-Eingang braucht Hilfe.",
    ),
}


def words(kind: NoticeKind, language: str, *, hub_name: str) -> Words:
    """Return what a notice says.

    Args:
        kind: why somebody should look.
        language: one of `LANGUAGES`.
        hub_name: public name of the hub, the last words of each text; empty: left out.
    """
    subject, text = _WORDS[kind, language]
    return Words(subject, f"{text} {hub_name}".rstrip() + "\n")
