"""What somebody has put together to be sent, and has not sent yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from exchange.agency.plan import Draft
from exchange.envelope.sealing import Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Files and everything that is said about them; shown as a whole before it is sent."""

    id: str = field(default_factory=lambda: str(uuid4()))
    """Also the key under which it is sent: sent twice, it is sent once."""
    draft: Draft
    shut: Callable[[], None] = field(default=lambda: None, repr=False)
    """Closes the files, which are unnamed: nothing of them is left then."""

    @property
    def files(self) -> Sequence[Outgoing]:
        """What is to be sent, in the order it was chosen."""
        return self.draft.files

    def close(self) -> None:
        """Give the files up."""
        self.shut()
