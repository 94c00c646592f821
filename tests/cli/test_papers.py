"""exchange.cli.consent_paper: forms and exports, made by the commands on a real hub."""

import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from exchange.canonical import loads, sha256_hex
from exchange.consent.credential import Purpose, read
from exchange.consent.export import schema
from tests.cli.network import FAMILY_NAME, A, B, Network, draft, recorded

pytestmark = pytest.mark.xdist_group("cli-papers")
SCHEMA = loads(schema(), limit=10**5, depth=20)


@pytest.fixture(scope="module")
def consent(network: Network, agreed: str) -> str:
    return recorded(network, agreed, "exported.toml")


def text_of(file: Path) -> str:
    with pypdfium2.PdfDocument(file) as opened:
        return " ".join(page.get_textpage().get_text_range() for page in opened)


def exported(network: Network, name: str) -> dict[str, Any]:
    read: dict[str, Any] = loads((network.root / name).read_bytes(), limit=10**6, depth=12)
    Draft202012Validator(SCHEMA).validate(read)
    return read


@pytest.fixture
def out(network: Network) -> Iterator[Path]:
    """Return the folder for what is printed; it is empty again after each test."""
    folder = network.root / "out"
    folder.mkdir()
    yield folder
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.parametrize("lang", ["de", "en", "de-simple"])
def test_a_form_bears_the_text_and_who_it_is_about(
    network: Network, agreed: str, out: Path, lang: str
) -> None:
    draft(network, agreed, f"form-{lang}.toml", "--lang", lang)
    shown = (network.root / f"form-{lang}.{lang}.txt").read_bytes()
    for name in ("out/form.pdf", "out/form.html"):
        done = network.must("consent", "form", f"form-{lang}.toml", "--out", name, home=B)
        assert done.fact("written") == name
        assert sha256_hex(shown)[:10] in done.shown
        assert FAMILY_NAME not in done.shown
        assert stat.S_IMODE((network.root / name).stat().st_mode) == 0o600
    page = (out / "form.html").read_text(encoding="utf-8")
    printed = text_of(out / "form.pdf")
    for found in (page, printed):
        assert f"{FAMILY_NAME}, Somebody" in found
        assert ("17 May 1990" if lang == "en" else "17.05.1990") in found
        assert sha256_hex(shown)[:10] in found


def test_a_form_can_be_printed_before_anybody_has_signed_or_is_named(
    network: Network, agreed: str, out: Path
) -> None:
    draft(network, agreed, "early.toml")
    early = network.root / "early.toml"
    text = early.read_text(encoding="utf-8")
    text = text.replace(f'"{FAMILY_NAME}"', '""').replace("scan.pdf", "not-there.pdf")
    early.write_text(text, encoding="utf-8")
    network.must("consent", "form", "early.toml", "--out", "out/early.html", home=B)
    page = (out / "early.html").read_text(encoding="utf-8")
    assert page.count("<dd></dd>") == 3 + 3  # three lines of the head, one signature


def test_a_form_leaves_the_head_blank_on_request(network: Network, agreed: str, out: Path) -> None:
    draft(network, agreed, "blank.toml")
    network.must("consent", "form", "blank.toml", "--blank", "--out", "out/b.html", home=B)
    assert FAMILY_NAME not in (out / "b.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", ["de", "en", "de-simple"])
def test_the_withdrawal_form_is_printed_for_any_consent(
    network: Network, agreed: str, out: Path, lang: str
) -> None:
    arguments = ("consent", "withdrawal-form", "--agreement", agreed, "--lang", lang)
    network.must(*arguments, "--out", "out/w.pdf", home=A)
    network.must(*arguments, "--out", "out/w.html", home=A)
    assert ("Widerruf" if lang.startswith("de") else "Withdrawal") in text_of(out / "w.pdf")
    assert f'<html lang="{lang}">' in (out / "w.html").read_text(encoding="utf-8")


def test_nothing_is_overwritten(network: Network, agreed: str, consent: str, out: Path) -> None:
    (out / "there.html").write_text("mine", encoding="utf-8")
    (out / "there.jsonld").write_text("mine", encoding="utf-8")
    arguments = ("consent", "withdrawal-form", "--agreement", agreed)
    complaint = network.refused(*arguments, "--out", "out/there.html", home=B)
    assert "there.html exists" in complaint
    complaint = network.refused("consent", "export", consent, "--out", "out/there.jsonld", home=B)
    assert "there.jsonld exists" in complaint
    assert (out / "there.html").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["out/form.docx", "out/form", "out/form.PDF"])
def test_another_ending_is_refused_before_anything_is_asked(
    network: Network, out: Path, name: str
) -> None:
    arguments = ("consent", "withdrawal-form", "--agreement", "no-id", "--out", name)
    assert "ends in .html or .pdf" in network.refused(*arguments, home=B)
    assert list(out.iterdir()) == []


def test_a_pdf_without_the_extra_says_in_one_line_what_to_install(
    network: Network, agreed: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)  # as if the extra were not installed
    arguments = ("consent", "withdrawal-form", "--agreement", agreed, "--out")
    complaint = network.refused(*arguments, "out/w.pdf", home=B)
    assert "install consent-exchange[forms]" in complaint
    network.must(*arguments, "out/w.html", home=B)
    assert [file.name for file in out.iterdir()] == ["w.html"]


def test_a_language_without_its_text_is_refused(network: Network, agreed: str, out: Path) -> None:
    arguments = ("consent", "withdrawal-form", "--agreement", agreed, "--lang", "fr")
    complaint = network.refused(*arguments, "--out", "out/w.html", home=B)
    assert "in this language" in complaint
    assert list(out.iterdir()) == []


