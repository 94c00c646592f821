"""A59: text that means something to a database, in every string that reaches one."""

import ast
import re
from pathlib import Path
from uuid import uuid4

import pytest

import exchange
from exchange import canonical
from exchange.wire import routes
from tests.attacks.served import CANARY, Served
from tests.samples import changed
from tests.simulator import SENDER

pytestmark = pytest.mark.injection

HOSTILE = [
    "'",
    "''",
    '"',
    "`",
    "\\",
    "a' OR '1'='1",
    "a'; DROP TABLE consents; --",
    "a') UNION SELECT statement FROM consents --",
    "/* a */",
    "--",
    ";",
    "%",
    "_",
    "%25",
    "*",
    "?",
    ":name",
    ":a",
    "$1",
    "{0}",
    "\x00",
    "a\x00b",
    "\x1a",
    "\ud800",
    "\ufffe",
    "\U0001f512",
    "\u0131",
    "1e309",
    "0x41",
    "NULL",
    "a" * 60_000,
]
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|DROP|ALTER|CREATE|ATTACH)\b")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_in_a_body_is_refused_and_changes_nothing(hub: Served, text: str) -> None:
    quoted = ascii(text)[1:-1].replace("\\x", "\\u00").replace("\\'", "'")
    asked = {
        "consent": "A" * 43,
        "recipients": ["jobcentre-a"],
        "purpose": "housing-loss",
        "category": "rent-arrears-letter",
        "secrecy": "professional",
        "exp": 1,
    }
    with hub.no_trace():
        for name in ("consent", "purpose", "category", "secrecy"):
            body = canonical.encode(changed(asked, **{name: "PLACE"}))
            body = body.replace(b"PLACE", quoted.replace('"', '\\"').encode("ascii", "replace"))
            lines = (hub.token(), f"Content-Type: {routes.JSON}")
            assert hub.ask(hub.post("/v1/decisions", body, *lines)).status in {400, 413}


@pytest.mark.parametrize("text", HOSTILE[:-1], ids=range(len(HOSTILE) - 1))
@pytest.mark.parametrize(
    "place",
    ["/v1/agencies/{}", "/v1/consents/{}", "/v1/inbox?after={}", "/v1/consents?consent={}"],
)
def test_hostile_text_in_a_url_is_refused_and_changes_nothing(
    hub: Served, place: str, text: str
) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    quoted = "".join(f"%{byte:02x}" for byte in raw)
    with hub.no_trace():
        found = {
            hub.ask(hub.head(f"GET {place.format(each)} HTTP/1.1", hub.token())).status
            for each in (quoted, raw.decode("latin-1").replace(" ", "+"))
        }

    assert found <= {200, 400, 404, 405}  # a few of them could be cursors


@pytest.mark.parametrize("cursor", ["-", "_", "a-b", "0", "zzzz", "-1", "a" * 64, "__proto__"])
@pytest.mark.parametrize("path", ["/v1/inbox", "/v1/agencies", "/v1/consents", "/v1/erasures"])
def test_a_cursor_nobody_has_given_out_compares_and_nothing_else(
    hub: Served, path: str, cursor: str
) -> None:
    with hub.no_trace():
        reply = hub.ask(hub.head(f"GET {path}?after={cursor} HTTP/1.1", hub.token()))

    assert reply.status in {200, 400}


@pytest.mark.parametrize("key", ["'", '"a"', "a'--", "%", "a;b", "\\", "{}", "a" * 128])
def test_an_idempotency_key_is_a_value(hub: Served, key: str) -> None:
    letter = hub.sim.letter("A" * 43)
    headers = {"Idempotency-Key": key}

    refused = hub.do(hub.sim.send(letter, SENDER, headers=headers))

    assert refused.status in {400, 403}


def test_signed_text_is_stored_as_it_was_signed(hub: Served) -> None:
    """What a person reads may hold quotes; it is a value like any other."""
    title = "O'Hara; DROP TABLE agreements; -- \U0001f512 %_?"
    payload = hub.sim.agreement_payload(title=title, id=str(uuid4()))
    from exchange.statement import Kind, sign

    statement = sign(Kind.AGREEMENT, payload, hub.sim.offices["jobcentre-a"].identity)
    body = {"statement": statement.decode()}

    posted = hub.do(hub.sim.call("jobcentre-a", routes.POST_AGREEMENT, json=body))
    read = hub.do(hub.sim.call("jobcentre-a", routes.GET_AGREEMENT, id=payload["id"]))

    assert posted.status == 201, posted.body
    assert read.json["statement"] == statement.decode()
    assert CANARY not in hub.log_text


def test_no_statement_of_sql_is_put_together_from_text() -> None:
    """Constant text alone; but for PRAGMA, which takes no parameters and is set from constants."""
    found = []
    for path in sorted(Path(exchange.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if _is_built(node) and SQL.search(_words(node)):
                found.append(f"{path.name}:{getattr(node, 'lineno', 0)}")

    assert found == []


def _is_built(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Mod | ast.Add)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"format", "join", "replace"}
    )


def _words(node: ast.AST) -> str:
    return " ".join(
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )
