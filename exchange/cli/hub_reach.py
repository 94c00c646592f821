"""`exchange hub reach`, and the options by which an operator says how an agency is told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from exchange import canonical
from exchange.cli.hub_ask import ask
from exchange.cli.hub_home import Home
from exchange.errors import Misconfigured


@Parameter(name="*")  # its members are options by their own names
@dataclass(frozen=True, slots=True, kw_only=True)
class HowTold:
    """How an agency is told that something may wait for it."""

    channel: Annotated[
        tuple[str, ...],
        Parameter(
            help="Channel of its notices, such as smtp; given again, with its own --address, the "
            "one to use where those before fail. Without one the agency polls.",
            negative=(),
            show_default=False,
        ),
    ] = ()
    address: Annotated[
        tuple[str, ...],
        Parameter(
            help="Where the notices of that channel go; for smtp a mail address, otherwise the "
            "name of an entry in the plugin's settings.",
            negative=(),
            show_default=False,
        ),
    ] = ()
    language: Annotated[
        Literal["de", "en", "de-simple"], Parameter(help="Language of its notices.")
    ] = "de"
    quiet_hours: Annotated[
        str | None,
        Parameter(help="Time in which it is told of nothing but tasks, such as 20:00-07:00."),
    ] = None
    time_zone: Annotated[str, Parameter(help="Time zone of these hours.")] = "Europe/Berlin"
    digest_hours: Annotated[
        int | None,
        Parameter(help="At most one notice in so many hours, 1 to 24; tasks are told at once."),
    ] = None

    def told(self) -> dict[str, canonical.Json]:
        """Return it as the hub is told.

        Raises:
            Misconfigured: a channel without an address or the other way round, or no such hours.
        """
        if len(self.channel) != len(self.address):
            raise Misconfigured("--channel and --address belong together")
        reach: dict[str, canonical.Json] = {"language": self.language}
        if self.channel:
            reach["channels"] = [
                list(pair) for pair in zip(self.channel, self.address, strict=True)
            ]
        if self.quiet_hours is not None:
            begin, dash, end = self.quiet_hours.partition("-")
            if not dash:
                raise Misconfigured("--quiet-hours is given as in 20:00-07:00")
            reach["quiet"] = [begin, end, self.time_zone]
        if self.digest_hours is not None:
            if not self.digest_hours:
                raise Misconfigured("--digest-hours is 1 to 24")
            reach["digest_h"] = self.digest_hours
        return reach


UNTOLD: Final = HowTold()
"""By no channel, in German if one is added."""


def reach(
    agency: Annotated[str, Parameter(help="Id of the agency.")],
    *,
    how: HowTold = UNTOLD,
    home: Home = Path("hub"),
) -> None:
    """Replace how an agency is told that something may wait: channels, hours and language.

    All of it is replaced; what waits to be told begins again with the first channel.

    Example: exchange hub reach jobcentre-a --channel smtp --address post@jobcentre.example
    """
    ask(home, {"do": "reach", "agency": agency, "reach": how.told()})
    print(f"{agency} is told by {', then '.join(how.channel) or 'nobody: it polls'}")
