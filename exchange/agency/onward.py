"""Passing on what came from another agency: who sends it says so, and of which disclosures.

The reasons of the law: what a secret keeper made available keeps that protection (section 76
SGB X), and what was entrusted goes only where it was meant to go (section 65 SGB VIII).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from exchange.agency import arrivals
from exchange.agency.parts import Gateway
from exchange.consent import decision
from exchange.envelope import contents
from exchange.envelope.sealing import Outgoing
from exchange.errors import Malformed
from exchange.vocabulary import Secrecy


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A disclosure of which something is passed on."""

    disclosure: str
    """Its id, as stated; whatever was typed where `collected` is false."""
    sender: str = ""
    """The agency it came from."""
    secrecy: Secrecy = Secrecy.PERSONAL
    """The class it came with."""
    purpose: str | None = None
    """What it was given for."""
    collected: bool = False
    """Whether this agency has accepted it and not erased it since."""

    def asked(self) -> decision.Onward:
        """Return what `decide` is asked about it."""
        return decision.Onward(
            sender=self.sender,
            secrecy=self.secrecy,
            collected=self.collected,
            purpose=self.purpose,
        )

    def stated(self) -> contents.Onward:
        """Return what the contents list says of it."""
        return contents.Onward(self.disclosure, self.sender, self.secrecy)


async def origins_of(
    gateway: Gateway, files: Sequence[Outgoing], stated: Sequence[str]
) -> tuple[Origin, ...]:
    """Return the disclosures that the sender of `files` says it passes on, sorted by id.

    Args:
        gateway: the parts.
        files: to be sent.
        stated: ids of disclosures; also of those from which something was copied.

    Raises:
        Malformed: a file is known to have come with a disclosure that is not among them.
    """
    brought = await gateway.origins.of(files)
    unsaid = sorted({file.id for file in brought} - set(stated))
    if unsaid:
        options = " ".join(f"--onward-of {disclosure}" for disclosure in unsaid)
        raise Malformed(
            "some of these files came from other agencies; they are passed on only under a "
            f"consent that names those agencies in onward_from, and only if you say so: {options}"
        )
    return await gateway.state.read(_look_up, sorted(set(stated))) if stated else ()


def _look_up(conn: Connection, stated: Sequence[str]) -> tuple[Origin, ...]:
    return tuple(_origin(conn, disclosure) for disclosure in stated)


def _origin(conn: Connection, disclosure: str) -> Origin:
    context = arrivals.accepted(conn, disclosure)
    if context is None:
        return Origin(disclosure=disclosure)
    return Origin(
        disclosure=disclosure,
        sender=context.sender,
        secrecy=context.secrecy,
        purpose=context.purpose,
        collected=True,
    )
