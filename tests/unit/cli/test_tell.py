"""Errors as one line: what happened, and what to do next."""

from exchange.cli.tell import in_words
from exchange.errors import LogNotWitnessed, Unavailable


def test_notes_follow_what_happened_after_a_semicolon() -> None:
    error = LogNotWitnessed("Nothing new is disclosed.")
    error.add_note("b1 for women-b is sealed")
    error.add_note("b2 for women-b is sealed")

    told = in_words(error)

    assert told == "Nothing new is disclosed; b1 for women-b is sealed; b2 for women-b is sealed"


def test_without_a_note_the_line_stays_as_it_is() -> None:
    assert in_words(Unavailable("The hub cannot\nbe reached.")) == "The hub cannot be reached."
