"""Forms as a browser sends them, and whatever a browser would not send."""

from collections.abc import Mapping
from urllib.parse import urlencode

from tests.simulator import Answer, Simulator

FORM = "application/x-www-form-urlencoded"


async def post(
    sim: Simulator,
    path: str,
    fields: Mapping[str, str] | str,
    *,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a form as our own page does; `headers` take the place of what a browser says of it."""
    said = {"Sec-Fetch-Site": "same-origin"} if headers is None else headers
    return await answered(
        sim,
        "POST",
        path,
        data=fields if isinstance(fields, str) else urlencode(fields),
        headers={"Content-Type": FORM, **said},
    )


async def get(sim: Simulator, path: str, **headers: str) -> Answer:
    return await answered(sim, "GET", path, headers=headers)


async def answered(sim: Simulator, method: str, path: str, **options: object) -> Answer:
    async with sim.http.request(
        method,
        sim.origin + path,
        allow_redirects=False,
        **options,  # type: ignore[arg-type]  # those of aiohttp
    ) as found:
        return Answer(found.status, dict(found.headers.items()), await found.read())
