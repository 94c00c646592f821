"""exchange.cli.agreement and .consent: a clerk's way from draft to withdrawal, on a real hub."""

import fcntl
import stat
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from exchange.consent.credential import Purpose, read
from tests.cli.network import AGREEMENT, FAMILY_NAME, A, B, Network, draft, recorded

pytestmark = pytest.mark.xdist_group("cli-network")

EARLIER = "2026-11-21T09:00:00"
"""A moment before every test, as a draft writes it."""


def test_the_template_is_a_draft_that_explains_itself(network: Network) -> None:
    shown = network.must("agreement", "propose", "--template", home=A).shown
    assert 'agency = "jobcentre-a"' in shown
    assert 'agency = "agency-a"' in network.must("agreement", "propose", "--template").shown
    network.write("template.toml", shown)
    complaint = network.refused("agreement", "propose", "template.toml", home=A)
    assert "agency-b is not pinned" in complaint


def test_an_agreement_is_proposed_signed_and_shown(network: Network, agreed: str) -> None:
    again = network.must("agreement", "propose", "agreement.toml", home=A)
    assert again.fact("proposed") == agreed
    assert network.must("agreement", "sign", agreed, "--yes", home=B).fact("state") == "in force"
    for home in (A, B):
        shown = network.must("agreement", "show", agreed, home=home)
        assert shown.fact("title") == "Erhalt von Wohnraum"
        assert shown.fact("flow") == "women-b -> jobcentre-a  up to professional"
        for label in ("authority", "retention", "limits", "hub"):
            assert shown.fact(label)
        assert shown.fact("purpose") == "housing-loss  support, usually recurring"
        assert "            en: to avert the loss of the home" in shown.shown
        assert "category    tenancy-termination  at least personal\n" in shown.shown
        assert "            de-simple: Kündigung von der Wohnung\n" in shown.shown
        assert '{"' not in shown.shown
        assert agreed in network.must("agreement", "show", home=home).shown


def test_another_draft_under_the_same_id_is_refused(network: Network, agreed: str) -> None:
    assert agreed in AGREEMENT
    network.write("other.toml", AGREEMENT.replace("Erhalt von Wohnraum", "Etwas anderes"))
    assert "another draft" in network.refused("agreement", "propose", "other.toml", home=A)


def test_nothing_is_signed_without_looking(network: Network, agreed: str) -> None:
    assert "--yes" in network.refused("agreement", "sign", agreed, home=B)


def test_a_party_with_another_key_than_the_pinned_one_is_refused(
    network: Network, agreed: str
) -> None:
    # A pins another key for B: what A would sign names a key that A does not trust.
    kid = network.must("keys", "show", home=B).fact("identity")
    strange = "A" * 43
    network.must(
        *("keys", "pin", B, strange, "--method", "meeting", "--replace"),
        *("--confirmed-by", "head of office", "privacy officer"),
        home=A,
    )
    try:
        complaint = network.refused("agreement", "propose", "agreement.toml", home=A)
        assert "another" in complaint
        assert agreed not in complaint
    finally:
        network.must(
            *("keys", "pin", B, kid, "--method", "meeting", "--replace"),
            *("--confirmed-by", "head of office", "privacy officer"),
            home=A,
        )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("sole_basis = true", "sole_basis = false"), "A05"),
        (('refusal_consequences = "none"', 'refusal_consequences = "less money"'), "A04"),
        (('categories = ["tenancy-termination", "rent-arrears-letter"]', "categories = []"), "A07"),
        (('title = "Erhalt von Wohnraum"', "remark = 1"), "title"),
        (('id = "3f0c9b1e', 'id = "1'), "UUID"),
        (("first_year = 2026", "first_year = 2026.5"), "float has no canonical form"),
        (("[[parties]]", "[[parties"), "line"),
        (("undertaking.txt", "nothing.txt"), "nothing.txt"),
        (("collectors", "collector"), "collectors"),
    ],
)
def test_a_draft_that_is_no_agreement_is_refused_in_one_line(
    network: Network, change: tuple[str, str], expected: str
) -> None:
    fresh = AGREEMENT.replace("3f0c9b1e", "4f0c9b1e") if change[0][:2] != "id" else AGREEMENT
    network.write("broken.toml", fresh.replace(*change))
    assert expected in network.refused("agreement", "propose", "broken.toml", home=A)
    kept = list((network.root / A / "statements").glob("agreement-4f0c9b1e*"))
    assert kept == []


