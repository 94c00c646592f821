"""exchange.cli.consent_blanks: what a half-filled draft lacks, all of it."""

from typing import Any

import pytest

from exchange.cli.consent_blanks import blanks

WHOLE: dict[str, Any] = {
    "id": "x",
    "agreement": "x",
    "releasers": ["a"],
    "recipients": ["b"],
    "categories": ["c"],
    "purpose": "p",
    "uses": "once",
    "valid_until": "d",
    "form": "written",
    "capacity": "self",
    "capacity_basis": "rule",
    "signers": [{"role": "subject", "identified": "known"}],
    "notice": {"id": "i", "version": "v", "lang": "de", "file": "f", "interpreter": "none"},
    "evidence": {"file": "f", "kind": "scan", "pages": 1},
    "subject": {"family_name": "n", "given_name": "n", "born": "d"},
}
BLOCKS = {"evidence", "notice", "subject"}


def test_a_whole_draft_lacks_nothing() -> None:
    assert blanks(WHOLE, signed=True) == ()


def test_an_empty_draft_lacks_everything_in_its_order() -> None:
    assert blanks({}, signed=True) == tuple(WHOLE)


def test_before_anybody_signs_evidence_and_person_may_be_missing() -> None:
    assert blanks({}, signed=False) == tuple(
        name for name in WHOLE if name not in ("evidence", "subject")
    )


def test_an_electronic_draft_needs_no_evidence() -> None:
    electronic = {**WHOLE, "form": "electronic", "evidence": None}
    assert blanks(electronic, signed=True) == ()


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("blank", [None, "", [], {}])
def test_a_blank_is_missing(name: str, blank: Any) -> None:
    assert blanks({**WHOLE, name: blank}, signed=True) == (name,)


@pytest.mark.parametrize(
    ("block", "member"), [(block, member) for block in sorted(BLOCKS) for member in WHOLE[block]]
)
def test_a_blank_within_a_block_is_named_by_its_path(block: str, member: str) -> None:
    assert blanks({**WHOLE, block: {**WHOLE[block], member: ""}}, signed=True) == (
        f"{block}.{member}",
    )


def test_a_signer_without_role_is_named() -> None:
    first = WHOLE["signers"][0]
    signers = [first, {"identified": "known"}, {"role": "witness"}]
    assert blanks({**WHOLE, "signers": signers}, signed=True) == (
        "signers[].role",
        "signers[].identified",
    )


@pytest.mark.parametrize("odd", [7, "text", [7], [["x"]]])
def test_what_is_of_a_wrong_type_is_left_to_the_reader(odd: Any) -> None:
    changed = {**WHOLE, "notice": odd, "signers": odd}
    assert blanks(changed, signed=True) == ()
