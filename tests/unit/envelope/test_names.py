"""exchange.envelope.names"""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange.envelope.names import distinct, fold, is_admitted, normalise_name


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("Kündigung.pdf", "Kündigung.pdf"),
        (unicodedata.normalize("NFD", "Kündigung.pdf"), "Kündigung.pdf"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\letter.doc", "C__letter.doc"),
        ("a\0b\nc\x7fd\x85e", "a_b_c_d_e"),
        ("exe\u202egnp.pdf", "exe_gnp.pdf"),
        ("in\u200bvisible\ufeff.pdf", "in_visible_.pdf"),
        ('<>:"|?*', "_______"),
        ("  letter.pdf . ", "letter.pdf"),
        (".", "_"),
        ("..", "_"),
        ("", "_"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("lpt9.tar.gz", "_lpt9.tar.gz"),
        ("aux .pdf", "_aux .pdf"),
        ("console.txt", "console.txt"),
        (".profile", ".profile"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("ü" * 200 + ".pdf", "ü" * 125 + ".pdf"),
        ("x" * 254 + ". y", "x" * 252 + ". y"),
        ("x" * 254 + " " + "y" * 30, "x" * 254),
        ("x." + "y" * 300, "x." + "y" * 253),
        ("\ud800.pdf", "_.pdf"),
    ],
)
def test_a_sender_makes_names_admissible(given_name: str, name: str) -> None:
    assert normalise_name(given_name) == name
    assert is_admitted(name)
    assert is_admitted(given_name) == (given_name == name)


@given(st.text(max_size=300))
@example("con. . ")
@example(" ." * 200)
@example("a" * 250 + " ....")
@example("=\u0338")
def test_normalising_again_changes_nothing(text: str) -> None:
    name = normalise_name(text)
    assert normalise_name(name) == name
    assert 1 <= len(name.encode("utf-8")) <= 255
    assert "/" not in name
    assert name not in {".", ".."}


@given(st.lists(st.sampled_from(["a.pdf", "A.pdf", "a (2).pdf", "ß", "SS", "x" * 300, "", ".b"])))
def test_names_become_distinct_and_stay_admissible(names: list[str]) -> None:
    found = distinct(names)
    assert len({fold(name) for name in found}) == len(names)
    assert all(is_admitted(name) for name in found)


def test_a_clash_is_numbered_before_the_extension() -> None:
    assert distinct(["a.pdf", "A.PDF", "a.pdf", "b", "b"]) == [
        "a.pdf",
        "A (2).PDF",
        "a (3).pdf",
        "b",
        "b (2)",
    ]


def test_a_long_name_is_shortened_for_its_number() -> None:
    assert distinct(["x" * 300 + ".pdf"] * 2)[1] == "x" * 247 + " (2).pdf"
