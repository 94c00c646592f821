"""Codes on paper: one text each, typed carelessly, mistaken for no other, never guessed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.consent.credential import LONGEST_TYPED, Credential, Purpose, read
from exchange.errors import Malformed

CODE = Credential(Purpose.CODE, bytes(range(16)))
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
secrets = st.sampled_from(Purpose).flatmap(
    lambda purpose: st.binary(min_size=purpose.size, max_size=purpose.size).map(
        lambda secret: Credential(purpose, secret)
    )
)


@given(secrets)
def test_what_is_printed_is_what_is_read(made: Credential) -> None:
    assert read(made.text, *Purpose) == made


def test_known_texts() -> None:
    invitation = Credential(Purpose.INVITATION, bytes(range(16)))
    key = Credential(Purpose.LOG_KEY, bytes(range(32)))

    assert CODE.text == "C000-4106-1050-R3GG-28A1-C60T-3GF4"
    assert invitation.text == "D000-4106-1050-R3GG-28A1-C60T-3GFF"
    assert key.text == "K00010-81G818-60W40J-2GB1G6-GW3RG2-491650-N2RBHG-68T3CE-1T7GZA"
    # printf 'xch-code-v1\n\000\001...\017' | sha256sum, in base64url
    assert CODE.digest == "19UJlRJjRJUgXH5QJUvbdMMGgpu3RQ2iA0lhhZuUVQk"


def test_a_code_has_seven_groups_of_four_and_a_log_key_nine_of_six() -> None:
    key = Credential(Purpose.LOG_KEY, bytes(32))

    assert re.fullmatch(r"C\w{3}(-\w{4}){6}", CODE.text)
    assert re.fullmatch(r"K\w{5}(-\w{6}){8}", key.text)


@pytest.mark.parametrize("between", ["", " ", "-", "\u00a0", "\u2011", "\u2013", " - ", "\n"])
def test_what_stands_between_groups_makes_no_difference(between: str) -> None:
    assert read(CODE.text.replace("-", between), Purpose.CODE) == CODE


def test_case_and_look_alikes_make_no_difference() -> None:
    typed = CODE.text.lower().replace("0", "o").replace("1", "l")

    assert read(typed, Purpose.CODE) == CODE
    assert read(CODE.text.replace("1", "I"), Purpose.CODE) == CODE


@given(secrets, st.data())
def test_any_one_wrong_character_is_noticed(made: Credential, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(made.text) - 1).filter(lambda at: made.text[at] != "-"))
    other = data.draw(st.sampled_from(ALPHABET.replace(made.text[place], "")))

    assert read(made.text[:place] + other + made.text[place + 1 :], *Purpose) is None


@given(secrets, st.data())
def test_two_neighbours_exchanged_are_noticed(made: Credential, data: st.DataObject) -> None:
    plain = made.text.replace("-", "")
    place = data.draw(st.integers(0, len(plain) - 2))
    first, second = plain[place], plain[place + 1]

    exchanged = read(plain[:place] + second + first + plain[place + 2 :], *Purpose)

    assert exchanged == (made if first == second else None)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_secret_is_taken_for_none_of_the_others(purpose: Purpose) -> None:
    made = Credential(purpose, bytes(purpose.size))
    others = [other for other in Purpose if other is not purpose]

    assert read(made.text, *others) is None
    assert read(made.text) is None
    assert len({Credential(one, bytes(16)).digest for one in Purpose if one.size == 16}) == 2


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "C",
        CODE.text[:-1],
        CODE.text + "0",
        "0" + CODE.text,
        CODE.text.replace("C", "U", 1),
        CODE.text.replace("-", "_"),
        CODE.text.replace("0", "\u0660"),
        "C" * LONGEST_TYPED,
        " " * (LONGEST_TYPED + 1),
        CODE.text + " " * LONGEST_TYPED,
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    ],
)
def test_anything_else_is_no_secret(typed: str) -> None:
    assert read(typed, *Purpose) is None


def test_a_number_too_large_and_one_too_short_are_no_second_spelling() -> None:
    largest = _checked("C" + "Z" * 26)
    short = _checked("C" + "0" * 25)
    long = _checked("C" + "0" * 27)

    assert [read(text, Purpose.CODE) for text in (largest, short, long)] == [None] * 3
    assert read(_checked("C" + "0" * 26), Purpose.CODE) == Credential(Purpose.CODE, bytes(16))


def _checked(text: str) -> str:
    """Return `text` with the one last character that fits, found by trying them all."""
    fits = [text + last for last in ALPHABET if _sum(text + last) == 0]
    assert len(fits) == 1
    return fits[0]


def _sum(text: str) -> int:
    """Return the sum again, from a table of powers instead of doubling."""
    powers = [1]
    while len(powers) < len(text):
        doubled = powers[-1] * 2
        powers.append(doubled ^ 37 if doubled & 32 else doubled)
    total = 0
    for symbol, power in zip(map(ALPHABET.index, reversed(text)), powers, strict=True):
        for bit in range(5):
            if symbol >> bit & 1:
                product = power
                for _ in range(bit):
                    product = product * 2 ^ 37 if product & 16 else product * 2
                total ^= product
    return total


def test_a_secret_of_another_size_is_refused() -> None:
    with pytest.raises(Malformed):
        Credential(Purpose.CODE, bytes(32))


def test_nothing_of_a_secret_is_in_its_representation() -> None:
    assert repr(CODE) == "Credential(purpose=<Purpose.CODE: 'C'>)"
