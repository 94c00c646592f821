"""A hub that anything may happen to, compared with a reference after every step.

The hub is the simulator's: real files, real HTTP, real keys, its clock in the test. A restart
closes it and opens the directory again.
"""

from datetime import datetime, timedelta
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

from exchange.hub import sweep
from exchange.hub.admit import suspend
from exchange.keyring.ceremony import new_document_key
from exchange.wire import routes
from tests.invariants import check
from tests.model.living import CI, Living
from tests.model.reference import Reference
from tests.simulator import NOW, RECIPIENT, SENDER, Given, Letter, Simulator

TUS = {"Tus-Resumable": "1.0.0"}


class HubMachine(Living[Simulator]):
    """See the module."""

    consents = Bundle("consents")
    letters = Bundle("letters")
    uploads = Bundle("uploads")

    # Life

    @initialize()
    def begin(self) -> None:
        self.live(Simulator)
        self.model = Reference(self.sim.now)
        self.key = self.sim.offices[RECIPIENT].key
        self.model.rotate(self.key.recipient.fingerprint, revoke=False)
        self.withdrawals: dict[str, bytes] = {}
        self.exps: dict[str, datetime] = {}
        self.sealed_to: dict[str, str] = {}
        self.offsets: dict[str, int] = {}
        self.recalled: set[str] = set()
        self.steps = 0

    # Time

    @precondition(lambda self: self.sim.now < NOW + timedelta(days=60))
    @rule(hours=st.sampled_from([1, 20, 30, 24 * 8, 24 * 15]))
    def wait(self, hours: int) -> None:
        """Let time pass, and the sweeper see it: a minute later it would."""
        self.sim.later(hours=hours)
        self.model.now = self.sim.now
        self.run(sweep.sweep(self.sim.hub, leftovers=True))
        self.model.sweep()

    @precondition(lambda self: self.steps > 20)
    @rule()
    def suspend_the_sender(self) -> None:
        self.run(suspend(self.sim.hub, SENDER))
        self.model.sender_suspended = True

    @rule(revoke=st.booleans())
    def rotate(self, revoke: bool) -> None:
        """The recipient takes another key; it may take the old one back."""
        old, self.key = self.key, new_document_key()
        revoked = frozenset({old.recipient.fingerprint}) if revoke else frozenset[str]()
        answer = self.run(self.sim.publish(RECIPIENT, self.key, revoked))
        assert answer.status in {200, 201}, answer.body
        self.model.rotate(self.key.recipient.fingerprint, revoke=revoke)

    # Consents

    @rule(target=consents, uses=st.sampled_from(["once", 2, "recurring"]), days=st.integers(2, 60))
    def record(self, uses: Any, days: int) -> Given:
        until = self.sim.now + timedelta(days=days)
        given = self.sim.signed_consent(uses=uses, valid_until=until.strftime("%Y-%m-%dT%H:%M:%SZ"))
        answer = self.run(self.sim.record(given))
        if self.model.sender_suspended:
            assert answer.status in {401, 403}, answer.body
        else:
            assert answer.status == 201, answer.body
            allowed = {"once": 1, "recurring": 0}.get(uses, uses)
            self.model.record(given.digest, allowed, until)
            assert self.run(self.sim.record(given)).body == answer.body
        return given

    @rule(consent=consents)
    def withdraw(self, consent: Given) -> None:
        if self.model.sender_suspended or consent.digest not in self.model.consents:
            return
        statement = self.withdrawals.setdefault(consent.id, self.sim.withdrawal(consent))
        answer = self.run(
            self.sim.call(
                SENDER, routes.WITHDRAW, id=consent.id, json={"statement": statement.decode()}
            )
        )
        assert answer.status in {200, 201}, answer.body
        self.model.withdraw(consent.digest)

    # Disclosures

    def letter(self, consent: Given, days: int, key: str) -> Letter:
        exp = self.sim.now + timedelta(days=days)
        letter = self.sim.letter(consent.digest, key=key, exp=int(exp.timestamp()))
        self.exps[letter.id], self.sealed_to[letter.id] = exp, key
        return letter

    def store_in_model(self, letter: Letter) -> bool:
        return self.model.store(
            letter.id, letter.consent, self.sealed_to[letter.id], self.exps[letter.id]
        )

    @rule(target=letters, consent=consents, days=st.integers(1, 10), again=st.booleans())
    def store(self, consent: Given, days: int, again: bool) -> Any:
        letter = self.letter(consent, days, self.key.recipient.fingerprint)
        expected = self.store_in_model(letter)
        for _ in range(1 + again):
            answer = self.run(self.sim.send(letter))
            assert (answer.status in {200, 201}) == expected, (answer.status, answer.body)
        if not expected:
            return multiple()
        return letter

    @rule(consent=consents, days=st.integers(1, 10))
    def store_for_an_old_key(self, consent: Given, days: int) -> None:
        key = next(iter(self.model.keys))
        letter = self.letter(consent, days, key)
        expected = self.store_in_model(letter)
        answer = self.run(self.sim.send(letter))
        assert (answer.status in {200, 201}) == expected, (answer.status, answer.body)

    @rule(letter=letters)
    def store_another_under_the_same_id(self, letter: Letter) -> None:
        """Refused, whatever became of the first one; why is said to whoever may disclose."""
        other = self.sim.letter(letter.consent, key=self.key.recipient.fingerprint, id=letter.id)
        assert other.manifest != letter.manifest
        answer = self.run(self.sim.send(other))
        covered = self.model.covers(letter.consent, self.sim.now + timedelta(days=1))
        refused = 409 if covered else 403
        assert answer.status == (401 if self.model.sender_suspended else refused), answer.body

    @rule(target=uploads, consent=consents, days=st.integers(1, 10))
    def announce(self, consent: Given, days: int) -> Any:
        key = self.key.recipient.fingerprint
        letter = self.letter(consent, days, key)
        expected = self.model.announce(letter.id, consent.digest, key, self.exps[letter.id])
        headers = {"Content-Type": routes.MANIFEST}
        answer = self.run(
            self.sim.call(SENDER, routes.DISCLOSE, body=letter.manifest, headers=headers)
        )
        assert (answer.status in {200, 201}) == expected, (answer.status, answer.body)
        return letter if expected else multiple()

    @rule(target=letters, letter=uploads)
    def upload_a_piece(self, letter: Letter) -> Any:
        """Send the next half; the second completes it."""
        state = self.model.disclosures[letter.id].state
        if state != "announced":
            return multiple()
        size = len(letter.sealed)
        first = self.offsets.get(letter.id, 0)
        end = size // 2 if first == 0 else size
        headers = {**TUS, "Upload-Offset": str(first), "Content-Type": routes.OFFSET_STREAM}
        answer = self.run(
            self.sim.call(
                SENDER,
                routes.UPLOAD,
                id=letter.id,
                body=letter.sealed[first:end],
                headers=headers,
            )
        )
        covered = self.model.covers(letter.consent, self.exps[letter.id])
        if end < size:
            assert (answer.status == 204) == covered, (answer.status, answer.body)
            if covered:
                self.offsets[letter.id] = end
            return multiple()
        expected = self.store_in_model(letter)
        assert (answer.status == 204) == expected, (answer.status, answer.body)
        if covered:  # the piece itself is kept, also when the key no longer counts
            self.offsets[letter.id] = end
        return letter if expected else multiple()

    @rule(letter=letters, again=st.booleans())
    def collect(self, letter: Letter, again: bool) -> None:
        expected = self.model.collect(letter.id)
        answers = [self.run(self.sim.collect(letter)) for _ in range(1 + again)]
        for answer in answers:
            assert (answer.status == 200) == expected, (answer.status, answer.body)
            assert answer.body == answers[0].body

    @rule(letter=letters, lost=st.booleans())
    def acknowledge(self, letter: Letter, lost: bool) -> None:
        expected = self.model.acknowledge(letter.id, key_lost=lost)
        result, reason = ("rejected", {"reason": "key-lost"}) if lost else ("accepted", {})
        answer = self.run(self.sim.acknowledge(letter, result=result, **reason))
        assert (answer.status in {200, 201}) == expected, (answer.status, answer.body)

    @rule(letter=letters)
    def recall(self, letter: Letter) -> None:
        found = self.model.disclosures[letter.id]
        again = found.state == "ended" and letter.id in self.recalled
        expected = not self.model.sender_suspended and (again or self.model.recall(letter.id))
        answer = self.run(self.sim.call(SENDER, routes.RECALL, id=letter.id, json={}))
        assert (answer.status in {200, 201}) == expected, (answer.status, answer.body)
        if expected:
            self.recalled.add(letter.id)

    # After every step

    @invariant()
    def everything_is_as_the_reference_says(self) -> None:
        if not self.lives:
            return
        self.steps += 1
        assert check(self.sim.home, now=self.sim.now) == []
        found = self.run(self.known())
        model = self.model
        assert found["states"] == {id_: one.state for id_, one in model.disclosures.items()}
        assert found["headers"] == {id_ for id_, one in model.disclosures.items() if one.header}
        assert found["used"] == {digest: one.used for digest, one in model.consents.items()}
        assert found["erasures"] == model.erasures

    async def known(self) -> dict[str, Any]:
        rows = self.sim.rows
        return {
            "states": dict(map(tuple, await rows("SELECT id, state FROM disclosures"))),
            "headers": {row[0] for row in await rows("SELECT disclosure FROM headers")},
            "used": dict(map(tuple, await rows("SELECT digest, used FROM consents"))),
            "erasures": {row[0] for row in await rows("SELECT consent FROM erasures")},
        }


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("model")
def test_a_hub_is_what_the_reference_says_after_every_step() -> None:
    run_state_machine_as_test(HubMachine, settings=CI)
