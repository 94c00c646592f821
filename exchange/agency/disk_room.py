"""Room on the disk of a gateway: what is sent never takes what receiving and the state need.

Everything that puts documents on their way out onto the disk claims its bytes here first, so that
many at once are bounded together and not each by itself.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exchange.errors import StorageFull


class DiskRoom:
    """Grants bytes of one disk while `reserve` of them stay free; safe in any thread."""

    def __init__(self, folder: Path, reserve: int) -> None:
        """Look after the disk under `folder`, where documents lie before they are sent.

        Args:
            folder: of the home.
            reserve: bytes that stay free.
        """
        self.folder = folder
        self._reserve = reserve
        self._claimed = 0
        self._alone = threading.Lock()

    @contextmanager
    def claimed(self, size: int) -> Iterator[None]:
        """Hold `size` bytes for whoever writes them while the block runs; blocks for a moment.

        What is written already counts twice until the block ends: rather refused than too full.

        Raises:
            StorageFull: with these bytes less than the reserve would be free.
            OSError: the disk does not answer.
        """
        with self._alone:
            if shutil.disk_usage(self.folder).free - self._claimed - size < self._reserve:
                raise StorageFull("the disk of this gateway has no room for it; try again later")
            self._claimed += size
        try:
            yield
        finally:
            with self._alone:
                self._claimed -= size
