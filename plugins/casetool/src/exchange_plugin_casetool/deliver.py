"""Takes converted documents to a case tool, and registers the delivery of this plugin."""

from collections.abc import Sequence

from exchange.hookspecs import (
    CONTRACT,
    Connections,
    Declaration,
    DeliveredFolder,
    Delivery,
    Secrets,
    Settings,
    hookimpl,
)
from exchange_plugin_casetool import configure
from exchange_plugin_casetool.configure import CaseTool


class WebhookDelivery:
    """Sends to one case tool. Source: Standard Webhooks 1.0.0 (signature), RFC 9530 (digest)."""

    def __init__(self, tool: CaseTool) -> None:
        self._tool = tool

    @property
    def key(self) -> str:
        """Name under which settings choose it."""
        return "casetool"

    async def deliver(self, delivered: DeliveredFolder, connections: Connections) -> None:
        """Send every file under its number, then the event that lists them all.

        The case tool keeps files aside until the event comes, and answers it with 2xx when it has
        the document for good. Everything is repeated under the same ids and paths.

        Raises:
            Unavailable: no connection, a foreign certificate, no answer in time, 408, 425, 429 or
                5xx.
            Undeliverable: any other answer, a redirect too; or a file is not what intake wrote.
        """
        # Imported here: a worker is ready before it needs to know how requests are signed and sent.
        from exchange_plugin_casetool.hand_over import hand_over  # noqa: PLC0415 - said above

        await hand_over(delivered, self._tool, connections)


@hookimpl
def declare_plugin() -> Declaration:
    """Declare that documents reach the agency's own case tool, and nobody else."""
    return Declaration(
        contract=CONTRACT,
        licence="EUPL-1.2",
        sees_plaintext=True,
        endpoints=("case tool of the agency",),
    )


@hookimpl
def register_deliveries(settings: Settings, secrets: Secrets) -> Sequence[Delivery]:
    """Register the one delivery of this plugin.

    Raises:
        Misconfigured: a setting or a secret is missing, unknown or unfit.
    """
    return [WebhookDelivery(configure.read(settings, secrets))]
