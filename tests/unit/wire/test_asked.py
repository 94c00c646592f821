"""exchange.wire.asked: manifests and questions ask the same; a scope becomes a standing."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from exchange.canonical import encode
from exchange.consent.decision import Asked, Onward, Permit, decide
from exchange.envelope.manifest import Addressee, Terms, new_context
from exchange.errors import Malformed
from exchange.vocabulary import Secrecy
from exchange.wire import shapes
from exchange.wire.asked import asked_beforehand, asked_by_manifest, standing
from tests import samples

EXP = datetime(2026, 4, 10, tzinfo=UTC)
ASKED = Asked(
    consent=samples.CONSENT_DIGEST,
    sender="women-b",
    recipients=frozenset({"jobcentre-a"}),
    purpose="housing-loss",
    category="rent-arrears-letter",
    secrecy=Secrecy.PROFESSIONAL,
    exp=EXP,
)
CONTEXT = new_context(
    Terms(
        id="0f4f9a56-2b5f-4b0e-b9f8-1f1f6f0c7a01",
        sender="women-b",
        kid=samples.KID_B,
        consent=samples.CONSENT_DIGEST,
        purpose="housing-loss",
        category="rent-arrears-letter",
        secrecy=Secrecy.PROFESSIONAL,
        iat=int(EXP.timestamp()) - 60,
        exp=int(EXP.timestamp()),
    ),
    [Addressee("jobcentre-a", "A" * 43)],
    contents="ab" * 32,
)
QUESTION: dict[str, Any] = {
    "consent": samples.CONSENT_DIGEST,
    "recipients": ["jobcentre-a"],
    "purpose": "housing-loss",
    "category": "rent-arrears-letter",
    "secrecy": "professional",
    "exp": int(EXP.timestamp()),
}
SCOPE = samples.agreement().scope()
FACTS: dict[str, Any] = {
    "in_force": True,
    "used": 3,
    "ended_at": None,
    "recorded": True,
    "vetoed": False,
}


def question(**members: Any) -> shapes.Asked:
    return shapes.Asked.model_validate_json(encode({**QUESTION, **members}))


def test_manifest_and_question_ask_the_same() -> None:
    assert asked_by_manifest(CONTEXT) == ASKED
    assert asked_beforehand(question(), "women-b") == ASKED


def test_the_documents_of_others_are_asked_about_where_they_are_known() -> None:
    onward = (Onward(sender="health-c", secrecy=Secrecy.SOCIAL, collected=True),)
    assert asked_by_manifest(CONTEXT, onward=onward) == replace(ASKED, onward=onward)


@pytest.mark.parametrize("members", [{"secrecy": "secret"}, {"exp": 10**12}])
def test_a_question_beyond_our_words_or_calendar_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        asked_beforehand(question(**members), "women-b")


def test_a_covered_question_stands_well() -> None:
    found = standing(ASKED, SCOPE, **FACTS)
    assert found.agreement_covers
    assert (found.used, found.ended_at, found.recorded, found.vetoed) == (3, None, True, False)
    decided = decide(ASKED, samples.consent(), found, now=datetime(2026, 4, 1, tzinfo=UTC))
    assert isinstance(decided, Permit)


@pytest.mark.parametrize(
    ("asked", "scope", "facts"),
    [
        (ASKED, None, {}),
        (ASKED, SCOPE, {"in_force": False}),
        (replace(ASKED, secrecy=Secrecy.SOCIAL), SCOPE, {}),
        (replace(ASKED, sender="jobcentre-a"), SCOPE, {}),
    ],
)
def test_an_agreement_that_is_unknown_ended_or_narrower_covers_nothing(
    asked: Asked, scope: Any, facts: dict[str, Any]
) -> None:
    assert not standing(asked, scope, **{**FACTS, **facts}).agreement_covers


def test_parties_without_undertaking_are_carried_along() -> None:
    scope = samples.agreement(undertakings=[]).scope()
    assert standing(ASKED, scope, **FACTS).without_undertaking == {"women-b"}
    assert standing(ASKED, None, **FACTS).without_undertaking == frozenset()
