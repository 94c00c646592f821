"""exchange.errors: one tree, texts without content, codes that last."""

import pytest

from exchange import errors
from exchange.errors import (
    ExchangeError,
    Finding,
    Held,
    LintRefused,
    LoginRefused,
    LogInvalid,
    NoMatch,
    NotCovered,
    Quarantined,
    SplitView,
    StatementNotAcceptable,
    Tampered,
    positions,
    title,
)


def every(kind: type[ExchangeError]) -> list[type[ExchangeError]]:
    """Return a class of errors and all below it that are defined in this module."""
    below = [other for direct in kind.__subclasses__() for other in every(direct)]
    return [kind, *(other for other in below if other.__module__ == errors.__name__)]


def test_every_error_has_a_sentence_and_is_named_in_the_tree() -> None:
    for kind in every(ExchangeError):
        assert title(kind).endswith((".", "later."))
        assert f" {kind.__name__} " in (errors.__doc__ or "").replace("\n", " ") + " "


def test_codes_are_lower_case_words_and_unique_where_they_are_own() -> None:
    own = [kind.__dict__["code"] for kind in every(ExchangeError) if "code" in kind.__dict__]
    assert len(own) == len(set(own))
    assert all(code.replace("-", "").isalpha() and code.islower() for code in own)


def test_an_error_without_a_text_says_its_title() -> None:
    assert str(NoMatch()) == "None of the keys opens the sealed document."
    assert str(NoMatch("other")) == "other"


def test_a_class_without_docstring_says_its_name() -> None:
    class Bare(Exception):
        pass

    Bare.__doc__ = None
    assert title(Bare) == "Bare"


def test_every_unacceptable_statement_says_the_same_and_keeps_its_step_inside() -> None:
    refused = Tampered(step=6)
    assert str(refused) == str(StatementNotAcceptable(step=2)) == "The statement is not acceptable."
    assert (refused.step, refused.code) == (6, "statement-not-acceptable")
    assert StatementNotAcceptable().step == 0


def test_a_refused_login_keeps_its_reason_inside() -> None:
    refused = LoginRefused("nonce")
    assert str(refused) == "The login was refused."
    assert (refused.reason, refused.code) == ("nonce", "unauthenticated")


def test_a_fault_of_the_log_says_which_check_failed_and_where() -> None:
    fault = LogInvalid("an entry is not what its tile says", what="leaf", span=(777, 777))
    assert (fault.what, fault.span, fault.code) == ("leaf", (777, 777), "internal")
    split = SplitView(notes=(b"one", b"two"))
    assert (split.what, split.span, split.notes) == ("split-view", None, (b"one", b"two"))
    assert str(split) == "Two heads of one log are signed that cannot both be true."


def test_a_lint_report_carries_its_findings() -> None:
    finding = Finding("L01", "refuse", "recipients")
    refused = LintRefused(findings=(finding,))
    assert (str(refused), refused.findings) == (title(LintRefused), (finding,))


def test_a_held_document_says_why() -> None:
    refused = Held("key-not-pinned")
    assert refused.reason == "key-not-pinned"
    assert "key-not-pinned" in str(refused)


def test_what_a_gateway_says_names_codes_only() -> None:
    uncovered, aside = NotCovered(("ended", "recipient")), Quarantined("timeout")
    assert uncovered.reasons == ("ended", "recipient")
    assert str(uncovered) == "not permitted: ended, recipient; nothing was sent"
    assert (aside.reason, str(aside)) == ("timeout", "not converted: timeout")


def test_positions_name_type_and_lines_and_never_the_text() -> None:
    def choke() -> None:
        raise ValueError("Key (id)=(secret) already exists")

    with pytest.raises(ValueError, match="already") as caught:
        choke()
    found = positions(caught.value)
    assert found[0] == "ValueError"
    assert found[-1].startswith("test_positions_name_type_and_lines_and_never_the_text.<locals>")
    assert "secret" not in " ".join(found)


def test_an_endless_recursion_is_told_shortly() -> None:
    def dig(depth: int) -> None:
        dig(depth + 1)

    with pytest.raises(RecursionError) as caught:
        dig(0)
    found = positions(caught.value)
    assert len(found) == 34
    assert (found[0], found[17]) == ("RecursionError", "...")


def test_an_error_that_was_never_raised_has_no_positions() -> None:
    assert positions(ValueError("x")) == ["ValueError"]
