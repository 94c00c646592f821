"""The library for S3: loaded where a bucket is configured, named where it is missing, quiet."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from exchange.configuration import load
from exchange.errors import Misconfigured
from exchange.hub.open_blobs import open_blobs, open_place
from exchange.hub.settings import HubSettings
from exchange.hub.storage.file_blobs import FileBlobs
from exchange.hub.storage.two_blobs import TwoBlobs
from tests.payloads.double import Double

RUNS = 12
"""Without the pause at exit, every second or third run of such a program dies with SIGABRT."""
PROGRAM = """
import asyncio, sys
from datetime import timedelta
from exchange.hub.storage.blobs import new_name
from exchange.hub.storage.object_blobs import Bucket, bucket_blobs

async def main():
    blobs = bucket_blobs(Bucket(
        bucket="bucket", prefix="payloads", endpoint=sys.argv[1], region="here", key="key",
        secret="secret", allow_http=True, connect_s=5, answer_s=60, retries=3, retry_s=20,
    ))
    async def content():
        yield b"content"
    name = new_name()
    await blobs.put(name, content(), limit=7)
    assert [chunk async for chunk in blobs.read(name, 0, 7)] == [b"content"]

asyncio.run(main())
"""
S3 = {"key": "key", "secret": "secret", "endpoint": "https://s3.example"}


async def test_programs_that_use_it_end_with_their_own_exit_code() -> None:
    async with Double().running() as double:
        running = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, double.endpoint)
            for _ in range(RUNS)
        ]
        codes = [await one.wait() for one in running]

    assert codes == RUNS * [0]


@pytest.mark.parametrize(
    ("place", "loaded"), [("payloads", "False"), ("s3://bucket/payloads", "True")]
)
def test_it_is_loaded_where_a_bucket_is_configured_only(
    tmp_path: Path, place: str, loaded: str
) -> None:
    program = (
        "import sys; from exchange.hub.settings import HubSettings\n"
        "from exchange.hub.app import open_blobs\n"
        "settings = HubSettings(blobs=sys.argv[1], s3={'key': 'k', 'secret': 's'})\n"
        "open_blobs(settings)\n"
        "print('obstore' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, place], cwd=tmp_path, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == loaded


def test_where_it_is_missing_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "exchange.hub.storage.object_blobs", raising=False)

    with pytest.raises(Misconfigured, match=r"consent-exchange\[s3\]"):
        open_blobs(HubSettings(home=tmp_path, blobs="s3://bucket", s3=S3))


def test_a_directory_may_lie_anywhere_and_nobody_else_may_write_there(tmp_path: Path) -> None:
    settings = HubSettings(home=tmp_path / "hub", blobs=str(tmp_path / "far"), blobs_also="near")
    assert isinstance(open_blobs(settings), TwoBlobs)
    assert (tmp_path / "far").is_dir()
    assert (tmp_path / "hub" / "near").is_dir()

    (tmp_path / "far").chmod(0o770)
    with pytest.raises(Misconfigured, match="chmod 700"):
        open_place(settings, settings.blobs)
    assert isinstance(open_place(settings, "near"), FileBlobs)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"blobs": "s3://bucket/x"}, "s3.key"),
        ({"blobs_also": "s3://bucket/x", "s3": {"key": "k"}}, "s3.key"),
        ({"blobs": "s3://Bucket_/x", "s3": S3}, "BUCKET"),
        ({"blobs": "s3://bucket/../x", "s3": S3}, "BUCKET"),
        ({"blobs": "s3:bucket", "s3": S3}, "BUCKET"),
        ({"blobs": "x", "blobs_also": "x"}, "another place"),
        ({"blobs": ""}, "at least 1"),
        ({"s3": {**S3, "endpoint": "http://s3.example"}}, "allow_http"),
        ({"s3": {**S3, "endpoint": "https://user@s3.example"}}, "endpoint"),
        ({"s3": {**S3, "endpoint": "s3.example"}}, "endpoint"),
        ({"s3": {**S3, "retries": -1}}, "greater than or equal to 0"),
    ],
)
def test_a_place_that_cannot_be_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refusal:
        HubSettings(**given)  # type: ignore[arg-type]
    assert "secret" not in str(refusal.value).replace("s3.secret", "")


def test_the_secret_is_no_part_of_what_settings_show() -> None:
    settings = HubSettings(blobs="s3://bucket", s3={"key": "k", "secret": "CANARY"})
    assert "CANARY" not in repr(settings)


def test_the_secret_comes_from_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "EXCHANGE_HUB_S3__SECRET").write_text("from systemd\n")
    (tmp_path / "vault.key").write_bytes(os.urandom(32))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load(HubSettings, None).s3.secret.get_secret_value() == "from systemd"

    monkeypatch.setenv("EXCHANGE_HUB_S3__SECRET", "stronger")
    assert load(HubSettings, None).s3.secret.get_secret_value() == "stronger"

    (tmp_path / "EXCHANGE_HUB_S3__SECRT").write_text("misspelt")
    with pytest.raises(Misconfigured, match="unknown credentials: EXCHANGE_HUB_S3__SECRT"):
        load(HubSettings, None)
