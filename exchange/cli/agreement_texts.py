"""`exchange agreement texts`: the texts a person is shown, and an agency's own before it proposes.

What is found here is found again before an agreement with these texts is signed.
"""

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from exchange.consent.proofread import proofread
from exchange.consent.texts import read_texts, shipped, shipped_folder
from exchange.durable import make_directory, write_bytes_durably
from exchange.errors import Conflict, Malformed
from exchange.rules import refuse, sentence


def texts(
    folder: Path | None = None,
    /,
    *,
    new: Annotated[
        bool,
        Parameter(negative=(), help="Make the folder first, with a copy of the shipped texts."),
    ] = False,
) -> None:
    """List the shipped texts, or check a folder with texts of your own by the rules for texts.

    A text has the same parts and names the same things in every language; a released one never
    changes. Name the folder in the draft of an agreement, and its texts are signed with it.

    Parameters
    ----------
    folder
        Folder with `<id>/<version>/<lang>.txt` and `index.toml`; without it, the shipped ones.
    """
    if new:
        if folder is None:
            raise Malformed("name the folder to make")
        _copy(shipped_folder(), folder)
    own = read_texts(folder) if folder is not None else shipped()
    for text in own:
        print(f"text        {'/'.join(text.key)}")
    joined = {text.key: text for text in (*shipped(), *own)}  # a new language has its German
    names = {"/".join(text.key) for text in own}
    found = [finding for finding in proofread(list(joined.values())) if finding.field in names]
    for finding in found:
        print(f"{finding.id} {finding.severity:<7} {finding.field}: {sentence(finding, 'en')}")
    refuse(found)


def _copy(source: Traversable, target: Path) -> None:
    if target.exists():
        raise Conflict(f"{target.name} exists; it is not overwritten")
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            make_directory(target)
            write_bytes_durably(target / entry.name, entry.read_bytes())
