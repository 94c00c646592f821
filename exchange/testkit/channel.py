"""Contract tests for channels."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import pytest

from exchange import registry
from exchange.canonical import Json
from exchange.errors import Unavailable, Undeliverable
from exchange.hookspecs import HUB_GROUP, Channel, Notice, NoticeKind
from exchange.testkit.plugin import PluginContract, wait


class ChannelContract(PluginContract):
    """What every channel keeps. A subclass names the plugin and brings three fixtures.

    `settings`: the plugin's table, for a receiver that runs. `unreachable`: the same for one
    that does not. `received`: a function that returns the words of each notice that arrived,
    without what the transport adds.
    """

    group = HUB_GROUP
    key: ClassVar[str]
    """Key of the channel."""
    address: ClassVar[str]
    """An address the receiver takes notices for."""
    no_address: ClassVar[str] = "no address\r\nX-Injected: yes"
    """What is not an address of this channel."""
    languages: ClassVar[tuple[str, ...]] = ("de", "en", "de-simple")
    """Of which words arrive; one of them for a channel that a machine reads, without words."""

    def _channel(self, settings: Mapping[str, Json]) -> Channel:
        plugin = registry.named(self.plugin, {"distribution": self.distribution, **settings})
        return registry.channels(registry.load(HUB_GROUP, [plugin]))[self.key]

    def _notice(
        self, kind: NoticeKind = NoticeKind.WAITING, language: str = "de", address: str = ""
    ) -> Notice:
        return Notice(
            id=str(uuid.uuid4()),
            kind=kind,
            language=language,
            address=address or self.address,
            subject=f"Prüfung: {kind}",
            text=f"Nothing but <words> & signs, in {language}.\n",
        )

    def test_every_kind_arrives_in_every_language(
        self, settings: Mapping[str, Json], received: Callable[[], Sequence[str]]
    ) -> None:
        channel = self._channel(settings)
        for language in self.languages:
            for kind in NoticeKind:
                wait(channel.send(self._notice(kind, language)))
        words = received()
        assert len(words) == len(self.languages) * len(NoticeKind)
        assert len(set(words)) == len(words)

    def test_the_words_depend_on_kind_and_language_only(
        self, settings: Mapping[str, Json], received: Callable[[], Sequence[str]]
    ) -> None:
        channel = self._channel(settings)
        notices = [self._notice(), self._notice()]
        for notice in notices:
            wait(channel.send(notice))
        first, second = received()
        assert first == second
        assert not any(notice.id in first for notice in notices)

    def test_what_is_no_address_is_undeliverable(self, settings: Mapping[str, Json]) -> None:
        with pytest.raises(Undeliverable):
            wait(self._channel(settings).send(self._notice(address=self.no_address)))

    def test_nobody_listening_is_temporary(self, unreachable: Mapping[str, Json]) -> None:
        with pytest.raises(Unavailable):
            wait(self._channel(unreachable).send(self._notice()))