def test_a_consent_is_drafted_recorded_and_shown(network: Network, agreed: str) -> None:
    draft(network, agreed, "consent.toml")
    written = network.root / "consent.toml"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    done = network.must("consent", "sign", "consent.toml", "--receipt", home=B)
    consent = done.fact("recorded")
    assert read(done.fact("log key"), Purpose.LOG_KEY) is not None
    assert read(done.fact("code"), Purpose.CODE) is not None
    again = network.must("consent", "sign", "consent.toml", "--receipt", home=B)
    assert again.fact("recorded") == consent
    assert again.fact("digest") == done.fact("digest")
    assert done.fact("log key") not in again.shown
    assert f"exchange consent receipt {consent}" in again.shown
    shown = network.must("consent", "show", consent, home=B)
    assert shown.fact("state") == "valid"
    assert shown.fact("secrecy") == "up to professional"
    assert shown.fact("valid").endswith("to 2027-01-31, inclusive")
    assert consent in network.must("consent", "show", home=B).shown
    assert FAMILY_NAME not in shown.shown


def test_another_consent_under_the_same_id_is_refused(network: Network, agreed: str) -> None:
    recorded(network, agreed, "edited.toml")
    first = (network.root / "edited.toml").read_text(encoding="utf-8")
    for edited in (
        first.replace('uses = "recurring"', "uses = 5"),
        first.replace("2027-01-31", "2027-02-28"),
        first.replace('"rent-arrears-letter"', '"tenancy-termination"'),
        first.replace('# secrecy = "professional"', 'secrecy = "entrusted"'),
        first.replace('identified = "in-person"', 'identified = "known"'),
        first.replace("1990-05-17", "1990-05-18"),
        first.replace(f'family_name = "{FAMILY_NAME}"', 'family_name = "Somebody else"'),
        first.replace("# valid_from = 2026-01-01", "valid_from = 2026-12-24"),
        first.replace("# collected_at = 2026-01-01T10:40:00", f"collected_at = {EARLIER}"),
        first.replace("[[signers]]", f"[[signers]]\nat = {EARLIER}"),
    ):
        assert edited != first
        network.write("edited.toml", edited)
        assert "new id" in network.refused("consent", "sign", "edited.toml", home=B)
    network.write("edited.toml", first)
    network.must("consent", "sign", "edited.toml", home=B)


def test_the_key_of_the_log_entries_is_forgotten(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "forgotten.toml")
    kept = {path.name for path in (network.root / B / "statements").iterdir()}
    assert f"consent-{consent}.jws" in kept
    assert f"consent-{consent}.key" not in kept


