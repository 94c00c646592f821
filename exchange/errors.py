"""Every error the exchange raises on purpose, as one tree.

* ExchangeError
  x Malformed                 a request or document cannot be parsed
  x TooLarge                  a stated limit of size is exceeded
  x Unauthenticated           the caller could not be authenticated
    - LoginRefused            inside only: what a provider of logins says proves nobody
  x NotPermitted              the gate or the caller's role says no, and never why
  x NotFound                  absent, or hidden from this caller: the two look the same
  x Conflict                  the same identifier was used before with different content
  x KeyReused                 the same Idempotency-Key was used before for another request
  x StatementNotAcceptable    signature, form or content of a statement does not verify
    - Tampered                inside only: bytes are not those that were signed
  x LintRefused               a record breaks rules; its author is told which
  x Unreadable                a sealed document cannot be opened
    - HeaderMalformed         inside only, as the four below: outside it is the word above
    - NoMatch                 inside only: no identity opens any stanza
    - HeaderMacWrong          inside only
    - PayloadDamaged          inside only
    - ArmorMalformed          inside only
  x TooMany                   a rate or quota is used up
  x Unavailable               a key, the log, the clock or the database is missing: try again
    - OutcomeUnknown          inside only: a commit failed, it may have happened
    - ClockWrong              gateway only: its clock and the hub's are minutes apart
    x LogNotWitnessed         no quorum has cosigned the log for too long: nothing is disclosed
  x StorageFull               there is no room for another document
  - NotCovered                gateway only: the records it may read say no, and why
  - HubMisbehaves             gateway only: an answer no honest hub would give
  - Held                      gateway only: a check failed, somebody has to look
  - Quarantined               gateway only: a document could not be converted, and why
  - LogInvalid                inside only: the log does not verify, and where
    - SplitView               inside only: two signed heads that cannot both be true
  - Undeliverable             inside only: nobody will ever take this notice, or this document
  - Misconfigured             settings or plugins do not allow a start

An error says what happened, never how HTTP answers it: `exchange.wire.problems` owns that table.
A class without a `code` of its own is known inside only; outside it is its parent.
Messages never contain personal data: they are logged and may be sent to the caller.
"""

from typing import ClassVar, Literal

from exchange.values import dataclass

MOST_POSITIONS = 32
"""Code positions told of one error: enough to find it, one line of a log."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that is broken: names only, never a value. `exchange.rules` has its words."""

    id: str
    """Such as `L09`."""
    severity: Literal["refuse", "warn"]
    """A warning is told and kept; it stops nothing."""
    field: str
    """Path of the member that breaks the rule."""
    days: int | None = None
    """How many the agreement admits, where the rule is about that."""


class ExchangeError(Exception):
    """Something went wrong here."""

    code: ClassVar[str] = "internal"
    """Stable, public name of the error; part of the API, never reused."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text or title(type(self)))


def title(error: type[Exception]) -> str:
    """Return what a class of errors says when it says nothing else: its first docstring line."""
    return (error.__doc__ or "").splitlines()[0] if error.__doc__ else error.__name__


def positions(error: BaseException) -> list[str]:
    """Return type and code positions of `error`: what may be logged of a foreign exception.

    Never its text: a driver quotes the row it refused, a parser the input it choked on. Of an
    endless recursion the first and the last positions, `MOST_POSITIONS` in all.
    """
    found = []
    trace = error.__traceback__
    while trace is not None:
        found.append(f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}")
        trace = trace.tb_next
    if len(found) > MOST_POSITIONS:
        found[MOST_POSITIONS // 2 : -MOST_POSITIONS // 2] = ["..."]
    return [type(error).__qualname__, *found]


class Malformed(ExchangeError):
    """The request or document cannot be parsed."""

    code = "malformed-request"

    def __init__(self, text: str = "", *, member: str = "") -> None:
        super().__init__(text)
        self.member = member
        """Path of the member that is wrong, where one is: a name of ours, such as `notice.lang`."""


class TooLarge(ExchangeError):
    """A stated limit of size is exceeded."""

    code = "too-large"


class Unauthenticated(ExchangeError):
    """The caller could not be authenticated."""

    code = "unauthenticated"


class LoginRefused(Unauthenticated):
    """The login was refused."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
        """Code of the check that refused, such as `nonce`; for the local log alone."""


