"""Consents to whom anything may happen, compared with the law after every step.

Recorded, used, expired, withdrawn by every way there is, ended with the agreement or with the
guardian's power, their codes replaced: the gate says yes exactly when the law does. The sweeper
comes when it comes, so that nothing rests on it.
"""

import ast
import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from exchange.consent.lint import Local, lint
from exchange.consent.record import read_consent
from exchange.hub import sweep
from exchange.hub.withdraw_by_person import withdraw_by_code, withdraw_by_key, withdrawal_to_sign
from exchange.members import write_time
from exchange.statement import Kind, seconds, verify
from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, PARTY
from tests.invariants import check
from tests.model.law import Consent, Document
from tests.model.living import CI, Living
from tests.person import WRONG, OwnKey, electronic_consent, fresh, reissue
from tests.several import BOTH, Several
from tests.simulator import GENEROUS, OUTSIDER, RECIPIENT, SENDER, Given, Letter

HOUR = timedelta(hours=1)
FRESH = timedelta(days=20)
"""Less than the keys of agencies count; they are published again after it."""
YEAR_END = datetime(2026, 12, 31, 23, tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)
BEGIN = datetime(2026, 9, 20, 10, tzinfo=UTC)
"""Late enough in the year to see its end, early enough to give notice."""
NOTICE_UNTIL = datetime(2026, 9, 30, 22, tzinfo=UTC)
BORN = date(2008, 12, 20)
OF_AGE = datetime(2026, 11, 30, 23, tzinfo=UTC)
"""The first of the month in which who was born then comes of age, at midnight in Germany."""
AGENCIES = (COLLECTOR, SENDER, RECIPIENT, PARTY, OUTSIDER)
ANSWERS = {
    "accepted": (),
    "quarantined": ("malformed",),
    "rejected": ("key-lost", "unreadable", "not-permitted"),
}
UNREADABLE = ("key-lost", "unreadable")