def test_record_and_receipt_are_exported_and_name_nobody(
    network: Network, consent: str, out: Path
) -> None:
    network.must("consent", "export", consent, "--out", "out/record.jsonld", home=B)
    network.must("consent", "export", consent, "--receipt", "--out", "out/r.jsonld", home=B)
    record, receipt = exported(network, "out/record.jsonld"), exported(network, "out/r.jsonld")
    assert record["dct:identifier"] == consent
    assert receipt["@type"] == "dpv:ConsentReceipt"
    assert receipt["dct:identifier"] != consent
    del record["@context"]
    (proof,) = record.pop("xch:logReceipts")  # of the recording; the record alone carries it
    assert proof.startswith("c2sp.org/tlog-proof@v1\n")
    assert receipt["dct:source"] == record
    for name in ("record.jsonld", "r.jsonld"):
        content = (out / name).read_bytes()
        for told in (FAMILY_NAME, "4711", "1990", "second floor"):
            assert told.encode() not in content


@pytest.mark.parametrize(
    ("withdrawn", "status"),
    [
        (("--by", "subject"), "dpv:ConsentWithdrawn"),
        (("--by", "agency", "--reason", "purpose-reached"), "dpv:ConsentRevoked"),
        (("--by", "agency", "--reason", "unlawful"), "dpv:ConsentInvalidated"),
    ],
)
def test_an_export_says_how_the_consent_ended_to_whoever_may_know(
    network: Network, agreed: str, out: Path, withdrawn: tuple[str, ...], status: str
) -> None:
    found = recorded(network, agreed, f"ended-{withdrawn[-1]}.toml")
    network.must("consent", "withdraw", found, *withdrawn, "--channel", "phone", home=B)
    network.must("consent", "export", found, "--out", "out/ended.jsonld", home=B)
    events = exported(network, "out/ended.jsonld")["dpv:hasConsentStatus"]
    assert [event["@type"] for event in events] == ["dpv:ConsentGiven", status]
    # Nothing was ever stored for the recipient: to it, the consent does not exist.
    network.refused("consent", "export", found, "--out", "out/other.jsonld", home=A)


def test_an_export_of_what_is_used_up_says_so_as_the_persons_own_does(
    network: Network, agreed: str, out: Path
) -> None:
    network.must(
        *("consent", "new", "once.toml", "--agreement", agreed, "--uses", "once"),
        *("--releaser", B, "--recipient", A, "--category", "rent-arrears-letter"),
        *("--purpose", "housing-loss", "--until", "2027-01-31"),
        *("--evidence", "scan.pdf", "--subject", "subject.toml"),
        home=B,
    )
    found = network.must("consent", "sign", "once.toml", home=B).fact("recorded")
    network.write("once.txt", "Two months of rent are open.\n")
    network.must(
        *("gateway", "send", "once.txt", "--consent", found, "--to", A),
        *("--category", "rent-arrears-letter"),
        home=B,
    )

    network.must("consent", "export", found, "--out", "out/once.jsonld", home=B)

    events = exported(network, "out/once.jsonld")["dpv:hasConsentStatus"]
    assert [event["@type"] for event in events] == ["dpv:ConsentGiven", "dpv:ConsentExpired"]


def scanned(file: Path) -> list[str]:
    with pypdfium2.PdfDocument(file) as opened:
        pictures = [page.render(scale=2).to_pil().copy() for page in opened]
    return [code.text for picture in pictures for code in zxingcpp.read_barcodes(picture)]


def test_a_receipt_is_printed_with_codes_nobody_else_sees(
    network: Network, consent: str, out: Path
) -> None:
    done = network.must("consent", "receipt", consent, "--out", "out/receipt.pdf", home=B)
    printed = text_of(out / "receipt.pdf")
    (code,) = {found for word in printed.split() if (found := read(word, Purpose.CODE))}
    (key,) = {found for word in printed.split() if (found := read(word, Purpose.LOG_KEY))}
    assert code.text not in done.shown
    assert key.text not in done.shown
    assert scanned(out / "receipt.pdf") == ["https://hub.example/p/"]
    assert stat.S_IMODE((out / "receipt.pdf").stat().st_mode) == 0o600
    for told in ("Frauenberatung", "Jobcenter", FAMILY_NAME, "Miet"):
        assert told not in printed


def test_only_on_her_wish_the_code_on_a_receipt_carries_the_secrets(
    network: Network, consent: str, out: Path
) -> None:
    arguments = ("consent", "receipt", consent, "--qr-with-code")
    network.must(*arguments, "--out", "out/receipt.pdf", home=B)
    printed = text_of(out / "receipt.pdf").split()
    (code,) = {found.text for word in printed if (found := read(word, Purpose.CODE))}
    (key,) = {found.text for word in printed if (found := read(word, Purpose.LOG_KEY))}
    assert scanned(out / "receipt.pdf") == [f"https://hub.example/p/#{code}.{key}"]
    assert "--out" in network.refused(*arguments, home=B)
    assert "a new code" in network.refused(*arguments, "--no-code", "--out", "out/x.pdf", home=B)


def test_a_receipt_without_a_code_has_none_on_paper_either(
    network: Network, consent: str, out: Path
) -> None:
    arguments = ("consent", "receipt", consent, "--no-code", "--out", "out/r.html")
    network.must(*arguments, home=B)
    page = (out / "r.html").read_text(encoding="utf-8")
    assert "Sie haben keinen Code" in page
    assert "Zum Abtippen" not in page
