"""`exchange log scan`: the person's own check, or that of whoever she trusts with her key."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from exchange.cli.log_report import told
from exchange.cli.log_verify import NOBODY, Trust, read_token
from exchange.cli.progress import bars, late
from exchange.errors import Malformed

if TYPE_CHECKING:
    from exchange.audit.opening import Opening
    from exchange.verifier.report import Check

LARGEST_KEY: Final = 1024
"""Bytes of a file with a log key: one line."""


def scan(  # noqa: PLR0913  # each is an option of its own
    target: str,
    /,
    *,
    key_file: Path,
    shown: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    trust: Trust = NOBODY,
    token: Path | None = None,
    lang: Literal["de", "en"] = "en",
    json: Annotated[bool, Parameter(negative=(), help="Print the findings as JSON.")] = False,
) -> int:
    """Find every entry of one consent with its log key, and compare with what was shown.

    The log key stands on the person's receipt. Whoever has it learns when something happened under
    her consent; hand it to nobody she does not trust. Ends with 0 if everything was shown to her,
    1 if something is wrong, 2 if it could not be checked.

    Example: exchange log scan https://hub.example/log --key-file key.txt --shown receipts/

    Parameters
    ----------
    target
        A folder, a tar made by `exchange log export`, or an address such as
        https://hub.example/log.
    key_file
        File with the log key as it is printed, K... in nine groups; never on the command line.
    shown
        What she was shown: receipts (*.tlog-proof), a folder of them, or the openings.jsonl of an
        agency's unpacked export. Without it her entries are only listed.
    token
        File with an access token, where entries are not open to everybody.
    lang
        Language of the sentences, de or en.
    """
    return told(lambda: asyncio.run(_scan(target, key_file, shown, trust, token, lang)), json=json)


async def _scan(
    target: str,
    key_file: Path,
    shown: tuple[Path, ...],
    trust: Trust,
    token: Path | None,
    lang: str,
) -> "list[Check]":
    from exchange.verifier.scan import Scan
    from exchange.verifier.scanned import scanned
    from exchange.verifier.source import open_source

    key = _key(key_file)
    scan_ = Scan(key, await _shown(key, shown) if shown else None)
    policy = None if trust == NOBODY else trust.read()
    secret = None if token is None else read_token(token)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(open_source(target, secret))
        with bars() as bar:
            found = await scanned(source, policy, scan_, late(bar("entries")))
    return [*found, *scan_.checks(lang)]


def _key(file: Path) -> bytes:
    """Return the log key in a file, as it is printed."""
    from exchange.consent.credential import Purpose, read

    with file.open("rb") as opened:
        text = opened.read(LARGEST_KEY).decode("utf-8", "replace").strip()
    found = read(text, Purpose.LOG_KEY)
    if found is None:
        raise Malformed(f"{file.name} holds no log key; it begins with K, in nine groups of six")
    return found.secret


async def _shown(key: bytes, paths: tuple[Path, ...]) -> "list[Opening]":
    """Return the openings in receipts, folders of them, and lists."""
    found = list["Opening"]()
    for path in paths:
        files = sorted(path.glob("*.tlog-proof")) if path.is_dir() else [path]
        for file in files:
            found += await _openings(key, file)
    return found


async def _openings(key: bytes, file: Path) -> "list[Opening]":
    from exchange.verifier.files import FolderFiles
    from exchange.verifier.opened import NAME, read_opened
    from exchange.verifier.scan import told_of
    from exchange.verifier.volumes import lines_of

    if file.name != NAME:
        return _alone(key, file)
    # Of a large export it is the first volume.
    volumes = lines_of(FolderFiles(file.parent))
    return told_of(key, [read_opened(line).opening async for _, _, line in volumes])


def _alone(key: bytes, file: Path) -> "list[Opening]":
    from exchange.audit.opening import read_opening
    from exchange.audit.proof import read_receipt
    from exchange.verifier.opened import read_opened
    from exchange.verifier.scan import told_of

    data = file.read_bytes()
    if file.suffix == ".jsonl":
        return told_of(key, [read_opened(line).opening for line in data.split(b"\n") if line])
    return [read_opening(read_receipt(data).opening)]
