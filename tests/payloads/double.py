"""A scripted stand-in for an S3 server: it does what it is told, also wrong.

For faults that no real server shows on demand. It checks what it gets as a real one does: the
digest of each body, the ETag of each part, and that nothing is overwritten that must be new.
"""

import asyncio
import hashlib
import re
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from time import monotonic
from typing import Any, TypeAlias

from aiohttp import web

BUCKET = "bucket"


@dataclass
class Asked:
    """One request, as a script sees it."""

    method: str
    name: str
    """What lies behind the last slash of the path."""
    query: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with one request."""

    before: int | None = None
    """Status that is answered although nothing was done."""
    after: int | None = None
    """Status that is answered although everything was done."""
    silent: bool = False
    """Whether nothing ever happens."""
    until: asyncio.Event | None = None
    """What is waited for before anything happens."""
    half: bool = False
    """Whether the connection ends in the middle of the answer's body."""
    etag: str | None = None
    """What is answered instead of the right ETag."""


NONE = Fault()
Script: TypeAlias = Callable[[Asked], Fault]


def well(_asked: Asked) -> Fault:
    """Let nothing go wrong."""
    return NONE


@dataclass
class Double:
    """The server: its objects, and the script it plays."""

    port: int = 0
    script: Script = well
    answer_s: float = 30
    """Seconds a hub waits for its answers: as many as a busy machine needs, unless it is silent."""
    hidden_s: float = 0
    """Seconds a new object is not yet seen by anybody who reads it."""
    objects: dict[str, bytes] = field(default_factory=dict, repr=False)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict, repr=False)
    asked: list[Asked] = field(default_factory=list)
    """Every request so far."""
    put_at: dict[str, float] = field(default_factory=dict)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        """What a hub needs to use it; it tries once more, so that a test is not long."""
        return {
            "blobs": f"s3://{BUCKET}/payloads",
            "s3": {
                "endpoint": self.endpoint,
                "key": "key",
                "secret": "secret",
                "allow_http": True,
                "connect_s": self.answer_s,
                "answer_s": self.answer_s,
                "retries": 1,
                "retry_s": 2 * self.answer_s,
            },
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Double"]:
        """Serve while the block runs; a second time at the same port."""
        self._over.clear()
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=5)
        await runner.setup()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        await web.SockSite(runner, listener).start()
        try:
            yield self
        finally:
            self._over.set()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(request.method, request.path.rpartition("/")[2], dict(request.query))
        self.asked.append(asked)
        fault = self.script(asked)
        body = await request.read()
        if fault.silent:
            await self._over.wait()
            return _refused(500)
        if fault.until is not None:
            await fault.until.wait()
        if fault.before is not None:
            return _refused(fault.before)
        answer = self._done(request, asked, body, fault)
        if fault.after is not None:
            return _refused(fault.after)
        if fault.half and isinstance(answer.body, bytes):
            return await _half(request, answer)
        return answer

    def _done(self, request: web.Request, asked: Asked, body: bytes, fault: Fault) -> web.Response:
        if request.headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            return _refused(400)
        if asked.method in {"GET", "HEAD"}:
            return self._listed() if "list-type" in asked.query else self._got(request, asked)
        if asked.query.keys() & {"uploads", "uploadId"}:
            return self._in_parts(asked, body, fault)
        if "delete" in asked.query:
            paths = re.findall("<Key>([^<]*)</Key>", body.decode())
            for path in paths:
                self.objects.pop(path.rpartition("/")[2], None)
            told = "".join(f"<Deleted><Key>{path}</Key></Deleted>" for path in paths)
            return _xml(f"<DeleteResult>{told}</DeleteResult>")
        if asked.name in self.objects and request.headers.get("If-None-Match") == "*":
            return _refused(412)
        self._keep(asked.name, body)
        return web.Response(headers={"ETag": fault.etag or _etag(body)})

    def _in_parts(self, asked: Asked, body: bytes, fault: Fault) -> web.Response:
        if "uploads" in asked.query:
            upload = secrets.token_hex(8)
            self.uploads[upload] = {}
            text = f"<Bucket>{BUCKET}</Bucket><Key>x</Key><UploadId>{upload}</UploadId>"
            return _xml(f"<InitiateMultipartUploadResult>{text}</InitiateMultipartUploadResult>")
        if asked.method == "POST":
            return self._complete(asked, body)
        if asked.method == "DELETE":
            self.uploads.pop(asked.query["uploadId"], None)
            return web.Response(status=204)
        self.uploads[asked.query["uploadId"]][int(asked.query["partNumber"])] = body
        return web.Response(headers={"ETag": fault.etag or _etag(body)})

    def _complete(self, asked: Asked, body: bytes) -> web.Response:
        parts = self.uploads.get(asked.query["uploadId"], {})
        if not parts or any(_etag(part).strip('"') not in body.decode() for part in parts.values()):
            return _refused(400)
        del self.uploads[asked.query["uploadId"]]
        whole = b"".join(parts[number] for number in sorted(parts))
        self._keep(asked.name, whole)
        text = f"<ETag>{_etag(whole)}</ETag>"
        return _xml(f"<CompleteMultipartUploadResult>{text}</CompleteMultipartUploadResult>")

    def _got(self, request: web.Request, asked: Asked) -> web.Response:
        found = self.objects.get(asked.name)
        if found is None or monotonic() - self.put_at[asked.name] < self.hidden_s:
            return _refused(404)
        headers = {"ETag": _etag(found), "Last-Modified": formatdate(0, usegmt=True)}
        if asked.method == "HEAD":
            return web.Response(headers={**headers, "Content-Length": str(len(found))})
        wanted = request.http_range
        first, end, _ = wanted.indices(len(found))
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(found)}"
        return web.Response(status=206, body=found[first:end], headers=headers)

    def _listed(self) -> web.Response:
        entries = "".join(
            f"<Contents><Key>payloads/{name}</Key><Size>{len(content)}</Size>"
            "<LastModified>2020-01-01T00:00:00.000Z</LastModified><ETag>x</ETag></Contents>"
            for name, content in sorted(self.objects.items())
        )
        text = f"<IsTruncated>false</IsTruncated>{entries}"
        return _xml(f"<ListBucketResult>{text}</ListBucketResult>")

    def _keep(self, name: str, content: bytes) -> None:
        self.objects[name] = content
        self.put_at[name] = monotonic()


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0"?>{text}', content_type="application/xml")


def _refused(status: int) -> web.Response:
    return web.Response(status=status, text="<Error><Code>Scripted</Code></Error>")


async def _half(request: web.Request, answer: web.Response) -> web.StreamResponse:
    body = answer.body
    assert isinstance(body, bytes)
    begun = web.StreamResponse(status=answer.status, headers=answer.headers)
    begun.content_length = len(body)
    await begun.prepare(request)
    await begun.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.close()
    return begun
