"""Open the stores of payloads that the settings name; the library for S3 only where one is."""

from pathlib import Path

from exchange.errors import Misconfigured
from exchange.hub.settings import HubSettings
from exchange.hub.storage.blobs import Blobs
from exchange.hub.storage.file_blobs import FileBlobs
from exchange.hub.storage.two_blobs import TwoBlobs

S3 = "s3://"


def open_blobs(settings: HubSettings) -> Blobs:
    """Return what the hub keeps payloads in; nothing is asked of a store in a network yet.

    Raises:
        Misconfigured: see `open_place`.
    """
    blobs = open_place(settings, settings.blobs)
    if not settings.blobs_also:
        return blobs
    return TwoBlobs(blobs, open_place(settings, settings.blobs_also))


def open_place(settings: HubSettings, place: str) -> Blobs:
    """Return one place where payloads lie, `s3://BUCKET/PREFIX` or a directory.

    Raises:
        Misconfigured: the library for S3 is not installed, or others may write to the directory.
    """
    if not place.startswith(S3):
        return _directory(settings.home / place)
    try:
        # Here and not above: its runtime starts threads, and it is installed with the extra only.
        from exchange.hub.storage.object_blobs import Bucket, bucket_blobs  # noqa: PLC0415
    except ImportError:
        raise Misconfigured(
            "payloads in s3://... need the extra s3: pip install 'consent-exchange[s3]'"
        ) from None
    given = settings.s3
    bucket, _, prefix = place.removeprefix(S3).partition("/")
    return bucket_blobs(
        Bucket(
            bucket=bucket,
            prefix=prefix,
            endpoint=given.endpoint or None,
            region=given.region,
            key=given.key,
            secret=given.secret.get_secret_value(),
            allow_http=given.allow_http,
            connect_s=given.connect_s,
            answer_s=given.answer_s,
            retries=given.retries,
            retry_s=given.retry_s,
        )
    )


def _directory(directory: Path) -> FileBlobs:
    blobs = FileBlobs(directory)
    if directory.stat().st_mode & 0o022:
        raise Misconfigured(f"others may write to {directory}: chmod 700")
    return blobs
