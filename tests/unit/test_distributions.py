"""exchange.distributions: entry points are read as the standard library reads them."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from exchange.distributions import points_of
from tests.plugins.kitchen import install


def written(site: Path, text: str, name: str = "Some.Plugin_x") -> None:
    info = site / f"{name.replace('-', '_')}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(text)


def test_entry_points_of_every_form_are_read_as_the_library_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(
        tmp_path,
        "# a comment\n; another\n[exchange.agency]\none = package.module\n"
        "two=package.module:thing.part [extra]\n\n[console_scripts]\nrun = package:main\n"
        "nonsense\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (points,) = points_of("some-_plugin.X").values()
    assert set(points) == {
        ("exchange.agency", "one", "package.module"),
        ("exchange.agency", "two", "package.module:thing.part"),
        ("console_scripts", "run", "package:main"),
    }


def test_our_own_plugins_are_found_as_the_library_finds_them() -> None:
    (points,) = points_of("Exchange.Plugin-Folder").values()
    known = metadata.distribution("exchange-plugin-folder").entry_points
    assert set(points) == {(point.group, point.name, point.value) for point in known}


def test_a_distribution_installed_in_two_folders_is_found_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b"):
        install(tmp_path / folder, "pigeon", "exchange.hub", "x")
        monkeypatch.syspath_prepend(str(tmp_path / folder))
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    assert list(points_of("exchange-plugin-pigeon")) == [str(tmp_path / "b"), str(tmp_path / "a")]


def test_what_is_not_there_or_cannot_be_read_offers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugin-1.dist-info").mkdir()
    written(tmp_path, "", "torn")
    (tmp_path / "torn-1.dist-info" / "entry_points.txt").write_bytes(b"[x]\n\xff = y\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "archive.zip"))
    assert points_of("plugin") == {str(tmp_path): ()}
    assert points_of("torn") == {str(tmp_path): ()}
    assert points_of("plugin-1") == {}


def test_an_empty_folder_of_the_path_is_where_the_process_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "pigeon", "exchange.hub", "x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *sys.path])
    assert points_of("exchange-plugin-pigeon") == {"": (("exchange.hub", "pigeon", "x"),)}
