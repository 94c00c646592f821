"""The five questions of `exchange gateway init`, asked on a terminal."""

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.agency.log_policy import given
from exchange.agency.settings import HubSection
from exchange.cli.plugin_offers import intake_plugins
from exchange.errors import Malformed, Misconfigured
from exchange.keyid import agency_id

LANGUAGES: Final = ("de", "en", "de-simple")
NO_POLICY: Final = (
    "--log-policy is missing: get the policy file of the hub's log from the operator of the hub, "
    "who makes it with `exchange log policy`; no document is exchanged without it"
)


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to know of a new gateway."""

    name: str
    """Of the option that answers it, without the dashes."""
    text: str
    check: Callable[[str], object]
    """Refuses, with Malformed, what is no answer; the question is then asked again."""
    choices: Callable[[], Collection[str]] | None = None
    """The only answers there are, looked up when it is asked; None: `check` decides alone."""
    default: str = ""
    """What Enter says; empty: there is none, it has to be answered."""
    missing: str = ""
    """What to say where nobody can be asked; empty: the name of the option says enough."""


def answered(said: Mapping[str, str | None]) -> dict[str, str]:
    """Return an answer to every question.

    Asks on a terminal. Where the command line says everything that has no default, nobody is
    asked: the defaults stand for the rest.

    Args:
        said: what the command line says, by name of the question.

    Raises:
        Misconfigured: something is missing and nobody can be asked, or is none of the answers
            there are.
    """
    questions = _questions()
    for one in questions:
        _check_said(one, said.get(one.name))
    lacking = [one for one in questions if not one.default and said.get(one.name) is None]
    if lacking and not sys.stdin.isatty():
        raise Misconfigured(
            lacking[0].missing or f"--{lacking[0].name} is missing, and nobody can be asked"
        )
    if lacking:
        print("Five questions; Enter takes what stands in brackets.")
    return {
        one.name: said.get(one.name) or (_asked(one) if lacking else one.default)
        for one in questions
    }


def _questions() -> tuple[Question, ...]:
    return (
        Question(
            "log-policy",
            "File with the policy of the hub's log, which the operator of the hub hands out",
            lambda text: given(Path(text)),
            missing=NO_POLICY,
        ),
        Question("agency", "Id of this agency: 2 to 63 of a-z, 0-9 and -", agency_id),
        Question("hub", "Address of the hub, such as https://hub.example", _check_hub),
        Question(
            "intake",
            "What becomes of received documents; plugins that convert them",
            str,
            choices=intake_plugins,
            default="folder",
        ),
        Question(
            "language",
            "Language of labels and notices",
            str,
            choices=lambda: LANGUAGES,
            default="de",
        ),
    )


def _check_said(question: Question, answer: str | None) -> None:
    # The default is what stands if nothing is said: to look plugins up takes a second.
    if not answer or question.choices is None or answer == question.default:
        return
    try:
        _check_among(answer, question.choices())
    except Malformed as refused:
        raise Misconfigured(f"--{question.name} is {refused}") from None


def _asked(question: Question) -> str:
    choices = None if question.choices is None else question.choices()
    shown = question.text if choices is None else f"{question.text}: {', '.join(choices)}"
    shown += f" [{question.default}]: " if question.default else ": "
    while True:
        try:
            answer = input(shown).strip() or question.default
        except EOFError:
            raise Misconfigured("the questions were not answered; nothing was made") from None
        try:
            question.check(answer)
            if choices is not None:
                _check_among(answer, choices)
        except Malformed as refused:
            print(f"  {refused}")
        else:
            return answer


def _check_hub(text: str) -> None:
    try:
        HubSection(origin=text)
    except ValueError:
        raise Malformed("https, or http to this machine itself, with host and port only") from None


def _check_among(text: str, known: Collection[str]) -> None:
    if text not in known:
        raise Malformed(f"one of {', '.join(known)}")
