"""What somebody has put together to be sent, and has not sent yet."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from exchange.agency.plan import Draft
from exchange.envelope.sealing import Outgoing


@dataclass(slots=True, kw_only=True)
class Parcel:
    """Files and everything that is said about them; shown as a whole before it is sent."""

    id: str = field(default_factory=lambda: str(uuid4()))
    """Also the key under which it is sent: sent twice, it is sent once."""
    draft: Draft
    shut: Callable[[], None] = field(default=lambda: None, repr=False)
    """Closes the files, which are unnamed: nothing of them is left then."""
    _held: int = field(default=0, init=False, repr=False)
    _given_up: bool = field(default=False, init=False, repr=False)

    @property
    def files(self) -> Sequence[Outgoing]:
        """What is to be sent, in the order it was chosen."""
        return self.draft.files

    @contextmanager
    def held(self) -> Iterator[Draft]:
        """Yield what it holds; its files stay open while the block runs, whoever gives it up.

        They are known by the numbers of their descriptors. A number that was closed names the next
        file that is opened, of whichever document and office.
        """
        self._held += 1
        try:
            yield self.draft
        finally:
            self._held -= 1
            self._shut_if_over()

    def close(self) -> None:
        """Give the files up, once nobody reads them any more."""
        self._given_up = True
        self._shut_if_over()

    def _shut_if_over(self) -> None:
        if self._given_up and not self._held:
            self.shut()
