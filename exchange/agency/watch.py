"""Sends what a back office puts into a watched folder: each document once, or says why not.

The folder may lie on a network share, where nobody tells what is new: it is looked at again and
again, and what looks the same in two looks is complete. What is written all the same, by a program
that paused in between, waits until it rests: copies are sent, and only of what stood still while it
was copied. Killed at any point, the next start goes on: a taken folder stays taken until it is done
or failed, and what it holds names the submission, so that a repetition sends nothing twice.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import structlog

from exchange import canonical
from exchange.agency import watch_folders, watch_words
from exchange.agency.office import Office
from exchange.agency.rooms import in_thread
from exchange.agency.state import Sent
from exchange.agency.submissions import forget_vain
from exchange.agency.submit import identified, submit
from exchange.agency.watch_copy import Changing
from exchange.agency.watch_draft import copied
from exchange.agency.watch_folders import DONE, FAILED, REASON, RECEIPT, Found, Mark
from exchange.errors import ExchangeError, StorageFull, TooMany, Unavailable
from exchange.members import write_time

NOT_NOW: Final = (Unavailable, TooMany, StorageFull)
"""What passes by itself: the folder stays taken, and is tried again at the next look."""

log = structlog.get_logger(__name__)


class Watch:
    """One watched folder, and what was seen in it at the last look."""

    def __init__(self, office: Office, root: Path) -> None:
        self._office = office
        self._root = root
        self._seen: dict[Found, Mark] = {}
        self._changing: dict[Path, Mark | None] = {}

    async def look(self) -> None:
        """Take what is complete, and send what was taken.

        Raises:
            OSError: the folder is not there, such as a share that is not mounted.
        """
        await asyncio.to_thread(watch_folders.prepare, self._root)
        seen = await asyncio.to_thread(watch_folders.waiting, self._root)
        for found, mark in seen.items():
            if self._seen.get(found) == mark:
                with _holding_up_no_other():
                    await asyncio.to_thread(watch_folders.take, self._root, found)
        self._seen = seen
        for folder in await asyncio.to_thread(watch_folders.taken, self._root):
            with _holding_up_no_other():
                if await self._rests(folder):
                    await self._send(folder)

    async def _rests(self, folder: Path) -> bool:
        """Tell whether a folder that changed while it was copied looks as it did a look ago."""
        if folder not in self._changing:
            return True
        before = self._changing.pop(folder)
        now = await asyncio.to_thread(watch_folders.mark_of, folder)
        if now is not None and now == before:
            return True
        self._changing[folder] = now
        return False

    async def _send(self, folder: Path) -> None:
        before = await asyncio.to_thread(watch_folders.mark_of, folder)
        try:
            sent = await self._submitted(folder, before)
        except Changing:
            log.info("watch_waits", code="changing")
            self._changing[folder] = await asyncio.to_thread(watch_folders.mark_of, folder)
            return
        except NOT_NOW as trouble:
            log.warning("watch_waits", code=trouble.code)
            return
        except (ExchangeError, OSError) as trouble:
            code = trouble.code if isinstance(trouble, ExchangeError) else "unreadable"
            log.warning("watch_failed", code=code)
            told = {REASON: watch_words.why_not(trouble)}
            await asyncio.to_thread(watch_folders.finish, folder, FAILED, told)
            return
        told = {RECEIPT: receipt(sent)}
        reason = watch_words.why_refused(sent)
        if reason is None and await asyncio.to_thread(watch_folders.mark_of, folder) != before:
            reason = watch_words.changed_since()
        if reason is not None:
            told[REASON] = reason
        await asyncio.to_thread(
            watch_folders.finish, folder, DONE if reason is None else FAILED, told
        )
        log.info("watch_sent", count=len(sent))

    async def _submitted(self, folder: Path, mark: Mark | None) -> list[Sent]:
        gateway = self._office.gateway
        with ExitStack() as files:
            try:
                copies = await in_thread(files.enter_context, copied(folder, gateway.room))
            except (ExchangeError, OSError):  # it may be wrong because it is being written
                await self._check_unchanged(folder, mark)
                raise
            await self._check_unchanged(folder, mark)
            # What it holds is its name: the same folder once more, after a crash or put there by
            # a program that copies, is the same submission. Unless nothing of it can reach anybody
            # any more: whoever puts it there again then wants it sent.
            submission = await asyncio.to_thread(identified, copies)
            await gateway.state.write(forget_vain, submission.key)
            return await submit(self._office, submission)

    async def _check_unchanged(self, folder: Path, before: Mark | None) -> None:
        if before is None or await asyncio.to_thread(watch_folders.mark_of, folder) != before:
            raise Changing


@contextlib.contextmanager
def _holding_up_no_other() -> Iterator[None]:
    """Pass over a folder that cannot be read, moved or told at this moment."""
    try:
        yield
    except OSError:  # its text would quote names
        log.warning("watch_waits", code="unreadable")


async def run(office: Office, stop: asyncio.Event) -> None:
    """Watch the folder of the settings until `stop` is set; a document being sent is finished."""
    settings = office.gateway.settings.watch
    if settings.out is None:
        return
    watch = Watch(office, office.gateway.home.root / settings.out)
    missing = False
    while not stop.is_set():
        try:
            await watch.look()
            missing = False
        except OSError:
            if not missing:  # once, not at each look
                log.error("watch_missing")
            missing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.look_s):
                await stop.wait()


def receipt(sent: list[Sent]) -> bytes:
    """Return what the office keeps of a sending: ids, recipients, and how far it was."""
    listed = [
        {
            "id": one.id,
            "recipients": one.recipients.split(","),
            "state": one.state.value,
            "sent_at": write_time(one.sent_at.replace(microsecond=0)),
        }
        for one in sent
    ]
    return canonical.encode({"disclosures": listed}) + b"\n"
