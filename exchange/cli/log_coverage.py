"""`exchange log coverage`: lists of several agencies, united. Asks nobody, needs no network."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import Parameter

from exchange.cli.log_report import told
from exchange.cli.log_verify import NOBODY, Trust
from exchange.errors import Malformed

if TYPE_CHECKING:
    from exchange.verifier.report import Check

Read = TypeVar("Read")


def coverage(
    *files: Path,
    earlier: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    tombstone: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    head: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    trust: Trust = NOBODY,
    json: Annotated[bool, Parameter(negative=(), help="Print the checks as JSON.")] = False,
) -> int:
    """Unite the coverage lists of several agencies, and name every entry that nobody covers.

    Each officer checks her own export first, with `exchange log verify`, and hands on its
    coverage.json, which holds no event. Ends with 0 if every entry is accounted for, 1 if one is
    not, 2 if something could not be checked.

    Example: exchange log coverage women-b.json jobcentre-a.json youth-c.json

    Parameters
    ----------
    files
        coverage.json of each agency, from one time.
    earlier
        Lists from an earlier time: nothing may be erased that nobody had seen.
    tombstone
        Lists of what was erased, from the folder tombstones/ of an export.
    head
        Signed heads (checkpoint) that the lists must be about; with --policy or --log.
    """
    return told(lambda: _checks(files, earlier, tombstone, head, trust), json=json)


def _checks(
    files: tuple[Path, ...],
    earlier: tuple[Path, ...],
    tombstone: tuple[Path, ...],
    head: tuple[Path, ...],
    trust: Trust,
) -> "list[Check]":
    from exchange.audit.coverage import read_coverage
    from exchange.audit.tombstone import read_tombstone
    from exchange.verifier.heads import Kept
    from exchange.verifier.unite import Lists, check_lists

    if not files:
        raise Malformed("name the coverage.json of each agency")
    if tombstone and not earlier:
        raise Malformed("what was erased is judged by lists from before: give --earlier as well")
    lists = Lists(
        now=[_read(path, read_coverage, "coverage list") for path in files],
        earlier=[_read(path, read_coverage, "coverage list") for path in earlier],
        tombstones=[_read(path, read_tombstone, "list of what was erased") for path in tombstone],
        heads=[Kept(path.name, path.read_bytes()) for path in head],
        policy=trust.read() if head or trust != NOBODY else None,
    )
    return check_lists(lists)


def _read(path: Path, read: Callable[[bytes], Read], what: str) -> Read:
    try:
        return read(path.read_bytes())
    except Malformed as error:
        raise Malformed(f"{path.name} is no {what}: {error}") from None
