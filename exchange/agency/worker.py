"""A worker: foreign code over hostile documents, behind walls, one call at a time.

Run by the gateway in an interpreter of its own (`leash.PROGRAM`), for one kind of adapter of one
plugin. Gets no key, no network and no other document, and no secret but the plugin's own settings
and, if it delivers, those named for it; sees one room: `in` to read, `out` to write. A delivery
also gets one descriptor, on which the gateway hands it connections. It is kept from document to
document; after anything but an answer in good order it is killed from outside, which is the only
thing that ends it beside the end of its requests.
"""

import gc
import os
import sys
from typing import BinaryIO, NamedTuple

import exchange
from exchange import registry
from exchange.agency import job, walls
from exchange.agency.tasks import TASKS
from exchange.errors import Misconfigured
from exchange.hookspecs import AGENCY_GROUP, Connections


class _Channel(NamedTuple):
    """Requests in, answers out; on descriptors of their own, which no print reaches."""

    requests: BinaryIO
    answers: BinaryIO
    connections: Connections | None

    def read(self) -> bytes:
        """Return the next line; empty when the gateway has closed its end."""
        return self.requests.readline(job.REQUEST_LIMIT)

    def say(self, line: bytes) -> None:
        """Send one line at once."""
        self.answers.write(line)
        self.answers.flush()


def main() -> None:
    """Load the adapters of one plugin behind walls and call them until the requests end."""
    channel = _open_channel(sys.argv[1:])
    start = job.read_start(channel.read())
    named = registry.Named(
        name=start.plugin, distribution=start.distribution, settings=start.settings
    )
    plugin = registry.located(AGENCY_GROUP, named)
    walls.limit(memory=start.memory, descriptors=start.descriptors)
    code = (exchange.__path__[0], *registry.code_of(AGENCY_GROUP, plugin))
    missing = walls.enclose(
        read=(*code, *start.reads, f"{start.room}/{job.FOLDER_IN}"),
        write=(f"{start.room}/{job.FOLDER_OUT}",),
    )
    channel.say(job.walls_line(missing))  # before any foreign code can speak
    task = TASKS[start.kind]
    try:
        loaded = registry.load(AGENCY_GROUP, [plugin])
        adapters = task.adapters(loaded, start.secrets)
    except Misconfigured as cause:
        channel.say(job.refused_line(str(cause)))
        return
    gc.freeze()  # what the plugin has loaded stays: nothing of it is looked at again
    gc.enable()  # the start went without: see `leash.PROGRAM`
    offers = {key: task.offer(adapter) for key, adapter in adapters.items()}
    channel.say(job.ready_line(job.Ready(offers, loaded.declarations[plugin.name])))
    # Imported here: a worker is ready before it needs what only documents need.
    from exchange.agency.work import room_of, worked  # noqa: PLC0415 - said above

    room = room_of(start.room, channel.connections)
    while line := channel.read():
        request = job.read_request(line)
        channel.say(worked(start.kind, adapters[request.adapter], request, room))


def _open_channel(lent: list[str]) -> _Channel:
    """Move the channel away from descriptors 0 and 1: a plugin that prints must not answer.

    Args:
        lent: the number of the descriptor on which connections come, if any.
    """
    requests, answers, *connections = [os.dup(number) for number in (0, 1, *map(int, lent))]
    os.closerange(max(requests, answers, *connections) + 1, os.sysconf("SC_OPEN_MAX"))
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)  # both end at the gateway, which counts what arrives and reads nothing
    return _Channel(
        os.fdopen(requests, "rb"),
        os.fdopen(answers, "wb"),
        _borrowed(connections[0]) if connections else None,
    )


def _borrowed(descriptor: int) -> Connections:
    from exchange.agency.borrowed import Borrowed  # noqa: PLC0415 - sockets, for deliveries alone

    return Borrowed(descriptor)
