"""exchange.wire.log_routes: where receipts are."""

from pydantic import TypeAdapter

from exchange.wire.fields import ReceiptPath
from exchange.wire.log_routes import receipt_at

RID = "6a1f0c52-7a54-4a0e-9d0a-5f3c2b1d0e4f"


def test_a_receipt_is_where_the_shapes_of_answers_say() -> None:
    path = receipt_at(RID)

    assert path == f"/log/receipts/{RID}"
    assert TypeAdapter[str](ReceiptPath).validate_python(path) == path


def test_what_has_no_receipt_names_no_path() -> None:
    assert receipt_at(None) is None
