"""The auditor's pages: every agreement without its text, and proofs without what they prove of.

Nothing here opens an entry or a statement. What can be taken away are proofs about commitments,
which say nothing, so it leaves no trace and asks for no second proof of who she is.
"""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from exchange.audit.merkle import leaf_hash
from exchange.audit.proof import ENDING
from exchange.audit.spelling import read_number, write_base64
from exchange.canonical import is_uuid4
from exchange.days import last_day
from exchange.errors import Malformed, NotFound
from exchange.forms.account import Fact, Said
from exchange.hub.answers.agreements import Audited, list_audited
from exchange.hub.answers.proofs import (
    EntryProof,
    Growth,
    Signed,
    prove_entry,
    prove_growth,
    show_signed,
)
from exchange.hub.desk.figures import FIGURES
from exchange.hub.desk.shell import Place, Visit
from exchange.hub.storage.officers import Role
from exchange.pages.words import Words

AGREEMENTS: Final = "/officer/all-agreements"
PROOFS: Final = "/officer/proofs"
PAGE: Final = 20
AUDITORS: Final = frozenset[Role]({"auditor"})
_NUMBER: Final = "[0-9]+"


async def list_agreements(visit: Visit) -> web.StreamResponse:
    """Show a page of agreements."""
    after = visit.fields.get("after") or None
    if after is not None and not is_uuid4(after):
        raise Malformed("not a cursor")
    found = await list_audited(visit.hub, visit.asker, after=after, limit=PAGE)
    return visit.page(
        "audit.html",
        agreements=[(one, _facts(visit.say, one)) for one in found],
        base=AGREEMENTS,
        figures=FIGURES,
        next=found[-1].id if len(found) == PAGE else None,
    )


async def show(visit: Visit) -> web.StreamResponse:
    """Show who has signed the newest head, and prove what is asked for."""
    given = {name: visit.fields.get(name, "") for name in ("index", "old", "new")}
    asked = {name: _number(text) for name, text in given.items()}
    entry, growth = await _entry(visit, asked["index"]), await _growth(visit, asked)
    signed = await show_signed(visit.hub, visit.asker)
    return visit.page(
        "proofs.html",
        base=PROOFS,
        given=given,
        signed=None if signed is None else _signed(visit.say, signed),
        witnesses=[] if signed is None else _witnesses(visit.say, signed),
        entry=entry,
        entry_facts=[] if entry is None else _entry_facts(visit.say, entry),
        growth=growth,
        growth_facts=[] if growth is None else _growth_facts(visit.say, growth),
        ending=ENDING,
    )


async def take_entry(visit: Visit) -> web.StreamResponse:
    """Hand out the proof of an entry as a file."""
    found = await prove_entry(visit.hub, visit.asker, read_number(visit.in_path("index")))
    return _file(found.file(), f"entry-{found.index}{ENDING}")


async def take_growth(visit: Visit) -> web.StreamResponse:
    """Hand out the proof that the log has only grown as a file."""
    old, new = (read_number(visit.in_path(name)) for name in ("old", "new"))
    found = await prove_growth(visit.hub, visit.asker, old, new)
    return _file(found.file(), f"growth-{old}-{new}.txt")


PLACES: Final = (
    Place(path=AGREEMENTS, page=list_agreements, roles=AUDITORS, part="all_agreements"),
    Place(path=PROOFS, page=show, roles=AUDITORS, part="proofs"),
    Place(
        path=f"{PROOFS}/entry-{{index:{_NUMBER}}}{ENDING}",
        page=take_entry,
        roles=AUDITORS,
        fresh=True,
    ),
    Place(
        path=f"{PROOFS}/growth-{{old:{_NUMBER}}}-{{new:{_NUMBER}}}.txt",
        page=take_growth,
        roles=AUDITORS,
        fresh=True,
    ),
)


async def _entry(visit: Visit, index: int | None) -> EntryProof | None:
    try:
        return None if index is None else await prove_entry(visit.hub, visit.asker, index)
    except NotFound:
        return None


async def _growth(visit: Visit, asked: Mapping[str, int | None]) -> Growth | None:
    old = asked["old"]
    try:
        return (
            None if old is None else await prove_growth(visit.hub, visit.asker, old, asked["new"])
        )
    except NotFound:
        return None


def _number(text: str) -> int | None:
    """Return a number that a form has sent; None where nothing was filled in."""
    return read_number(text) if text else None


def _file(body: bytes, name: str) -> web.Response:
    return web.Response(
        body=body,
        content_type="text/plain",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _facts(say: Words, one: Audited) -> list[Fact]:
    parties = [
        agency if signed is not None else say("agreement.unsigned", party=agency)
        for agency, signed in one.parties
    ]
    facts = [
        ("digest", [one.digest]),
        ("state", [say(f"agreement.is_{one.state}")]),
        ("parties", parties),
        ("begins", [say.moment(one.begins)]),
        ("ends", [] if one.ends_at is None else [say.day(last_day(one.ends_at))]),
    ]
    return [_fact(say, f"audit.{key}", *texts) for key, texts in facts if texts]


def _signed(say: Words, found: Signed) -> dict[str, Any]:
    quorum = {True: "quorum_good", False: "quorum_missing", None: "quorum_none"}[found.quorum]
    facts = [
        _fact(say, "proofs.size", str(found.size)),
        _fact(say, "proofs.root", write_base64(found.root)),
        _fact(say, "proofs.quorum", say(f"proofs.{quorum}")),
    ]
    return {"facts": facts, "note": found.note.decode("utf-8")}


def _witnesses(say: Words, found: Signed) -> list[list[str]]:
    return [
        [name, say("proofs.not_signed") if at is None else say.moment(at)]
        for name, at in found.witnesses
    ]


def _entry_facts(say: Words, found: EntryProof) -> list[Fact]:
    return [
        _fact(say, "proofs.index", str(found.index)),
        _fact(say, "proofs.leaf", write_base64(found.leaf)),
        _fact(say, "proofs.leaf_hash", write_base64(leaf_hash(found.leaf))),
        _fact(say, "proofs.size", str(found.size)),
        _fact(say, "proofs.root", write_base64(found.root)),
        _fact(say, "proofs.steps", *([write_base64(one) for one in found.path] or ["0"])),
    ]


def _growth_facts(say: Words, found: Growth) -> list[Fact]:
    roots = ((found.old, found.old_root), (found.size, found.root))
    return [
        *(
            Fact(say("proofs.old_root", size=size), (Said(write_base64(root)),))
            for size, root in roots
        ),
        _fact(say, "proofs.hashes", *([write_base64(one) for one in found.path] or ["0"])),
    ]


def _fact(say: Words, key: str, *texts: str) -> Fact:
    return Fact(say(key), tuple(map(Said, texts)))
