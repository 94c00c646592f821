"""docs/notices.md shows the words of every notice, and settings and channels that exist."""

import pytest

from exchange.hookspecs import NoticeKind
from exchange.hub.notice_words import LANGUAGES, words
from exchange.hub.settings import Notices
from tests.docs.generate import ROOT

PAGE = (ROOT / "docs/notices.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", NoticeKind)
def test_the_page_shows_what_a_notice_says(kind: NoticeKind, language: str) -> None:
    said = words(kind, language, hub_name="")
    shown = " ".join(PAGE.split())

    assert f"{language} {said.subject} {' '.join(said.text.split())}" in shown


def test_the_page_names_settings_that_exist() -> None:
    named = {part.split("`")[0] for part in PAGE.split("`notices.")[1:]}

    assert named
    assert named <= Notices.model_fields.keys()


def test_the_page_links_every_channel_that_comes_with_the_hub() -> None:
    for folder in (ROOT / "plugins").iterdir():
        project = folder / "pyproject.toml"
        if project.is_file() and '"exchange.hub"' in project.read_text(encoding="utf-8"):
            assert f"plugins/{folder.name}/README.md" in PAGE
