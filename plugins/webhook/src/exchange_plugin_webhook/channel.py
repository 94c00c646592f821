"""Delivers notices as webhooks: signed, to addresses that are looked at, without content."""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from exchange.errors import Unavailable, Undeliverable
from exchange.hookspecs import Channel, Declaration, Notice, Settings, hookimpl
from exchange_plugin_webhook import configure
from exchange_plugin_webhook.addresses import LookUp, admitted, look_up
from exchange_plugin_webhook.configure import Endpoint, Endpoints
from exchange_plugin_webhook.post import Request, post

_GONE = 410
"""The receiver wants no notices any more (Standard Webhooks 1.0, operational considerations)."""


class WebhookChannel:
    """Posts a notice to one endpoint of the settings. Source: Standard Webhooks 1.0."""

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        look_up: LookUp = look_up,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoints = endpoints
        self._look_up = look_up
        self._clock = clock

    @property
    def key(self) -> str:
        """Name under which agencies choose this channel."""
        return "webhook"

    async def send(self, notice: Notice) -> None:
        """Post `notice` to the endpoint that the settings have under `notice.address`.

        The request names the kind and the moment, nothing else; its `webhook-id` is the same at
        every repetition. Of the answer only the status is read, and no redirect is followed.

        Raises:
            Unavailable: no address that is admitted, no connection, a foreign certificate, no
                answer in time, or another one than 2xx and 410. It may have arrived.
            Undeliverable: there is no such endpoint, or it says that it is gone (410).
        """
        endpoint = self._endpoints.by_name.get(notice.address)
        if endpoint is None:
            raise Undeliverable("the settings have no such endpoint")
        now = datetime.fromtimestamp(self._clock(), UTC)
        body = compose(notice, now)
        request = Request(
            host=endpoint.host,
            port=endpoint.port,
            path=endpoint.path,
            headers=sign(notice, body, endpoint, now),
            body=body,
        )
        try:
            async with asyncio.timeout(self._endpoints.timeout_s):
                addresses = await admitted(
                    endpoint.host, endpoint.port, self._endpoints.private, self._look_up
                )
                status = await post(request, addresses, self._endpoints.tls)
        except (OSError, ValueError, EOFError):
            raise Unavailable("the endpoint did not take the notice") from None
        if status == _GONE:
            raise Undeliverable("the endpoint is gone")
        if not 200 <= status < 300:  # noqa: PLR2004 - successful (RFC 9110, section 15.3)
            raise Unavailable("the endpoint did not take the notice")


def compose(notice: Notice, now: datetime) -> str:
    """Return the body of the request: JSON whose length depends on the kind alone."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'{{"type":"notice.{notice.kind}","timestamp":"{moment}",'
        f'"data":{{"kind":"{notice.kind}"}}}}'
    )


def sign(notice: Notice, body: str, endpoint: Endpoint, now: datetime) -> Mapping[str, str]:
    """Return the headers of the request, with one signature for each secret.

    Raises:
        Undeliverable: the id of the notice is not a random one.
    """
    try:
        name = str(uuid.UUID(notice.id))
    except ValueError:
        raise Undeliverable("the notice has no random id") from None
    return {
        "content-type": "application/json",
        "user-agent": "consent-exchange",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(secret.sign(name, now, body) for secret in endpoint.secrets),
    }


@hookimpl
def declare_plugin() -> Declaration:
    """Say what this plugin is: it sends constant words to addresses, and keeps nothing."""
    return Declaration(
        contract=1,
        licence="EUPL-1.2",
        sees_plaintext=False,
        endpoints=("web servers of the agencies",),
    )


@hookimpl
def register_channels(settings: Settings) -> Sequence[Channel]:
    """Register the one channel of this plugin.

    Raises:
        Misconfigured: a setting is missing or unsafe.
    """
    return [WebhookChannel(configure.read(settings))]
