"""Commands given while `exchange gateway run` uses the home: asked of it, through its local API."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from exchange.agency import home as homes
from exchange.agency.local_client import beside
from exchange.agency.log_points import STORED
from exchange.agency.plan import Draft
from exchange.agency.prove import receipt_file
from exchange.errors import Malformed
from exchange.serving.bodies import faults
from exchange.wire import local_shapes
from exchange.wire.erasure import Ground

if TYPE_CHECKING:
    from collections.abc import Collection


async def send(root: Path, draft: Draft, *, joint: bool) -> None:
    """Send the files of `draft`, and print what became of them.

    Raises:
        Malformed: an id or a word is none.
        NotCovered, Held, ...: as the gateway says.
    """
    home = homes.at(root)
    async with beside(home) as client:
        found = await client.submit(_submission(draft, joint=joint), draft.files)
    for one in found.disclosures:
        recipients = ",".join(one.recipients)
        print(f"{one.state} {one.id} for {recipients}, {one.size} bytes sealed")
        if one.state in ("sealed", "lodged"):
            print("  the running gateway goes on; look at it with: exchange gateway status")
        elif one.state == "stored":
            print(f"  receipt: {receipt_file(home, STORED, one.id)}")


async def look(root: Path) -> None:
    """Let the running gateway make its next round now."""
    async with beside(homes.at(root)) as client:
        await client.look_now()
    print("the running gateway looks now; exchange gateway status says what it finds")


async def recall(root: Path, disclosure: str) -> None:
    """Take back a document that nobody has collected."""
    async with beside(homes.at(root)) as client:
        await client.recall(disclosure)


async def confirm(
    root: Path,
    erasure: str,
    *,
    kept: tuple[Ground, date] | None,
    passed_on: "Collection[str]",
) -> None:
    """Confirm an erasure; see `exchange.agency.erase.confirm`."""
    ground, until = kept or (None, None)
    said = local_shapes.Confirmation(kept=ground, until=until, passed_on=tuple(sorted(passed_on)))
    async with beside(homes.at(root)) as client:
        await client.confirm(erasure, said)


def _submission(draft: Draft, *, joint: bool) -> local_shapes.Submission:
    try:
        return local_shapes.Submission.model_validate(
            {
                "consent": draft.consent,
                "recipients": draft.recipients,
                "category": draft.category,
                "secrecy": None if draft.secrecy is None else draft.secrecy.code,
                "remark": draft.remark,
                "reference": draft.reference,
                "joint": joint,
                "replaces": draft.replaces,
                "answers": draft.answers,
                "onward_of": draft.onward_of,
                "seen_by_person": draft.seen_by_person,
                "third_party": any(file.third_party for file in draft.files),
            }
        )
    except ValidationError as error:
        raise Malformed(faults(error)) from None
