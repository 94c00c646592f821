"""Documents that came in: what waits in the spool, its files, and that somebody has them."""

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from exchange.agency import deliver, documents
from exchange.agency.documents import Document, SpoolFile
from exchange.agency.http.binding import Call, Routes
from exchange.agency.http.download import send_file
from exchange.errors import NotFound
from exchange.wire import local_routes, local_shapes, shapes


def document_routes() -> Routes:
    """Return the handlers of received documents."""
    bound = Routes()
    bound.handles(local_routes.DOCUMENTS)(get_documents)
    bound.handles(local_routes.DOCUMENT)(get_document)
    bound.streams(local_routes.DOCUMENT_FILE)(get_file)
    bound.handles(local_routes.FETCHED)(post_fetched)
    return bound


async def get_documents(call: Call, *, query: shapes.Page) -> local_shapes.Documents:
    """Return a page of what waits; what the back office has taken away is left out."""
    page = await call.gateway.state.read(documents.list_documents, query.after, query.limit)
    found = []
    for document in page:
        files = await _files(call, document)
        if files is not None:
            found.append(_shape(document, files))
    return local_shapes.Documents(
        documents=tuple(found), next=page[-1].id if len(page) == query.limit else None
    )


async def get_document(call: Call, *, path: shapes.IdPath) -> local_shapes.Document:
    """Return one document."""
    document, files = await _found(call, path.id)
    return _shape(document, files)


async def get_file(call: Call, *, path: local_shapes.FilePath) -> web.StreamResponse:
    """Send the content of one file."""
    _, files = await _found(call, path.id)
    if path.n >= len(files):
        raise NotFound("the document has fewer files")
    file = files[path.n]
    return await send_file(call.request, file.path, file.name)


async def post_fetched(call: Call, *, path: shapes.IdPath) -> local_shapes.Document:
    """Note that the back office has a document."""
    await deliver.fetched(call.gateway, path.id)
    return await get_document(call, path=path)


async def _found(call: Call, disclosure_id: str) -> tuple[Document, list[SpoolFile]]:
    document = await call.gateway.state.read(documents.find_document, disclosure_id)
    files = await _files(call, document)
    if files is None:
        raise NotFound("the back office has taken the document out of the spool")
    return document, files


async def _files(call: Call, document: Document) -> list[SpoolFile] | None:
    return await asyncio.to_thread(documents.files_of, call.gateway.home, document.folder)


def _shape(document: Document, files: list[SpoolFile]) -> local_shapes.Document:
    received, context = document.received, document.context
    return local_shapes.Document(
        id=document.id,
        sender=received.sender,
        consent_id=received.consent_id,
        purpose=context.purpose,
        category=context.category,
        secrecy=context.secrecy.code,
        sent_at=datetime.fromtimestamp(context.iat, UTC),
        received_at=received.collected_at or received.seen_at,
        folder=document.folder,
        fetched=document.fetched,
        files=tuple(
            local_shapes.DocumentFile(n=n, name=file.name, size=file.size)
            for n, file in enumerate(files)
        ),
    )
