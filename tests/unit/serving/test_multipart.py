"""exchange.serving.multipart: part by part, whatever pieces the body arrives in."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import Malformed, TooLarge
from exchange.serving import multipart
from exchange.serving.multipart import boundary_of, parts

Read = tuple[str, str | None, str, bytes]


def body_of(*contents: bytes, boundary: bytes = b"XX") -> bytes:
    each = [
        b'--%s\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'
        b"Content-Type: a/b; charset=x\r\n\r\n%s\r\n" % (boundary, content)
        for content in contents
    ]
    return b"".join(each) + b"--%s--\r\n" % boundary


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def read(body: bytes, size: int = 7) -> list[Read]:
    found = []
    async for part in parts(in_pieces(body, size), b"XX"):
        content = b"".join([piece async for piece in part.content])
        found.append((part.name, part.filename, part.media_type, content))
    return found


@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"\r\n--X", b"--XX", b"\r\n", b"\r\n--XY"])),
    st.integers(1, 60),
)
async def test_content_comes_back_whatever_pieces_it_arrives_in(
    contents: list[bytes], size: int
) -> None:
    contents = [content for content in contents if b"--XX" not in b"\r\n" + content]

    found = await read(body_of(*contents), size)

    assert found == [("file", "f", "a/b", content) for content in contents]


async def test_content_that_nobody_reads_is_thrown_away() -> None:
    body = body_of(b"a" * 1000, b"b", b"c" * 1000)

    names = [part.name async for part in parts(in_pieces(body, 10), b"XX")]

    assert names == ["file"] * 3


async def test_no_more_is_held_than_a_piece_and_a_boundary() -> None:
    largest = 0
    async for part in parts(in_pieces(body_of(b"a" * 100_000), 1000), b"XX"):
        async for piece in part.content:
            largest = max(largest, len(piece))

    assert largest <= 1100


@pytest.mark.parametrize(
    ("given_name", "filename"),
    [
        (b'"a.pdf"', "a.pdf"),
        (b"a.pdf", "a.pdf"),
        (b'"M\xc3\xa4rz.pdf"', "März.pdf"),
        (b'"M%C3%A4rz.pdf"', "März.pdf"),
        (b"\"x\"; filename*=utf-8''M%C3%A4rz.pdf", "März.pdf"),
        (b'"a%22b.pdf"', 'a"b.pdf'),
        (b'"a\\"b.pdf"', 'a"b.pdf'),
        (b'"100%.pdf"', "100%.pdf"),
        (b'"%FF.pdf"', "%FF.pdf"),
        (b'""', ""),
    ],
)
async def test_the_name_of_a_file_is_read_as_clients_write_it(
    given_name: bytes, filename: str
) -> None:
    body = body_of(b"").replace(b'"f"', given_name)

    assert [one[1] for one in await read(body)] == [filename]


async def test_a_part_may_have_no_file_name_and_no_type() -> None:
    body = b'--XX\r\nContent-Disposition: form-data; name="n"\r\n\r\nv\r\n--XX--'

    assert await read(body) == [("n", None, "", b"v")]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=XX", b"XX"),
        ('Multipart/Form-Data; boundary="X X"', b"X X"),
        ("multipart/form-data;boundary=----WebKit1", b"----WebKit1"),
    ],
)
def test_the_boundary_is_read(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        *("multipart/form-data", "multipart/mixed; boundary=X", "multipart/form-data; boundary="),
        *("multipart/form-data; boundary=" + "X" * 71, "multipart/form-data; boundary=X; x=1", ""),
    ],
)
def test_without_a_boundary_nothing_is_read(content_type: str) -> None:
    with pytest.raises(Malformed):
        boundary_of(content_type)


@pytest.mark.parametrize("size", [1, 5, 10_000])
async def test_a_body_that_ends_early_is_refused_wherever_it_ends(size: int) -> None:
    whole = body_of(b"abc", b"defgh")
    for end in range(len(whole) - len(b"\r\n")):
        with pytest.raises(Malformed):
            await read(whole[:end], size)


async def test_bounds_hold() -> None:
    with pytest.raises(TooLarge, match="parts"):
        await read(body_of(*[b""] * (multipart.MOST_PARTS + 1)), 1 << 20)
    assert len(await read(body_of(*[b""] * multipart.MOST_PARTS), 1 << 20)) == multipart.MOST_PARTS
    for size in (100, 1 << 20):
        with pytest.raises(TooLarge, match="head"):
            await read(body_of(b"").replace(b'"f"', b'"' + b"f" * 9000 + b'"'), size)
