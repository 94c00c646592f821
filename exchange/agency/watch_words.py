"""What an office reads beside a document that was not sent: why, and what to do, twice.

German first, because the office reads it; English for whoever helps it. Codes and constant words
only: nothing of the document, of the person or of what the hub sent.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from exchange.agency.advice import ADVICE, NOT_COVERED, UNKNOWN
from exchange.agency.state import Sending, Sent
from exchange.errors import (
    ExchangeError,
    Held,
    KeyReused,
    NotCovered,
    NotFound,
    TooLarge,
)

_AGAIN: Final = (
    "Wenn das geklärt ist: Legen Sie den Ordner noch einmal in den Ausgang.",
    "When that is settled: put the folder into the outgoing folder again.",
)
_NOT_AGAIN: Final = (
    "Senden Sie nicht noch einmal, was in receipt.json schon als gesendet steht.",
    "Do not send again what receipt.json lists as sent already.",
)
_DENIED: Final[Mapping[str, str]] = {
    "no-consent": "Diese Stelle darf unter dieser Einwilligung nichts übermitteln.",
    "ended": "Die Einwilligung ist beendet; unter ihr wird nichts mehr übermittelt.",
    "not-yet": "Die Einwilligung gilt noch nicht.",
    "agreement": "Die Kooperationsvereinbarung gilt nicht oder lässt diese Übermittlung nicht zu.",
    "recipient": "Die Einwilligung nennt diesen Empfänger nicht.",
    "purpose": "Die Einwilligung wurde für einen anderen Zweck erteilt.",
    "category": "Die Einwilligung nennt diese Art von Unterlagen nicht.",
    "secrecy": "Die Unterlagen sind geheimer, als die Einwilligung erlaubt.",
    "onward": "Unterlagen einer anderen Stelle dürfen so nicht weitergegeben werden.",
    "undertaking": "Der Empfänger hat sich noch nicht auf den Zweck verpflichtet (§ 78 SGB X).",
    "used-up": "Die Einwilligung ist so oft genutzt worden, wie sie erlaubt.",
    "exp": "Die Unterlagen könnten noch abgerufen werden, wenn die Einwilligung schon endet.",
    "veto": "Eine Regel des Betreibers lässt es nicht zu.",
}
_KINDS: Final[Sequence[tuple[type[Exception], str]]] = (
    (
        Held,
        "Der Schlüssel des Empfängers oder der Vermittler ist nicht vertrauenswürdig. Fragen "
        "Sie Ihre Administration.",
    ),
    (
        NotFound,
        "Die Einwilligung, die Anfrage oder das Format ist hier nicht bekannt. Prüfen Sie "
        "die Nummern in send.toml.",
    ),
    (TooLarge, "Es sind zu viele Dateien, oder sie sind zu groß. Teilen Sie sie auf."),
    (KeyReused, "Dieser Ordner wurde schon einmal mit anderem Inhalt gesendet."),
)
_REFUSED: Final = (
    "Der Vermittler lässt die Übermittlung nicht zu und sagt nie, warum. Prüfen Sie, ob die "
    "Einwilligung noch besteht und ob sie diesen Empfänger und diese Unterlagen nennt.",
    "The hub does not permit it and never says why. Check whether the consent still holds and "
    "names this recipient and this kind of document.",
)
_CHANGED: Final = (
    "Nach dem Senden wurde in diesem Ordner noch etwas geändert. Gesendet ist, was vorher darin "
    "lag; receipt.json nennt es.",
    "Something in this folder was changed after it was sent. What was sent is what lay there "
    "before; receipt.json names it.",
)
_ONCE_MORE: Final = (
    "Soll auch die Änderung gesendet werden: Legen Sie den Ordner noch einmal in den Ausgang.",
    "If the change is to be sent too: put the folder into the outgoing folder again.",
)
_FAULTS: Final[Mapping[str, str]] = {
    "holds nothing to send": "Der Ordner enthält keine Datei, die gesendet werden kann.",
    "are empty (0 bytes)": "Eine Datei ist leer (0 Byte). Scannen oder speichern Sie sie neu.",
    "is a link, or cannot be opened": (
        "Eine Datei ist eine Verknüpfung oder lässt sich nicht öffnen. Legen Sie die Datei selbst "
        "in den Ordner."
    ),
    "something else than ordinary files": (
        "Im Ordner liegt etwas anderes als gewöhnliche Dateien, zum Beispiel ein Ordner."
    ),
    "one of the two": "Der Ordner enthält send.toml und send.json. Nur eines davon darf es sein.",
    "is not TOML": "send.toml ist nicht richtig geschrieben: fehlt ein Anführungszeichen?",
    "is not UTF-8": "send.toml ist nicht als UTF-8 gespeichert.",
    "cannot take these files": (
        "Der Empfänger nimmt diese Dateien nicht an: ihre Art, ihre Größe oder ein Dateiname "
        "passt nicht."
    ),
}
"""By words of the English sentence that nothing else says."""
_OTHERWISE: Final = "Prüfen Sie send.toml und die Dateien. Genauer, auf Englisch:"


def why_not(trouble: Exception) -> bytes:
    """Return what to write beside a folder of which nothing was sent."""
    return _paper("Nicht gesendet", "Not sent", _german(trouble), _english(trouble), _AGAIN)


def why_refused(sent: Sequence[Sent]) -> bytes | None:
    """Return what to write beside a folder that the hub has not taken; None where it took all."""
    refused = [one for one in sent if one.state is Sending.REFUSED]
    if not refused:
        return None
    partners = ", ".join(one.recipients for one in refused)
    german, english = _REFUSED
    return _paper(
        f"Nicht gesendet an {partners}", f"Not sent to {partners}", german, english, _NOT_AGAIN
    )


def changed_since() -> bytes:
    """Return what to write beside a folder that is no longer what was sent."""
    german, english = _CHANGED
    return _paper("Gesendet, aber geändert", "Sent, but changed", german, english, _ONCE_MORE)


def _paper(
    title: str, english_title: str, german: str, english: str, then: tuple[str, str]
) -> bytes:
    lines = (title, "", german, then[0], "", english_title, "", english, then[1], "")
    return "\r\n".join(lines).encode("utf-8")  # also the oldest editor shows these as lines


def _german(trouble: Exception) -> str:
    if isinstance(trouble, NotCovered):
        return " ".join(_DENIED.get(reason, reason) for reason in trouble.reasons)
    for kind, words in _KINDS:
        if isinstance(trouble, kind):
            return words
    english = _english(trouble)
    known = (words for part, words in _FAULTS.items() if part in english)
    return next(known, f"{_OTHERWISE} {english}")


def _english(trouble: Exception) -> str:
    if isinstance(trouble, NotCovered):
        return "; ".join(f"{NOT_COVERED.get(one, UNKNOWN)} ({one})" for one in trouble.reasons)
    if isinstance(trouble, Held):
        return f"{ADVICE.get(trouble.reason, UNKNOWN)} ({trouble.reason})"
    if isinstance(trouble, ExchangeError):
        return f"{trouble}."
    return "A file of the folder cannot be read."