class NotPermitted(ExchangeError):
    """Not permitted."""

    code = "not-permitted"


class NotFound(ExchangeError):
    """Not found."""

    code = "not-found"


class Conflict(ExchangeError):
    """The same identifier was used before with different content."""

    code = "conflict"


class KeyReused(ExchangeError):
    """The Idempotency-Key was used before for another request."""

    code = "key-reused"


class StatementNotAcceptable(ExchangeError):
    """The statement is not acceptable."""

    code = "statement-not-acceptable"
    findings: tuple[Finding, ...] = ()
    """The rule about its signatures, where the statement is a record that has one."""

    def __init__(self, text: str = "", *, step: int = 0) -> None:
        # A subclass says nothing else: which check refused is nobody's business outside.
        super().__init__(text or title(StatementNotAcceptable))
        self.step = step
        """Number of the step of verification that refused; for the local log. 0: a later check."""


class Tampered(StatementNotAcceptable):
    """The bytes are not those that were signed."""


class LintRefused(ExchangeError):
    """The record breaks rules."""

    code = "lint"

    def __init__(self, text: str = "", *, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(text)
        self.findings = findings
        """Every rule broken, also those that only warn, in the order of the rules."""


class Unreadable(ExchangeError):
    """The sealed document cannot be opened."""

    code = "unreadable"


class HeaderMalformed(Unreadable):
    """The header of the sealed document is malformed."""


class NoMatch(Unreadable):
    """None of the keys opens the sealed document."""


class HeaderMacWrong(Unreadable):
    """The header of the sealed document does not match its file key."""


class PayloadDamaged(Unreadable):
    """The payload of the sealed document is damaged or cut."""


class ArmorMalformed(Unreadable):
    """The armor around the file is malformed."""


class TooMany(ExchangeError):
    """A rate or quota is used up. Try again later."""

    code = "too-many"


class Unavailable(ExchangeError):
    """Something this needs is not available at the moment. Try again later."""

    code = "unavailable"


class OutcomeUnknown(Unavailable):
    """A commit failed; it may have happened. Look it up by its id."""


class ClockWrong(Unavailable):
    """The clock of this machine and the hub's differ by more than five minutes; set it right."""

    reason: ClassVar[str] = "clock"


class LogNotWitnessed(Unavailable):
    """The log has not been witnessed for too long; nothing new is disclosed until it is."""

    code = "log-not-witnessed"


class StorageFull(ExchangeError):
    """There is no room for another document."""

    code = "storage-full"


class NotCovered(ExchangeError):
    """The consent and agreement this agency may read do not cover the disclosure."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(f"not permitted: {', '.join(reasons)}; nothing was sent")
        self.reasons = reasons
        """Every reason of `decide`, in its order."""


class HubMisbehaves(ExchangeError):
    """The hub gave an answer that no honest hub gives; nothing of it was used."""

    reason: ClassVar[str] = "hub-misbehaves"


class Held(ExchangeError):
    """A check of what the hub delivered has failed; an administrator has to look."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"stopped by a check, {reason}; nothing of it was used")
        self.reason = reason
        """Code of the refused check, such as `key-not-pinned`; CRYPTO verification order."""


class Quarantined(ExchangeError):
    """The document could not be converted and lies in quarantine."""

    def __init__(self, reason: str, words: str = "") -> None:
        super().__init__(f"not converted: {reason}")
        self.reason = reason
        """Code of what went wrong, such as `timeout`; never words of the plugin."""
        self.words = words
        """Words of the plugin; they may quote the document and are written beside it only."""


class LogInvalid(ExchangeError):
    """A note, tile, proof or receipt of the log does not verify."""

    def __init__(self, text: str = "", *, what: str, span: tuple[int, int] | None = None) -> None:
        super().__init__(text)
        self.what = what
        """Short code of the check that failed, such as `note-signature`; docs/log-formats.md."""
        self.span = span
        """First and last entry among which the fault lies, where that is known."""


class SplitView(LogInvalid):
    """Two heads of one log are signed that cannot both be true."""

    def __init__(self, text: str = "", *, notes: tuple[bytes, bytes]) -> None:
        super().__init__(text, what="split-view")
        self.notes = notes
        """The two signed notes, verbatim: the evidence."""


class Undeliverable(ExchangeError):
    """The other side will never take it."""


class Misconfigured(ExchangeError):
    """The settings or plugins do not allow a start."""
