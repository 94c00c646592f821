"""The intake worker: foreign code over hostile documents, behind walls, one document at a time.

Run by the gateway as `python -I -B -m exchange.agency.worker`. Gets no key, no secret but the
plugin's own settings, no network and no other document; sees one room: `in` to read, `out` to
write. It is kept from document to document; after anything but success it is killed from
outside, which is the only thing that ends it beside the end of its requests.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import exchange
from exchange import registry
from exchange.agency import job, walls
from exchange.errors import Misconfigured
from exchange.hookspecs import AGENCY_GROUP, IntakeFormat


@dataclass(frozen=True, slots=True)
class _Channel:
    """Requests in, answers out; on descriptors of their own, which no print reaches."""

    requests: BinaryIO
    answers: BinaryIO

    def read(self) -> bytes:
        """Return the next line; empty when the gateway has closed its end."""
        return self.requests.readline(job.REQUEST_LIMIT)

    def say(self, line: bytes) -> None:
        """Send one line at once."""
        self.answers.write(line)
        self.answers.flush()


def main() -> None:
    """Load one adapter behind walls and convert what is asked for until the requests end."""
    channel = _open_channel()
    start = job.read_start(channel.read())
    plugin = registry.Named(
        name=start.plugin, distribution=start.distribution, settings=start.settings
    )
    walls.limit(memory=start.memory, descriptors=start.descriptors)
    code = (Path(exchange.__path__[0]), *registry.code_of(AGENCY_GROUP, plugin))
    missing = walls.enclose(
        read=(*code, job.folder_in(start.room)), write=(job.folder_out(start.room),)
    )
    channel.say(job.walls_line(missing))  # before any foreign code can speak
    try:
        adapter = _load(plugin, start.profile)
    except Misconfigured as cause:
        channel.say(job.refused_line(str(cause)))
        return
    channel.say(job.ready_line(adapter.capabilities))
    while line := channel.read():
        channel.say(_answer(adapter, line, start.room))


def _open_channel() -> _Channel:
    """Move the channel away from descriptors 0 and 1: a plugin that prints must not answer."""
    requests, answers = os.dup(0), os.dup(1)
    os.closerange(max(requests, answers) + 1, os.sysconf("SC_OPEN_MAX"))
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)  # both end at the gateway, which counts what arrives and reads nothing
    return _Channel(os.fdopen(requests, "rb"), os.fdopen(answers, "wb"))


def _load(plugin: registry.Named, profile: str) -> IntakeFormat:
    loaded = registry.load(AGENCY_GROUP, [plugin])
    formats = registry.intake_formats(loaded)
    if profile not in formats:
        raise Misconfigured(f"plugin {plugin.name}: no intake format reads {profile}")
    return formats[profile]


def _answer(adapter: IntakeFormat, line: bytes, room: Path) -> bytes:
    token, package = job.read_request(line, job.folder_in(room))
    try:
        # A loop of its own for every document: what a plugin leaves running ends with it.
        result: object = asyncio.run(adapter.convert(package, job.folder_out(room)))
    except Exception as cause:  # noqa: BLE001 - foreign code may raise anything
        result = cause
    return job.answer_line(token, result)


if __name__ == "__main__":
    main()
