"""Several processes of one hub on one machine: started fresh, stopped together.

None of them is special but the first, which answers the operator's commands. If one dies, all
stop, and whatever runs the hub starts it again: a process that died may have left others waiting.
"""

import selectors
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import IO, TypeAlias

Command: TypeAlias = Callable[[int], Sequence[str]]
"""Returns the command line of process number so-and-so. It says one line once it listens, and
stops when its standard input ends, which it does when the process that started it has died."""


def supervise(command: Command, count: int, ready: Callable[[], None]) -> int:
    """Run `count` processes until SIGTERM or SIGINT, or until one of them ends.

    The first is started alone, so that what keeps the hub from starting is said once.

    Args:
        command: of each process, numbered from 0.
        count: processes.
        ready: called once, when every process listens.

    Returns:
        The exit code: 0 if all ended well, otherwise the first bad one; of a signal its number.
    """
    with selectors.DefaultSelector() as listening:
        crew = _Crew(command, listening)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: crew.stop())
        crew.start(0)
        missing = count
        while listening.get_map():
            for key, _ in listening.select():
                if not crew.has_said(key):
                    crew.stop()
                    continue
                missing -= 1
                if missing == count - 1:
                    for index in range(1, count):
                        crew.start(index)
                if missing == 0:
                    ready()
    return crew.exit_code()


class _Crew:
    """The processes, and whether they were told to stop."""

    def __init__(self, command: Command, listening: selectors.BaseSelector) -> None:
        self._command = command
        self._listening = listening
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ended: list[int] = []
        self._stopping = False

    def start(self, index: int) -> None:
        """Start a process; told to stop meanwhile, it is stopped."""
        process = subprocess.Popen(  # noqa: S603 - this program itself
            self._command(index), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._processes.append(process)
        self._listening.register(_output(process), selectors.EVENT_READ, process)
        if self._stopping:
            process.terminate()

    def has_said(self, key: selectors.SelectorKey) -> bool:
        """Tell whether a process has said its line; if not it has ended, and is waited for."""
        process: subprocess.Popen[bytes] = key.data
        if _output(process).readline():
            return True
        self._listening.unregister(key.fileobj)
        process.communicate()
        # Our own SIGTERM kills one that has not begun yet: it ended as it was asked to.
        if not (self._stopping and process.returncode == -signal.SIGTERM):
            self._ended.append(abs(process.returncode))
        return False

    def stop(self) -> None:
        """Ask every process to stop, once: a second SIGTERM kills one that has nearly ended."""
        if not self._stopping:
            self._stopping = True
            for process in self._processes:
                process.terminate()  # one that has ended is left alone

    def exit_code(self) -> int:
        """Return the first bad exit code, of a signal its number."""
        return next((code for code in self._ended if code), 0)


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise AssertionError("made with a pipe")
    return process.stdout
