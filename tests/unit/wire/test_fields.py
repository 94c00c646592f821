"""Texts that people are shown."""

import pytest
from pydantic import TypeAdapter, ValidationError

from exchange.wire.fields import Shown

TEXT: TypeAdapter[str] = TypeAdapter(Shown)


@pytest.mark.parametrize("text", ["", "EUPL-1.2", "Büro für Soziales"])
def test_a_text_of_one_line_may_be_shown(text: str) -> None:
    assert TEXT.validate_python(text) == text


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2Jb", "a\u202eb", "u\u0308ber"])
def test_a_text_with_signs_that_hide_another_may_not(text: str) -> None:
    with pytest.raises(ValidationError):
        TEXT.validate_python(text)
