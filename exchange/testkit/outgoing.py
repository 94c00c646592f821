"""Contract tests for outgoing formats."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from exchange import registry
from exchange.envelope.names import fold, is_admitted
from exchange.errors import Malformed
from exchange.hookspecs import ExportedFile, OutgoingFormat, OutgoingPackage
from exchange.testkit.plugin import AgencyContract, wait
from exchange.testkit.samples import exported_of
from exchange.testkit.watch import watched

LARGEST_REMARK, LARGEST_REFERENCE = 4000, 500
"""Characters that can be sent."""


class OutgoingFormatContract(AgencyContract):
    """What every outgoing format keeps. A subclass names the plugin and one good export."""

    key: ClassVar[str]
    """Key of the format."""
    media_type: ClassVar[str]
    file_name: ClassVar[str] = "export"
    """Name of the exported file."""
    content: ClassVar[bytes]
    """Content of the exported file."""
    foreign: ClassVar[bytes] = b"\x00\xffforeign bytes\x00"
    """Content that is no such export."""

    @pytest.fixture
    def adapter(self, loaded: registry.Loaded) -> OutgoingFormat:
        """Return the format of this key."""
        return registry.outgoing_formats(loaded)[self.key]

    @pytest.fixture
    def files(self) -> Mapping[str, tuple[str, bytes]]:
        """Return media type and content by name; override it where one file is no export."""
        return {self.file_name: (self.media_type, self.content)}

    @pytest.fixture
    def exported(
        self, files: Mapping[str, tuple[str, bytes]], tmp_path: Path
    ) -> Sequence[ExportedFile]:
        """Return a good export."""
        return self._exported(files, tmp_path / "good")

    def _exported(
        self, files: Mapping[str, tuple[str, bytes]], folder: Path
    ) -> Sequence[ExportedFile]:
        folder.mkdir()
        return exported_of(folder, files)

    def _read(
        self, adapter: OutgoingFormat, exported: Sequence[ExportedFile], target: Path
    ) -> OutgoingPackage:
        target.mkdir()
        return wait(adapter.read(exported, target))

    def test_files_written_are_the_files_named(
        self, adapter: OutgoingFormat, exported: Sequence[ExportedFile], tmp_path: Path
    ) -> None:
        package = self._read(adapter, exported, tmp_path / "target")
        names = [file.name for file in package.files]
        assert names, "at least one file is to be sent"
        assert sorted(names) == sorted(path.name for path in (tmp_path / "target").iterdir())
        assert all((tmp_path / "target" / name).is_file() for name in names)

    def test_the_declared_media_types_are_those_it_reads(
        self, adapter: OutgoingFormat, exported: Sequence[ExportedFile]
    ) -> None:
        assert adapter.key == self.key
        assert {file.media_type for file in exported} <= adapter.media_types
        assert sum(file.size for file in exported) <= adapter.max_size

    def test_what_it_read_can_be_sent(
        self, adapter: OutgoingFormat, exported: Sequence[ExportedFile], tmp_path: Path
    ) -> None:
        package = self._read(adapter, exported, tmp_path / "target")
        for file in package.files:
            assert is_admitted(file.name), "recipients refuse the name"
            assert "/" in file.media_type
            assert file.media_type == file.media_type.lower()
        names = [file.name for file in package.files]
        assert len({fold(name) for name in names}) == len(names), "names differ in case only"
        assert package.profile
        assert len(package.remark) <= LARGEST_REMARK
        assert len(package.reference) <= LARGEST_REFERENCE
        assert package.reference.isprintable()

    def test_foreign_bytes_are_malformed(
        self, adapter: OutgoingFormat, files: Mapping[str, tuple[str, bytes]], tmp_path: Path
    ) -> None:
        name, (media_type, _content) = next(iter(files.items()))
        foreign = {**files, name: (media_type, self.foreign)}
        exported = self._exported(foreign, tmp_path / "foreign")
        with pytest.raises(Malformed):
            self._read(adapter, exported, tmp_path / "target")

    def test_the_same_export_gives_the_same_package(
        self, adapter: OutgoingFormat, exported: Sequence[ExportedFile], tmp_path: Path
    ) -> None:
        read = []
        for target in (tmp_path / "first", tmp_path / "second"):
            package = self._read(adapter, exported, target)
            contents = [(target / file.name).read_bytes() for file in package.files]
            read.append((package, contents))
        assert read[0] == read[1]

    def test_nothing_is_done_outside_the_target(
        self, adapter: OutgoingFormat, exported: Sequence[ExportedFile], tmp_path: Path
    ) -> None:
        before = [file.path.read_bytes() for file in exported]
        (tmp_path / "target").mkdir()

        async def read() -> list[str]:
            with watched(tmp_path / "target") as breaches:
                await adapter.read(exported, tmp_path / "target")
            return breaches

        assert wait(read()) == []
        assert [file.path.read_bytes() for file in exported] == before
