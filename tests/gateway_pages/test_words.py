"""What the pages say: the same in both languages, for everything that can happen, and inert."""

import re
from importlib.resources import files

import pytest

from exchange.agency.events import EventKind
from exchange.agency.leash import Reason as Aside
from exchange.agency.pages.shell import PARTS, make_shell
from exchange.agency.quarantine import FORBIDDEN
from exchange.agency.state import Sending
from exchange.consent.decision import Reason
from exchange.consent.withdrawal import By, Channel, EndReason
from exchange.consent.words import (
    Capacity,
    CapacityBasis,
    Custody,
    FormReason,
    Identified,
    Interpreter,
    Power,
)
from exchange.pages.words import PLACEHOLDER, USUAL
from exchange.vocabulary import Secrecy
from exchange.wire import acknowledgement
from exchange.wire.erasure import Ground

SHELL = make_shell()
CHOSEN = (
    *("form", "form_reason", "capacity", "identified", "interpreter", "power", "custody", "basis"),
    *("by", "channel", "end", "ground", "secrecy", "text", "reason", "held", "aside", "result"),
    *("sending", "event", "trouble.s", "part", "month", "consent.", "done", "attention", "fact"),
    *("quarantine", "documents", "sent", "requests", "erasures", "events", "uses", "format"),
)
"""Beginnings of keys that are put together from codes."""


def sources() -> str:
    """Return all templates, and the modules beside them."""
    here = files("exchange.agency.pages")
    found = [file.read_text("utf-8") for file in here.joinpath("templates").iterdir()]
    found += [file.read_text("utf-8") for file in here.iterdir() if file.name.endswith(".py")]
    return "\n".join(found)


@pytest.mark.parametrize("lang", USUAL)
def test_both_languages_have_the_same_texts_with_the_same_places(lang: str) -> None:
    german = SHELL.words["de"].texts
    texts = SHELL.words[lang].texts

    assert texts.keys() == german.keys()
    for key, text in texts.items():
        assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(german[key])), key
        assert text == text.strip() != "", key
        assert re.search(r"[<>&]|\{\{|\{%", text) is None, key


@pytest.mark.parametrize("lang", USUAL)
def test_whatever_can_happen_has_words(lang: str) -> None:
    words = SHELL.words[lang]
    wanted = {f"event.{kind.value}" for kind in EventKind}
    wanted |= {f"reason.{reason.value}" for reason in (*Reason, *acknowledgement.Reason)}
    wanted |= {f"aside.{reason.value}" for reason in Aside}
    wanted |= {f"aside.{code}" for code in ("media-type", "size", "name", "profile")}
    wanted |= {f"aside.{code}" for code in FORBIDDEN}
    wanted |= {f"aside_next.{step}" for step in ("look", "ask", "administrator", "never")}
    wanted |= {f"result.{result.value}" for result in acknowledgement.Result}
    wanted |= {f"sending.acknowledged-{result.value}" for result in acknowledgement.Result}
    wanted |= {f"sending.{one.value}" for one in Sending if one is not Sending.ACKNOWLEDGED}
    wanted |= {f"part.{key}" for _, key in PARTS}
    wanted |= {f"secrecy.{secrecy.code}" for secrecy in Secrecy}
    for kind, choices in (
        ("by", By),
        ("channel", Channel),
        ("end", EndReason),
        ("ground", Ground),
        ("form_reason", FormReason),
        ("capacity", Capacity),
        ("interpreter", Interpreter),
        ("power", Power),
        ("custody", Custody),
        ("basis", CapacityBasis),
    ):
        wanted |= {f"{kind}.{choice.value}" for choice in choices}
    wanted |= {f"identified.{one.value}" for one in Identified if one is not Identified.CODE}

    assert {key for key in wanted if not words.knows(key)} == set()


def test_every_text_is_used_and_every_used_text_exists() -> None:
    source = sources()
    texts = SHELL.words["de"].texts
    named = set(re.findall(r"[\"']([a-z_]+\.[a-z0-9_.]+)[\"']", source))
    asked = set(re.findall(r'say\("([a-z0-9_.]+)"[,)]', source))

    assert asked - texts.keys() == set()
    assert {key for key in texts.keys() - named if not key.startswith(CHOSEN)} == set()
