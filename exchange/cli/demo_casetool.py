"""A case tool for the demo, as a process of its own: takes signed documents, keeps them as files.

Run as `python -m exchange.cli.demo_casetool FOLDER`: makes its key, prints the port it listens on,
and puts each document it was given into the folder once its event has arrived. It verifies by the
reference library of Standard Webhooks, which comes with the extra `demo`.
"""

import base64
import secrets
import shutil
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from exchange.cli.demo_scene import CASETOOL_KEY

HOST = "127.0.0.1"


class CaseTool(BaseHTTPRequestHandler):
    """Answers one request; the folder and the key are the server's."""

    server: "Server"

    def do_PUT(self) -> None:
        """Take one file, which is no document before its event."""
        body = self._body()
        described = self._verified(self.headers["Document-File"] or "")
        if described is None or described["size"] != len(body):
            self._answer(HTTPStatus.UNAUTHORIZED)
            return
        waiting = self.server.folder / f".{described['document']}"
        waiting.mkdir(exist_ok=True)
        (waiting / str(described["number"])).write_bytes(body)
        self._answer(HTTPStatus.NO_CONTENT)

    def do_POST(self) -> None:
        """Make a document of the files that have arrived; the second time it is one already."""
        event = self._verified(self._body().decode("utf-8"))
        if event is None:
            self._answer(HTTPStatus.UNAUTHORIZED)
            return
        data = event["data"]
        waiting, document = self.server.folder / f".{data['id']}", self.server.folder / data["id"]
        if not document.exists():
            for file in data["files"]:
                (waiting / str(file["number"])).rename(waiting / file["name"])
            waiting.rename(document)
        shutil.rmtree(waiting, ignore_errors=True)
        self._answer(HTTPStatus.NO_CONTENT)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        """Say nothing: paths name documents."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def _verified(self, text: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = Webhook(self.server.key).verify(text, dict(self._named()))
        except (WebhookVerificationError, ValueError):
            return None
        return found

    def _named(self) -> list[tuple[str, str]]:
        return [(name.lower(), value) for name, value in self.headers.items()]

    def _answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(HTTPServer):
    """The case tool's server."""

    def __init__(self, folder: Path, key: str) -> None:
        super().__init__((HOST, 0), CaseTool)
        self.folder = folder
        self.key = key


def main() -> None:
    """Serve until the process is ended."""
    folder = Path(sys.argv[1])
    key = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / CASETOOL_KEY).touch(mode=0o600)
    (folder / CASETOOL_KEY).write_text(key, encoding="utf-8")
    server = Server(folder, key)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
