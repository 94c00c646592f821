"""`exchange consent lint`: every finding at once, before anything is signed."""

import json
from pathlib import Path

import pytest

from tests.cli.network import FAMILY_NAME, A, B, Done, Network, draft, recorded

pytestmark = pytest.mark.xdist_group("cli-network")


def changed(network: Network, agreement: str, *changes: tuple[str, str]) -> str:
    """Write a draft with other texts in it; return its name."""
    name = "lint.toml"
    for left in network.root.glob("lint.*"):
        left.unlink()
    draft(network, agreement, name)
    text = (network.root / name).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    network.write(name, text)
    return name


def found(done: Done) -> list[list[str]]:
    """Return id, severity and field of each finding that was printed."""
    return [
        line.split()
        for line in done.shown.splitlines()
        if line[:1] in "LANVS" and line[1:2].isdigit()
    ]


def signed_consent(network: Network, agreement: str) -> Path:
    for left in network.root.glob("signed.*"):
        left.unlink()
    consent = recorded(network, agreement, "signed.toml")
    return network.root / B / "statements" / f"consent-{consent}.jws"


def signed_agreement(network: Network) -> str:
    (file,) = (network.root / A / "statements").glob("agreement-????????-*.jws")
    return str(file)


def test_a_draft_that_keeps_the_rules_has_no_finding(network: Network, agreed: str) -> None:
    # Seven uses: another test may have signed what is equal but for them, and that would warn.
    draft(network, agreed, "seven.toml", uses="7")
    done = network.must("consent", "lint", "seven.toml", home=B)

    assert done.shown == "no finding\n"


def test_every_finding_is_said_at_once_and_nothing_is_signed(network: Network, agreed: str) -> None:
    before = set((network.root / B / "statements").iterdir())
    name = changed(
        network,
        agreed,
        ('categories = ["rent-arrears-letter"]', 'categories = ["care-note", "all"]'),
        ("2027-01-31", "2029-01-31"),
        ('capacity = "self"', 'capacity = "guardian"'),
        ('interpreter = "none"', 'interpreter = "accompanying"'),
    )

    done = network.exchange("consent", "lint", name, "--lang", "de", home=B)

    assert done.code == 1
    assert ["L04", "refuse", "categories"] in found(done)
    assert ["L15", "refuse", "valid_until"] in found(done)
    assert ["L27", "warn", "notice.interpreter"] in found(done)
    assert ["L29", "refuse", "signers"] in found(done)
    assert "Zulässig sind 366 Tage." in done.shown
    assert FAMILY_NAME not in done.shown
    assert set((network.root / B / "statements").iterdir()) == before


def test_a_half_filled_draft_names_every_blank(network: Network, agreed: str) -> None:
    name = changed(
        network,
        agreed,
        (f'family_name = "{FAMILY_NAME}"', 'family_name = ""'),
        ('lang = "de"', 'lang = ""'),
        ('purpose = "housing-loss"', ""),
        ("pages = 1", ""),
    )

    for command in ("lint", "sign"):
        done = network.exchange("consent", command, name, home=B)
        assert done.code == 1
        for blank in ("purpose", "notice.lang", "evidence.pages", "subject.family_name"):
            assert blank in done.shown + done.complaint


def test_a_warning_refuses_nothing(network: Network, agreed: str) -> None:
    name = changed(network, agreed, ('interpreter = "none"', 'interpreter = "accompanying"'))

    done = network.must("consent", "lint", name, home=B)

    # Another test may have signed an equal consent of this case: then L40 warns as well.
    assert ["L27", "warn", "notice.interpreter"] in found(done)
    assert "neutral interpreter" in done.shown
    assert "L27" in network.must("consent", "sign", name, home=B).shown


def test_findings_are_json_on_request(network: Network, agreed: str) -> None:
    name = changed(network, agreed, ("2027-01-31", "2029-01-31"))

    done = network.exchange("consent", "lint", name, "--json", home=B)

    (long,) = [one for one in json.loads(done.shown)["findings"] if one["id"] == "L15"]
    assert (long["severity"], long["field"], long["days"]) == ("refuse", "valid_until", 366)
    assert long["words"].keys() == {"de", "en"}