def test_a_recipient_does_not_learn_that_a_consent_exists(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "hidden.toml")
    assert "not found" in network.refused("consent", "show", consent, home=A)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('recipients = ["jobcentre-a"]', 'recipients = ["women-b"]'), "L03"),
        (('purpose = "housing-loss"', 'purpose = "debt-advice"'), "purpose"),
        (('categories = ["rent-arrears-letter"]', 'categories = ["care-note"]'), "categor"),
        (('form = "written"', 'form = "electronic"'), "electronic"),
        (('form = "written"', 'form = "oral-minuted"'), "L20"),
        (("2027-01-31", "2029-01-31"), "L15"),
        (("2027-01-31", '"2027-01-31"'), "valid_until"),
        (("born = ", "remark = "), "subject"),
        (('identified = "in-person"', 'identified = "believed"'), "identified"),
        (('capacity = "self"', 'capacity = "guardian"'), "L29"),
        (("scan.pdf", "missing.pdf"), "evidence.file"),
        (("# collected_at = 2026-01-01T10:40:00", "collected_at = 2025-06-01"), "L10"),
    ],
)
def test_a_consent_that_is_void_is_refused_in_one_line(
    network: Network, agreed: str, change: tuple[str, str], expected: str
) -> None:
    (network.root / "void.toml").unlink(missing_ok=True)
    draft(network, agreed, "void.toml")
    text = (network.root / "void.toml").read_text(encoding="utf-8")
    assert change[0] in text
    network.write("void.toml", text.replace(*change))
    before = set((network.root / B / "statements").iterdir())
    complaint = network.refused("consent", "sign", "void.toml", home=B)
    assert expected in complaint
    assert FAMILY_NAME not in complaint
    assert set((network.root / B / "statements").iterdir()) == before


def test_only_the_collector_of_the_agreement_records(network: Network, agreed: str) -> None:
    draft(network, agreed, "foreign.toml")
    assert "L44" in network.refused("consent", "sign", "foreign.toml", home=A)


def test_a_draft_is_never_overwritten(network: Network, agreed: str) -> None:
    draft(network, agreed, "once.toml")
    text = (network.root / "once.toml").read_text(encoding="utf-8")
    with pytest.raises(AssertionError, match="is not overwritten"):
        draft(network, agreed, "once.toml")
    assert (network.root / "once.toml").read_text(encoding="utf-8") == text


def test_a_withdrawal_ends_a_consent_whoever_took_it_down(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "withdrawn.toml")
    first = network.must(
        *("consent", "withdraw", consent, "--by", "subject", "--channel", "in-person"), home=B
    )
    again = network.must(
        *("consent", "withdraw", consent, "--by", "subject", "--channel", "phone"), home=B
    )
    assert first.fact("ended") == again.fact("ended")
    assert network.must("consent", "show", consent, home=B).fact("state").startswith("ended")


def test_both_sides_see_what_must_be_erased_until_it_is_answered(
    network: Network, agreed: str
) -> None:
    consent = recorded(network, agreed, "erased.toml")
    network.write("letter.txt", "a letter")
    network.must(
        *("gateway", "send", "letter.txt", "--consent", consent, "--to", A),
        *("--category", "rent-arrears-letter"),
        home=B,
    )
    network.must("gateway", "fetch", home=A)
    assert network.must("consent", "erasures", home=B).shown == "nothing has to be erased\n"
    network.must("consent", "withdraw", consent, "--by", "subject", "--channel", "phone", home=B)

    for home in (A, B):
        asked = network.must("consent", "erasures", home=home).shown
        assert f"  {A}: outstanding, due " in asked
        assert asked.endswith(f", consent {consent}\n")
    assert "erased 1;" in network.must("gateway", "fetch", home=A).shown
    for home in (A, B):
        assert consent not in network.must("consent", "erasures", home=home).shown
        answered = network.must("consent", "erasures", "--all", home=home).shown
        assert f"  {A}: erased, consent {consent}\n" in answered


def test_a_party_that_cannot_read_the_record_passes_a_withdrawal_on(
    network: Network, agreed: str
) -> None:
    consent = recorded(network, agreed, "told.toml")
    told = ("--by", "subject", "--channel", "phone")
    assert "not found" in network.refused("consent", "withdraw", consent, *told, home=A).lower()
    assert network.must("consent", "show", consent, home=B).fact("state").startswith("valid")


