"""The routes of the log as values; what they answer is a file format, but for the lists."""

from exchange.wire import log, routes, shapes
from exchange.wire.routes import Operation

LOG_CHECKPOINT = Operation(
    name="log_checkpoint",
    method="GET",
    path="/log/checkpoint",
    summary="The newest witnessed head of the log, a C2SP signed checkpoint.",
    answers=routes.TEXT,
    problems=(404, 503),
    authenticated=False,
)
LOG_CANDIDATE = Operation(
    name="log_candidate",
    method="GET",
    path="/log/candidate",
    summary="The head of the log that witnesses cosign now.",
    answers=routes.TEXT,
    problems=(404, 503),
    authenticated=False,
)
LOG_POLICY = Operation(
    name="log_policy",
    method="GET",
    path="/log/policy",
    summary="Keys and quorum of the log, for comparison: trust comes from elsewhere.",
    answers=routes.TEXT,
    authenticated=False,
)
LOG_POLICY_PQ = Operation(
    name="log_policy_pq",
    method="GET",
    path="/log/policy-pq",
    summary="The same with the log's post-quantum key; absent where it has none.",
    answers=routes.TEXT,
    problems=(404,),
    authenticated=False,
)
LOG_DOCUMENT = Operation(
    name="log_document",
    method="GET",
    path="/log/documents/{sha256}",
    summary="A public document of the log, such as a key statement, by its SHA-256.",
    path_shape=log.DocumentPath,
    answers=routes.PAYLOAD,
    problems=(404, 503),
    authenticated=False,
)
LOG_ENTRIES = Operation(
    name="log_entries",
    method="GET",
    path="/log/tile/entries/{bundle}",
    summary="Entries of the log, 256 to a bundle; open to everybody where the hub says so.",
    path_shape=log.BundlePath,
    answers=routes.PAYLOAD,
    problems=(404,),
)
LOG_TILE = Operation(
    name="log_tile",
    method="GET",
    path="/log/tile/{tile}",
    summary="Hashes of the log's tree, 256 to a tile (C2SP tlog-tiles).",
    path_shape=log.TilePath,
    answers=routes.PAYLOAD,
    problems=(404, 503),
    authenticated=False,
)
LOG_RECEIPT = Operation(
    name="log_receipt",
    method="GET",
    path="/log/receipts/{id}",
    summary="The receipt of an entry (C2SP tlog-proof) with its opening; 202 until a head has it.",
    path_shape=shapes.IdPath,
    query=log.ReceiptQuery,
    answers=routes.TEXT,
    problems=(404,),
)
LOG_OPENINGS = Operation(
    name="log_openings",
    method="GET",
    path="/log/openings",
    summary="Every entry that the caller may open, in the order of the log.",
    returns=log.Openings,
    query=log.OpeningsQuery,
)
LOG_TOMBSTONES = Operation(
    name="log_tombstones",
    method="GET",
    path="/log/tombstones",
    summary="Which documents name the entries of the log that were erased.",
    returns=log.Tombstones,
    query=log.TombstonesQuery,
)
LOG_TOMBSTONE = Operation(
    name="log_tombstone",
    method="GET",
    path="/log/tombstones/{digest}",
    summary="Entries of the log that open to nobody any more; never whose they were.",
    path_shape=log.TombstonePath,
    answers=routes.JSON,
    problems=(404,),
)
LOG_COSIGNATURES = Operation(
    name="log_cosignatures",
    method="POST",
    path="/log/cosignatures",
    summary="Hand in a witness's cosignature of a candidate, or a head as evidence.",
    answers=routes.TEXT,
    streams={routes.TEXT: "The checkpoint with its signature lines, at most 128 KiB."},
    problems=(400, 403, 404, 408, 413, 415, 429, 503),
    authenticated=False,
)


def receipt_at(rid: str | None) -> str | None:
    """Return where the receipt with this name is; None for what has none (yet)."""
    return None if rid is None else LOG_RECEIPT.path.replace("{id}", rid)
