"""The header Expect: answered by the door, after the password. aiohttp would answer it before."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def expectations_later(handle: Handle) -> Handle:
    """Hide the header from aiohttp, which looks at the first one only: here an empty one comes before it."""

    async def later(request: web.BaseRequest) -> web.StreamResponse:
        if hdrs.EXPECT in request.headers:
            headers = request.headers.copy()
            expected = headers.popall(hdrs.EXPECT)
            for each in ("", *expected):
                headers.add(hdrs.EXPECT, each)
            request = request.clone(headers=headers)
        return await handle(request)

    return later


def can_be_met(request: web.BaseRequest) -> bool:
    """Whether a request expects nothing but 100-continue (RFC 9110 10.1.1).

    No body is ever read here, so the final status is the answer to that.
    """
    return all(each.lower() in {"", "100-continue"} for each in request.headers.getall(hdrs.EXPECT, ()))