def test_a_withdrawal_does_not_wait_for_a_running_gateway(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "beside.toml")
    with (network.root / B / "state" / "state.db.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert network.refused("consent", "show", consent, home=B)
        moment = datetime.fromtimestamp(time.time(), ZoneInfo("Europe/Berlin"))
        received = moment.strftime("%Y-%m-%dT%H:%M:%S")
        told = ("--by", "guardian", "--channel", "letter", "--received", received)
        network.must("consent", "withdraw", consent, *told, home=B)


def test_a_withdrawal_is_not_received_in_the_future(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "ahead.toml")
    received = datetime.fromtimestamp(time.time() + 600, ZoneInfo("Europe/Berlin"))
    told = ("--by", "subject", "--channel", "phone", "--received")
    complaint = network.refused(
        *("consent", "withdraw", consent, *told, received.strftime("%Y-%m-%dT%H:%M:%S")), home=B
    )
    assert "lies ahead" in complaint
    assert network.must("consent", "show", consent, home=B).fact("state").startswith("valid")
    assert not list((network.root / B).rglob(f"withdrawal-{consent}.jws"))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("--by", "subject", "--channel", "phone", "--reason", "unlawful"), "reason"),
        (("--by", "agency", "--channel", "phone"), "reason"),
    ],
)
def test_a_reason_is_given_by_the_agency_and_only_by_it(
    network: Network, agreed: str, told: tuple[str, ...], expected: str
) -> None:
    assert agreed
    unknown = "5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a01"
    assert expected in network.refused("consent", "withdraw", unknown, *told, home=B)


def test_what_is_no_id_is_refused(network: Network) -> None:
    told = ("--by", "subject", "--channel", "phone")
    assert "UUID" in network.refused("consent", "withdraw", "../../etc/passwd", *told, home=B)


def test_a_command_is_a_process_like_any_other(network: Network, agreed: str) -> None:
    done = network.process("agreement", "show", agreed, "--home", A)
    assert done.code == 0
    assert done.fact("agreement") == agreed
    failed = network.process("consent", "sign", "nothing.toml", "--home", B)
    assert (failed.code, failed.shown) == (1, "")
    assert failed.complaint == "exchange: No such file or directory: nothing.toml\n"


def test_an_unknown_consent_is_not_found(network: Network) -> None:
    unknown = "5b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a01"
    assert "not found" in network.refused("consent", "show", unknown, home=B)


def test_notice_is_given_once_and_not_too_late(network: Network) -> None:
    text = AGREEMENT.replace("3f0c9b1e", "5f0c9b1e")
    network.write("short.toml", text)
    agreement = network.must("agreement", "propose", "short.toml", home=A).fact("proposed")
    network.must("agreement", "sign", agreement, "--yes", home=B)
    given = ("agreement", "notice", agreement, "--yes")
    assert "--yes" in network.refused("agreement", "notice", agreement, home=B)
    assert "ends" in network.refused(*given, "--year", "2025", home=B)
    done = network.must(*given, "--year", "2027", home=B)
    assert done.fact("ends") == "2027-12-31, up to and including"
    assert network.must(*given, home=B).fact("ends") == done.fact("ends")
    assert "another year" in network.refused(*given, "--year", "2028", home=B)
    assert network.must("agreement", "show", agreement, home=A).fact("notice") == (
        "women-b, ends 2027-12-31"
    )


def test_the_hub_holds_no_name(network: Network, agreed: str) -> None:
    recorded(network, agreed, "canary.toml")
    found = [
        path
        for path in (network.root / "hub").rglob("*")
        if path.is_file() and FAMILY_NAME.encode() in path.read_bytes()
    ]
    assert found == []
    assert Path(network.root / "hub.log").read_bytes().count(FAMILY_NAME.encode()) == 0


def test_a_withdrawal_that_is_refused_says_what_to_do(network: Network, agreed: str) -> None:
    consent = recorded(network, agreed, "told-twice.toml")
    told = ("--by", "subject", "--channel", "phone")

    hidden = network.refused("consent", "withdraw", consent, *told, home=A)
    assert "pass the wish on to the office that took the consent" in hidden
    early = ("consent", "withdraw", consent, *told, "--received", "2020-01-01")
    assert "--received after she consented" in network.refused(*early, home=B)
    network.must("consent", "withdraw", consent, *told, home=B)
