"""exchange.envelope.contents"""

from typing import Any

import pytest

from exchange.canonical import encode, sha256_hex
from exchange.envelope.contents import (
    LARGEST_CONTENTS,
    LARGEST_TOTAL,
    Entry,
    Letter,
    Onward,
    new_contents,
    read_contents,
    unsuitable,
)
from exchange.errors import Malformed, TooLarge
from exchange.vocabulary import Secrecy

FILE: dict[str, Any] = {
    "name": "Kündigung.pdf",
    "type": "application/pdf",
    "size": 70000,
    "sha256": "ab" * 32,
}
ONWARD = {
    "disclosure": "06060606-0606-4606-8606-060606060606",
    "from": "women-b",
    "secrecy": "professional",
}
PLAIN: dict[str, Any] = {"salt": "A" * 43, "files": [FILE]}
FULL = {
    **PLAIN,
    "files": [{**FILE, "third_party": True}, {**FILE, "name": "b"}],
    "subject": {"name": "N."},
    "remark": "Bitte\nprüfen",
    "reference": "4711",
    "onward_of": [ONWARD],
    "profile": "xdomea/3",
}


def test_a_list_with_every_member_is_read() -> None:
    contents = read_contents(encode(FULL))
    assert contents.files == (
        Entry("Kündigung.pdf", "application/pdf", 70000, "ab" * 32, third_party=True),
        Entry("b", "application/pdf", 70000, "ab" * 32),
    )
    assert contents.subject == {"name": "N."}
    assert (contents.remark, contents.reference) == ("Bitte\nprüfen", "4711")
    assert contents.onward_of == (Onward(ONWARD["disclosure"], "women-b", Secrecy.PROFESSIONAL),)
    assert contents.profile == "xdomea/3"
    assert contents.raw == encode(FULL)
    assert contents.sha256 == sha256_hex(encode(FULL))
    assert contents.total == 140000


def test_a_list_is_written_as_it_is_read() -> None:
    contents = read_contents(encode(FULL))
    again = new_contents(contents.files, contents)
    assert again.raw != contents.raw
    assert encode({**FULL, "salt": _salt(again.raw)}) == again.raw


def test_what_is_not_enclosed_is_not_written() -> None:
    entry = Entry("a", "text/plain", 0, "00" * 32)
    raw = new_contents([entry], Letter()).raw
    assert (
        encode(
            {
                "salt": _salt(raw),
                "files": [{"name": "a", "type": "text/plain", "size": 0, "sha256": "00" * 32}],
            }
        )
        == raw
    )
    contents = read_contents(raw)
    assert (contents.subject, contents.remark, contents.reference) == (None, None, None)
    assert contents.onward_of == ()
    assert contents.profile is None


def test_the_salt_is_drawn_anew_so_that_the_commitment_hides_the_contents() -> None:
    entry = Entry("a", "text/plain", 0, "00" * 32)
    assert new_contents([entry], Letter()).sha256 != new_contents([entry], Letter()).sha256


def _salt(raw: bytes) -> str:
    return raw.split(b'"salt":"')[1][:43].decode()


MALFORMED: dict[str, Any] = {
    "no salt": {"files": [FILE]},
    "short salt": {**PLAIN, "salt": "AAAA"},
    "no files": {**PLAIN, "files": []},
    "files missing": {"salt": "A" * 43},
    "too many files": {**PLAIN, "files": [{**FILE, "name": f"{n}"} for n in range(1001)]},
    "unknown member": {**PLAIN, "more": 1},
    "unknown member of a file": {**PLAIN, "files": [{**FILE, "more": 1}]},
    "unknown member of an onward": {**FULL, "onward_of": [{**ONWARD, "more": 1}]},
    "empty onward": {**PLAIN, "onward_of": []},
    "onward of another class": {**FULL, "onward_of": [{**ONWARD, "secrecy": "secret"}]},
    "onward of no disclosure": {**FULL, "onward_of": [{**ONWARD, "disclosure": "x"}]},
    "third party false": {**PLAIN, "files": [{**FILE, "third_party": False}]},
    "third party number": {**PLAIN, "files": [{**FILE, "third_party": 1}]},
    "subject as text": {**PLAIN, "subject": "N."},
    "remark too long": {**PLAIN, "remark": "x" * 4001},
    "remark with a direction mark": {**PLAIN, "remark": "x\u202ey"},
    "reference in lines": {**PLAIN, "reference": "1\n2"},
    "profile that is said by saying nothing": {**PLAIN, "profile": "files/1"},
    "profile without a version": {**PLAIN, "profile": "xdomea"},
    "profile of version zero": {**PLAIN, "profile": "xdomea/0"},
    "profile in upper case": {**PLAIN, "profile": "XDOMEA/3"},
    "profile too long": {**PLAIN, "profile": "x" * 60 + "/1"},
    "profile as number": {**PLAIN, "profile": 3},
    "no object": [],
    "size negative": {**PLAIN, "files": [{**FILE, "size": -1}]},
    "size as text": {**PLAIN, "files": [{**FILE, "size": "1"}]},
    "digest in upper case": {**PLAIN, "files": [{**FILE, "sha256": "AB" * 32}]},
    "type with parameters": {**PLAIN, "files": [{**FILE, "type": "text/plain;charset=utf-8"}]},
    "type in upper case": {**PLAIN, "files": [{**FILE, "type": "Text/plain"}]},
    "type as number": {**PLAIN, "files": [{**FILE, "type": 1}]},
    "name as number": {**PLAIN, "files": [{**FILE, "name": 1}]},
    "two of a name": {**PLAIN, "files": [FILE, FILE]},
    "case-fold clash": {**PLAIN, "files": [FILE, {**FILE, "name": "KÜNDIGUNG.pdf"}]},
    "too large together": {
        **PLAIN,
        "files": [{**FILE, "size": LARGEST_TOTAL}, {**FILE, "name": "b", "size": 1}],
    },
}
NAMES = {
    "absolute": "/etc/passwd",
    "parent": "..",
    "path": "a/b",
    "backslash": "a\\b",
    "empty": "",
    "NFD": "Ku\u0308ndigung",
    "direction mark": "a\u202eb",
    "invisible": "a\u200bb",
    "NUL": "a\0b",
    "device": "con.txt",
    "trailing dot": "a.",
    "leading space": " a",
    "too long": "x" * 256,
}
MALFORMED |= {
    f"name {kind}": {**PLAIN, "files": [{**FILE, "name": name}]} for kind, name in NAMES.items()
}


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
def test_a_list_of_another_form_is_refused(payload: Any) -> None:
    with pytest.raises(Malformed) as refused:
        read_contents(encode(payload))
    assert "Kündigung" not in str(refused.value)


def test_a_list_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooLarge):
        read_contents(b" " * (LARGEST_CONTENTS + 1))


def test_what_a_recipient_would_refuse_is_not_written() -> None:
    with pytest.raises(Malformed):
        new_contents([], Letter())
    with pytest.raises(Malformed):
        new_contents([Entry("a/b", "text/plain", 0, "00" * 32)], Letter())


def test_capabilities_tell_what_an_intake_cannot_take() -> None:
    contents = read_contents(encode(PLAIN))
    types = {"application/pdf"}
    assert unsuitable(contents, media_types=(), max_size=70000, name_alphabet=None) == ()
    assert (
        unsuitable(contents, media_types=types, max_size=70000, name_alphabet="Kündigung.pf") == ()
    )
    assert unsuitable(contents, media_types={"x/y"}, max_size=69999, name_alphabet="a") == (
        "media-type",
        "size",
        "name",
    )