class ConsentMachine(Living[Several]):
    """See the module."""

    consents = Bundle("consents")
    letters = Bundle("letters")

    @initialize(target=consents, uses=st.sampled_from(["once", "recurring"]), both=st.booleans())
    def begin(self, uses: str, both: bool) -> Any:
        limits = {**GENEROUS, "decisions": 10_000}
        misses = {"misses_per_minute": 10_000, "misses_per_minute_in_all": 10_000}
        self.live(lambda root: Several(root, now=BEGIN, agency=limits, person=misses))
        self.law: dict[str, Consent] = {}
        self.documents: dict[str, Document] = {}
        self.codes: dict[str, list[str]] = {}
        self.keys: dict[str, OwnKey] = {}
        self.agreement_ends = FOREVER
        self.keys_at = self.sim.now
        self.steps = 0
        return self.record(uses=uses, begins=0, days=180, both=both, child=False)

    @precondition(lambda self: self.documents)
    @rule()
    def restart(self) -> None:
        super().restart()

    def teardown(self) -> None:
        try:
            if self.lives:
                self.sweep()
                assert check(self.sim.home, now=self.sim.now) == []
        finally:
            super().teardown()

    # Time

    def whole_second(self) -> None:
        """Go to the next second: people and statements know no shorter time."""
        if self.sim.now.microsecond:
            self.sim.now = self.sim.now.replace(microsecond=0) + timedelta(seconds=1)

    def go_to(self, moment: datetime) -> None:
        self.sim.now = max(self.sim.now, moment)
        if self.sim.now - self.keys_at > FRESH:
            self.keys_at = self.sim.now
            for agency in (SENDER, RECIPIENT, PARTY):
                assert self.run(self.sim.publish(agency)).status == 200

    @rule(hours=st.sampled_from([1, 24, 24 * 10, 24 * 40]))
    def wait(self, hours: int) -> None:
        self.go_to(self.sim.now + timedelta(hours=hours))

    @rule(consent=consents, off=st.sampled_from([-1, 0, 1]))
    def wait_for_its_end(self, consent: Given, off: int) -> None:
        """To the microsecond: before the end, at it, after it."""
        ends = self.law[consent.digest].ends
        if ends < FOREVER:
            self.go_to(ends + timedelta(microseconds=off))

    @rule()
    def sweep(self) -> None:
        self.run(sweep.sweep(self.sim.hub, leftovers=False))
        for consent in self.law.values():
            consent.pass_time(self.sim.now)

    @precondition(lambda self: self.agreement_ends == FOREVER)
    @precondition(lambda self: self.sim.now < NOTICE_UNTIL)
    @rule(agency=st.sampled_from([SENDER, PARTY]))
    def end_the_agreement(self, agency: str) -> None:
        given = self.run(self.sim.give_notice(write_time(YEAR_END), agency))
        assert given.status == 201, given.body
        self.agreement_ends = YEAR_END
        for consent in self.law.values():
            consent.ends = min(consent.ends, YEAR_END)

    # Recording

    @rule(
        target=consents,
        uses=st.sampled_from(["once", 2, "recurring"]),
        begins=st.sampled_from([0, 0, 1]),
        days=st.sampled_from([2, 60, 100, 180]),
        both=st.booleans(),
        child=st.booleans(),
    )
    def record(self, uses: Any, begins: int, days: int, both: bool, child: bool) -> Any:
        """A paper; for a child its parents sign, and the gateway knows the birth date."""
        self.whole_second()
        now = self.sim.now
        until, begin = now + timedelta(days=days), now + timedelta(days=begins)
        to = sorted({RECIPIENT, PARTY} if both else {RECIPIENT})
        parent = {
            "role": "guardian",
            "at": write_time(now),
            "identified": "known",
            "power": "parent",
        }
        by_parents = {
            "capacity": "guardian",
            "capacity_basis": "assessed",
            "signers": [parent, parent],
        }
        given = self.sim.signed_consent(
            collected_by=COLLECTOR,
            recipients=to,
            uses=uses,
            valid_from=write_time(begin),
            valid_until=write_time(until),
            **(by_parents if child else {}),
        )
        lawful = now < self.agreement_ends and (not child or until <= OF_AGE)
        recorded = not (child and self.is_stopped(given))
        if recorded:
            recorded = self.run(self.sim.record(given, COLLECTOR)).status == 201
        assert recorded == lawful
        if not recorded:
            return multiple()
        ends = min(until, self.agreement_ends, OF_AGE if child else FOREVER)
        allowed = {"once": 1, "recurring": math.inf}.get(uses, uses)
        parties = frozenset(to)
        self.law[given.digest] = Consent(COLLECTOR, SENDER, parties, allowed, begin, until, ends)
        self.codes[given.digest] = []
        return given

    def is_stopped(self, given: Given) -> bool:
        """Tell whether the collecting gateway refuses to sign, which knows who was born when."""
        card = self.sim.offices[COLLECTOR].identity.card
        verified = verify(given.statement, (Kind.CONSENT,), {card.kid: card}, now=self.sim.now)
        found = lint(
            read_consent(verified),
            self.sim.scope,
            agreement_held=True,
            now=self.sim.now,
            local=Local(born=BORN),
        )
        return any(finding.severity == "refuse" for finding in found)

    @rule(target=consents)
    def sign_with_her_own_key(self) -> Any:
        self.whole_second()
        now = self.sim.now
        if now >= self.agreement_ends:
            return multiple()
        key, until = OwnKey(), now + timedelta(days=90)
        given = self.run(electronic_consent(self.sim, key, valid_until=write_time(until)))
        ends = min(until, self.agreement_ends)
        parties = frozenset({RECIPIENT})
        self.law[given.digest] = Consent(SENDER, SENDER, parties, math.inf, now, until, ends)
        self.codes[given.digest], self.keys[given.digest] = [], key
        return given

    # The gate

    @rule(
        target=letters,
        consent=consents,
        sender=st.sampled_from([SENDER, SENDER, SENDER, RECIPIENT]),
        to=st.sampled_from([RECIPIENT, RECIPIENT, PARTY]),
        days=st.sampled_from([1, 13]),
        read=st.booleans(),
    )
    def disclose(self, consent: Given, sender: str, to: str, days: int, read: bool) -> Any:
        """By whoever to whomever; a document may be collected right away."""
        to = SENDER if sender == to else to
        law, now = self.law[consent.digest], self.sim.now
        exp = now.replace(microsecond=0) + timedelta(days=days)
        lawful = law.allows(sender, to, exp, now)
        letter = self.sim.letter(consent.digest, sender=sender, recipient=to, exp=seconds(exp))
        answer = self.run(self.sim.send(letter, sender))
        assert answer.status == (201 if lawful else 403), answer.body
        if not lawful:
            return multiple()
        self.documents[letter.id] = document = Document(to, exp)
        law.documents.append(document)
        if read:
            self.collect(letter)
        return letter

    @rule(letter=letters)
    def collect(self, letter: Letter) -> None:
        document = self.documents[letter.id]
        lawful = self.law[letter.consent].releases(document, self.sim.now)
        answer = self.run(self.sim.collect(letter, document.to))
        assert answer.status == (200 if lawful else 404), answer.body
        document.collected |= lawful

    @rule(letter=letters, result=st.sampled_from(sorted(ANSWERS)), number=st.integers(0, 2))
    def acknowledge(self, letter: Letter, result: str, number: int) -> None:
        """The recipient's answer; what it has not read it can only reject."""
        document = self.documents[letter.id]
        result = result if document.collected else "rejected"
        reasons = ANSWERS[result]
        reason = {"reason": reasons[number % len(reasons)]} if reasons else {}
        answer = self.run(self.sim.acknowledge(letter, document.to, result, **reason))
        if document.answered or (document.over and not document.collected):
            assert answer.status in {404, 409}, answer.body
            return
        assert answer.status == 200, answer.body
        document.answered = document.over = True
        document.unreadable = reason.get("reason") in UNREADABLE

    @rule(letter=letters)
    def recall(self, letter: Letter) -> None:
        document = self.documents[letter.id]
        answer = self.run(self.sim.call(SENDER, routes.RECALL, id=letter.id, json={}))
        if not (document.over or document.collected):
            assert answer.status == 200, answer.body
            document.over = True

    # The person's code, and withdrawing

    @rule(consent=consents, given=st.booleans())
    def replace_the_code(self, consent: Given, given: bool) -> None:
        """Another code, or none any more; ever only the last one opens anything."""
        code = fresh() if given else None
        body = {} if code is None else {"credential": code.digest}
        collector = self.law[consent.digest].collector
        answer = self.run(reissue(self.sim, consent, collector, **body))
        assert answer.status == 200, answer.body
        self.codes[consent.digest].append(WRONG if code is None else code.text)

    @rule(consent=consents, agency=st.sampled_from(AGENCIES))
    def withdraw_at_an_office(self, consent: Given, agency: str) -> None:
        self.whole_second()
        law = self.law[consent.digest]
        known = law.is_known_to(agency)
        answer = self.run(self.sim.withdraw(consent, agency))
        assert answer.status == (200 if known else 404), answer.body
        if known:
            law.withdraw(self.sim.now)

    @rule(consent=consents)
    def end_because_the_purpose_is_reached(self, consent: Given) -> None:
        """By the collecting agency: recipients then follow their own rules."""
        self.whole_second()
        law = self.law[consent.digest]
        members = {"by": "agency", "reason": "purpose-reached"}
        assert self.run(self.sim.withdraw(consent, law.collector, **members)).status == 200
        law.withdraw(self.sim.now, erase=False)

    @rule(consent=consents, last=st.booleans(), with_key=st.booleans())
    def withdraw_on_the_page(self, consent: Given, last: bool, with_key: bool) -> None:
        """With the code she holds now or with the one before, with her own key or without."""
        codes = self.codes[consent.digest]
        code = ([WRONG, WRONG, *codes])[-1 if last else -2]
        key = self.keys.get(consent.digest) if with_key else None
        done = self.run(self.by_key(code, key) if key else withdraw_by_code(self.sim.hub, code))
        opens = bool(codes) and code != WRONG and code == codes[-1]
        assert (done is not None) == opens
        if opens:
            self.law[consent.digest].withdraw(self.sim.now)

    async def by_key(self, code: str, key: OwnKey) -> object:
        self.whole_second()
        said = await withdrawal_to_sign(self.sim.hub, code)
        if said is None:
            return None
        signature = key.sign(said)
        return await withdraw_by_key(self.sim.hub, code, to_sign=said, signature=signature)

    # After every step

    @invariant()
    def the_gate_says_what_the_law_says(self) -> None:
        if not self.lives:
            return
        now = self.sim.now
        exp = now.replace(microsecond=0) + HOUR
        self.steps += 1  # one consent after the other: to ask about all is most of the time
        digest, law = list(self.law.items())[self.steps % len(self.law)]
        for to in BOTH:
            asked = self.run(self.sim.ask(SENDER, digest, recipients=[to], exp=seconds(exp)))
            lawful = law.allows(SENDER, to, exp, now)
            assert asked.status == (200 if lawful else 403), asked.body

    @invariant()
    def what_is_left_is_what_the_law_leaves(self) -> None:
        if not self.lives:
            return
        found = self.run(self.known())
        assert found["used"] == {digest: law.used for digest, law in self.law.items()}
        waiting = {name for name, document in self.documents.items() if not document.over}
        assert found["headers"] == waiting
        owed = {(digest, to) for digest, law in self.law.items() for to in law.must_erase}
        assert found["erasures"] == owed

    async def known(self) -> dict[str, Any]:
        rows = self.sim.rows
        return {
            "used": dict(map(tuple, await rows("SELECT digest, used FROM consents"))),
            "headers": {row[0] for row in await rows("SELECT disclosure FROM headers")},
            "erasures": set(map(tuple, await rows("SELECT consent, recipient FROM erasures"))),
        }


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("model")
def test_no_sequence_of_events_permits_what_the_law_forbids() -> None:
    run_state_machine_as_test(ConsentMachine, settings=CI)


def test_the_law_fits_on_one_page_and_knows_nothing_of_the_house() -> None:
    text = Path(__file__).with_name("law.py").read_text()
    imported = {
        node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)
    }

    assert imported == {"dataclasses", "datetime"}
    assert len([line for line in text.splitlines() if line.strip()]) <= 60
