"""exchange agreement texts, consent new and consent text: what is shown is what is recorded."""

from pathlib import Path

import pytest

from exchange.canonical import sha256_hex
from tests.cli.network import AGREEMENT, A, B, Network, draft

pytestmark = pytest.mark.xdist_group("cli-network")


def listed(text_id: str, lang: str, text: str) -> str:
    """Return the entry of a text for `index.toml`."""
    return (
        f'\n[[text]]\nid = "{text_id}"\nversion = "1.0"\nlang = "{lang}"\nreviewed = true\n'
        f'reviewer = "translator"\nsha256 = "{sha256_hex(text.encode())}"\n'
    )


def add(folder: Path, text_id: str, lang: str, text: str) -> None:
    """Add a text to a folder, as an agency does."""
    file = folder / text_id / "1.0" / f"{lang}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    with (folder / "index.toml").open("a", encoding="utf-8") as index:
        index.write(listed(text_id, lang, text))


@pytest.fixture
def folder(network: Network, request: pytest.FixtureRequest) -> Path:
    """Return a folder with a copy of the shipped texts."""
    name = f"texts-{request.node.name[:40]}"
    network.must("agreement", "texts", name, "--new")
    return network.root / name


def german(folder: Path) -> str:
    return (folder / "consent-form" / "1.0" / "de.txt").read_text(encoding="utf-8")


def test_the_shipped_texts_are_listed(network: Network) -> None:
    shown = network.must("agreement", "texts").shown
    assert "consent-form/1.0/de-simple" in shown
    assert "N06 warn" in shown


def test_a_folder_that_exists_is_not_overwritten(network: Network, folder: Path) -> None:
    assert "not overwritten" in network.refused("agreement", "texts", folder.name, "--new")
    assert "name the folder" in network.refused("agreement", "texts", "--new")


def test_another_language_of_a_shipped_text_has_its_parts(network: Network, folder: Path) -> None:
    add(folder, "consent-form", "tr", german(folder))
    shown = network.must("agreement", "texts", folder.name).shown
    assert "consent-form/1.0/tr" in shown
    assert "refuse" not in shown
    add(folder, "consent-form", "fr", german(folder).replace("{authority}", "nous"))
    done = network.exchange("agreement", "texts", folder.name)
    assert done.code != 0
    assert "N03 refuse  consent-form/1.0/fr: A translation lacks a detail." in done.shown


def test_an_own_text_that_breaks_a_rule_is_never_signed(network: Network, folder: Path) -> None:
    own = german(folder).replace("== refusal\n", "== refusal when=once\n")
    add(folder, "jobcentre-a/consent-form", "de", own)
    network.write(
        "broken-texts.toml",
        AGREEMENT.replace("3f0c9b1e", "5f0c9b1e") + f'[texts]\nfolder = "{folder.name}"\n',
    )
    assert "N01" in network.refused("agreement", "propose", "broken-texts.toml", home=A)
    assert not list((network.root / A / "statements").glob("agreement-5f0c9b1e*"))


def test_an_own_text_is_shown_instead_of_ours_under_its_agreement(
    network: Network, agreed: str, folder: Path
) -> None:
    add(folder, "women-b/consent-form", "de", german(folder).replace("in Ruhe", "ganz in Ruhe"))
    network.write(
        "own-texts.toml",
        AGREEMENT.replace("3f0c9b1e", "6f0c9b1e") + f'[texts]\nfolder = "{folder.name}"\n',
    )
    agreement = network.must("agreement", "propose", "own-texts.toml", home=A).fact("proposed")
    network.must("agreement", "sign", agreement, "--yes", home=B)
    draft(network, agreement, "own.toml")
    assert "ganz in Ruhe" in (network.root / "own.de.txt").read_text(encoding="utf-8")
    network.must("consent", "sign", "own.toml", home=B)
    draft(network, agreed, "ours.toml")
    assert "ganz in Ruhe" not in (network.root / "ours.de.txt").read_text(encoding="utf-8")


def test_the_text_lies_beside_its_draft_and_names_nobody(network: Network, agreed: str) -> None:
    draft(network, agreed, "beside.toml", "--lang", "de-simple")
    text = (network.root / "beside.de-simple.txt").read_text(encoding="utf-8")
    assert text.startswith("Ihre Erlaubnis\n")
    assert "bis zum 31.01.2027" in text
    network.must("consent", "sign", "beside.toml", home=B)


def test_a_draft_changed_after_its_text_was_shown_is_not_recorded(
    network: Network, agreed: str
) -> None:
    draft(network, agreed, "changed.toml")
    file = network.root / "changed.toml"
    later = file.read_text(encoding="utf-8").replace("2027-01-31", "2027-01-30")
    file.write_text(later, encoding="utf-8")
    assert "L26" in network.refused("consent", "sign", "changed.toml", home=B)
    again = network.must("consent", "text", "changed.toml", home=B)
    shown = (network.root / "changed.de.txt").read_bytes()
    assert sha256_hex(shown)[:10] in again.shown
    network.must("consent", "sign", "changed.toml", home=B)


def test_a_text_can_be_read_before_anybody_has_signed(network: Network, agreed: str) -> None:
    draft(network, agreed, "early.toml")
    file = network.root / "early.toml"
    text = file.read_text(encoding="utf-8").replace("scan.pdf", "not-there-yet.pdf")
    file.write_text(text, encoding="utf-8")
    assert network.must("consent", "text", "early.toml", home=B).fact("text") == "early.de.txt"
    assert "evidence.file" in network.refused("consent", "sign", "early.toml", home=B)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--lang", "tr"), "no text consent-form in this language"),
        (("--category", "care-note"), "categor"),
        (("--purpose", "debt-advice"), "purpose"),
    ],
)
def test_a_draft_without_a_text_leaves_nothing_behind(
    network: Network, agreed: str, options: tuple[str, str], expected: str
) -> None:
    complaint = network.refused(
        *("consent", "new", "never.toml", "--agreement", agreed),
        *("--releaser", B, "--recipient", A, "--category", "rent-arrears-letter"),
        *("--purpose", "housing-loss", "--until", "2027-01-31", *options),
        home=B,
    )
    assert expected in complaint
    assert not list(network.root.glob("never*"))