def test_an_age_is_asked_at_the_gateway(network: Network, agreed: str) -> None:
    name = changed(network, agreed, ('born = "1990-05-17"', 'born = "2020-05-17"'))

    assert found(network.exchange("consent", "lint", name, home=B)) == [
        ["L35", "refuse", "capacity_basis"]
    ]
    assert "L35" in network.refused("consent", "sign", name, home=B)
    network.must("consent", "lint", name, "--born", "1990-05-17", home=B)


def test_a_second_equal_consent_of_the_same_person_is_warned_of(
    network: Network, agreed: str
) -> None:
    equal = ('"rent-arrears-letter"', '"rent-arrears-letter", "tenancy-termination"')
    first = changed(network, agreed, equal)
    network.must("consent", "text", first, home=B)
    consent = network.must("consent", "sign", first, home=B).fact("recorded")
    second = changed(network, agreed, equal)
    network.must("consent", "text", second, home=B)

    done = network.must("consent", "lint", second, home=B)
    assert found(done) == [["L40", "warn", "subject"]]

    network.must("consent", "withdraw", consent, "--by", "subject", "--channel", "phone", home=B)
    assert network.must("consent", "lint", second, home=B).shown == "no finding\n"


def test_a_signed_consent_is_checked_with_its_signatures(network: Network, agreed: str) -> None:
    file = signed_consent(network, agreed)
    data = file.read_bytes()

    done = network.must("consent", "lint", str(file), home=B)
    assert {rule for rule, _, _ in found(done)} <= {"L40"}  # earlier ones of this test run
    network.write("forged.jws", data[:-20].decode() + "A" * 10 + data[-10:].decode())
    forged = network.exchange("consent", "lint", "forged.jws", home=B)
    assert (forged.code, found(forged)) == (1, [["L47", "refuse", "signatures"]])


def test_without_a_home_the_words_of_an_agreement_suffice(network: Network, agreed: str) -> None:
    terms = signed_agreement(network)
    file = signed_consent(network, agreed)
    void = changed(network, agreed, ('recipients = ["jobcentre-a"]', 'recipients = ["women-b"]'))

    assert network.must("consent", "lint", str(file), "--agreement", terms).shown == "no finding\n"
    young = network.exchange(
        *("consent", "lint", str(file), "--agreement", terms, "--born", "2020-01-01")
    )
    assert found(young) == [["L35", "refuse", "capacity_basis"]]
    wrong = network.exchange("consent", "lint", void, "--agreement", terms)
    assert wrong.code == 1
    assert ["L03", "refuse", "recipients"] in found(wrong)


def test_a_file_that_is_no_consent_is_a_finding(network: Network, agreed: str) -> None:
    terms = signed_agreement(network)

    other = network.exchange("consent", "lint", terms, "--agreement", terms)
    assert (other.code, found(other)) == (1, [["L46", "refuse", "payload"]])
    complaint = network.refused(
        *("consent", "lint", changed(network, agreed), "--agreement", "undertaking.txt")
    )
    assert "no signed agreement" in complaint


def test_nobody_reads_or_signs_what_could_never_be_recorded(network: Network, agreed: str) -> None:
    name = changed(network, agreed, ("2027-01-31", "2029-01-31"))
    shown = network.root / "lint.de.txt"
    before = shown.read_bytes()

    for command in (("text", name), ("form", name, "--out", "lint.html")):
        assert "L15 valid_until" in network.refused("consent", *command, home=B)

    assert shown.read_bytes() == before
    assert not (network.root / "lint.html").exists()


def test_a_new_draft_outside_the_agreement_says_where_and_leaves_nothing(
    network: Network, agreed: str
) -> None:
    line = network.refused(
        *("consent", "new", "outside.toml", "--agreement", agreed, "--releaser", B),
        *("--recipient", "nobody", "--category", "all", "--purpose", "elsewhere"),
        *("--until", "2027-01-31"),
        home=B,
    )

    for broken in ("L01 recipients", "L04 categories", "L06 purpose"):
        assert broken in line
    assert not list(network.root.glob("outside*"))


def test_a_birth_date_is_never_a_guess_of_the_program(network: Network, agreed: str) -> None:
    network.must(
        *("consent", "new", "unborn.toml", "--agreement", agreed, "--releaser", B),
        *("--recipient", A, "--category", "rent-arrears-letter", "--purpose", "housing-loss"),
        *("--until", "2027-01-31"),
        home=B,
    )

    assert "subject.born" in network.refused("consent", "sign", "unborn.toml", home=B)
