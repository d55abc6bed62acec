"""The bridge from the event loop to Flask, over granian's protocol played by hand."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import pytest

from infra.clock import SystemClock
from infra.serving import turns
from infra.serving.bridge import Bridge, RefusalReason, WsgiApp
from infra.serving.turns import Turns

LIMIT = 100


class Headers(list[tuple[str, str]]):
    def get(self, name: str) -> str | None:
        return dict(self).get(name)

    def items(self) -> list[tuple[str, str]]:
        return list(self)


class Scope:
    method, path, query_string, scheme, http_version, server = "POST", "/café", "a=1", "http", "1.1", "127.0.0.1:8080"
    client = "192.0.2.7:50000"

    def __init__(self, headers: Iterable[tuple[str, str]]) -> None:
        self.headers = Headers(headers)


class Protocol:
    """One request's body, chunk by chunk; a chunk of None never comes."""

    def __init__(self, *chunks: bytes | None) -> None:
        self._chunks = chunks
        self.read = 0
        self.answer: tuple[int, list[tuple[str, str]], bytes] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if chunk is None:
                await asyncio.Event().wait()
            else:
                self.read += 1
                yield chunk

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = (status, headers, body)


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("X-Path", environ["PATH_INFO"]), ("X-Sig", environ.get("HTTP_X_SIG", ""))])
    return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]


class Heard:
    """What the bridge told its hooks."""

    def __init__(self) -> None:
        self.refusals: list[RefusalReason] = []
        self.in_flight: list[int] = []


def bridge(
    app: WsgiApp = echo,
    threads: int = 2,
    heard: Heard | None = None,
    body_seconds: float = 1.0,
    turns: Turns | None = None,
) -> Bridge:
    heard = heard or Heard()
    return Bridge(
        app,
        threads=threads,
        max_body_bytes=LIMIT,
        body_seconds=body_seconds,
        clock=SystemClock(),
        on_refusal=heard.refusals.append,
        on_in_flight=heard.in_flight.append,
        on_stop=lambda: None,
        turns=turns,
    )


def call_all(target: Bridge, protocols: Sequence[Protocol]) -> list[int]:
    """Ask all at once, in this order; return the answers' status codes."""

    async def play() -> None:
        await asyncio.gather(*(target.__rsgi__(Scope(()), protocol) for protocol in protocols))

    asyncio.run(play())
    target.__rsgi_del__(None)
    return [protocol.answer[0] for protocol in protocols if protocol.answer is not None]


def call(target: Bridge, protocol: Protocol, *headers: tuple[str, str]) -> tuple[int, dict[str, str], bytes]:
    asyncio.run(target.__rsgi__(Scope(headers), protocol))
    target.__rsgi_del__(None)
    assert protocol.answer is not None
    status, found, body = protocol.answer
    return status, dict(found), body


def test_body_reaches_the_application_when_it_came_in_chunks() -> None:
    """A body without a length arrives whole; path and doubled headers come as WSGI wants them."""
    status, headers, body = call(bridge(), Protocol(b"ab", b"", b"cd"), ("x-sig", "1"), ("x-sig", "2"))

    assert (status, body) == (200, b"abcd")
    assert headers == {"x-path": "/caf\xc3\xa9", "x-sig": "1,2"}


def test_answer_is_413_before_reading_when_the_length_is_over_the_limit() -> None:
    """A declared length over the limit is answered at once."""
    protocol, heard = Protocol(b"x" * 101), Heard()

    status, _, _ = call(bridge(heard=heard), protocol, ("content-length", "101"))

    assert (status, protocol.read) == (413, 0)
    assert heard.refusals == ["body_too_large"]


def test_answer_is_413_when_chunks_pass_the_limit() -> None:
    """An undeclared length is read to the limit and not far beyond; the application sees nothing."""
    protocol = Protocol(*[b"x" * 60] * 10)

    status, headers, _ = call(bridge(), protocol)

    assert (status, protocol.read) == (413, 2)
    assert headers == {"connection": "close"}


def test_answer_is_503_when_the_body_does_not_come() -> None:
    """A body that stops on its way takes no thread, and may be genuine: Zoom repeats a 5xx, never a 4xx."""
    heard = Heard()

    status, _, _ = call(bridge(heard=heard, body_seconds=0.01), Protocol(b"x", None), ("content-length", "2"))

    assert status == 503
    assert heard.refusals == ["body_timeout"]


def test_application_sees_nothing_when_the_client_hangs_up() -> None:
    """granian ends the body of a client that is gone as if it were whole; the declared length tells."""
    heard = Heard()

    status, _, _ = call(bridge(heard=heard), Protocol(b"x"), ("content-length", "2"))

    assert status == 400
    assert heard.refusals == ["body_incomplete"]


def test_answer_is_503_when_too_many_are_in_flight() -> None:
    """Beyond four requests a thread nobody waits: the answer is 503 at once, and later ones are served again."""
    release, heard = threading.Event(), Heard()

    def wait(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        release.wait(10)
        return echo(environ, start_response)

    target = bridge(wait, threads=1, heard=heard)
    held, refused, later = [Protocol(b"x") for _ in range(4)], Protocol(b"x"), Protocol(b"x")

    async def play() -> None:
        tasks = [asyncio.create_task(target.__rsgi__(Scope(()), protocol)) for protocol in held]
        await asyncio.sleep(0)
        await target.__rsgi__(Scope(()), refused)
        release.set()
        await asyncio.gather(*tasks)
        await target.__rsgi__(Scope(()), later)

    asyncio.run(play())
    target.__rsgi_del__(None)

    assert [protocol.answer and protocol.answer[0] for protocol in (*held, refused, later)] == [200] * 4 + [503, 200]
    assert heard.in_flight[-1] == 0
    assert max(heard.in_flight) == 4


def test_answer_is_500_when_the_application_raises() -> None:
    """Nothing raises into the server, which would print a traceback."""

    def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise ZeroDivisionError

    status, _, _ = call(bridge(broken), Protocol(b"x"))

    assert status == 500


def test_health_is_told_when_every_thread_waits() -> None:
    """The process is alive while all its threads wait for the log: no thread is asked."""
    release = threading.Event()

    def wait(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        release.wait(10)
        return echo(environ, start_response)

    class HealthScope(Scope):
        method, path = "GET", "/healthz"

    target = bridge(wait, threads=1)
    held, health = [Protocol(b"x") for _ in range(4)], Protocol()

    async def play() -> None:
        tasks = [asyncio.create_task(target.__rsgi__(Scope(()), protocol)) for protocol in held]
        await asyncio.sleep(0)
        await target.__rsgi__(HealthScope(()), health)
        release.set()
        await asyncio.gather(*tasks)

    asyncio.run(play())
    target.__rsgi_del__(None)

    assert health.answer == (200, [("content-type", "text/plain")], b"ok\n")


def test_as_many_as_there_are_turns_are_worked_at_when_more_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two turns: always two at a time, never a third, though there are threads for all."""
    monkeypatch.setattr(turns, "TURN_SECONDS", 60)
    both, at_work, counted = threading.Barrier(2, timeout=10), set[int](), list[int]()

    def meet(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        at_work.add(threading.get_ident())
        both.wait()
        counted.append(len(at_work))
        both.wait()
        at_work.discard(threading.get_ident())
        both.wait()
        return echo(environ, start_response)

    answers = call_all(bridge(meet, threads=8, turns=Turns(2)), [Protocol(b"x") for _ in range(6)])

    assert answers == [200] * 6
    assert set(counted) == {2}


def test_others_are_answered_when_everyone_with_a_turn_waits_for_somebody() -> None:
    """A turn ends by itself: requests that wait for Zoom do not keep a page from coming, nor lose their own answers."""
    page_is_there = threading.Event()

    def wait_or_answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["wsgi.input"].getvalue() == b"page":
            page_is_there.set()
        elif not page_is_there.wait(10):
            raise TimeoutError
        return echo(environ, start_response)

    slow, page = [Protocol(b"call") for _ in range(2)], Protocol(b"page")
    answers = call_all(bridge(wait_or_answer, threads=3, turns=Turns(2)), [*slow, page])

    assert answers == [200, 200, 200]


def test_no_turn_is_made_or_lost_when_they_end_in_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the request or the time was over first, a turn is given back once."""
    monkeypatch.setattr(turns, "TURN_SECONDS", 0)
    few = Turns(1)

    async def play() -> bool:
        async with few.taken(), few.taken():  # the first one is over by itself
            pass
        monkeypatch.setattr(turns, "TURN_SECONDS", 60)
        async with few.taken():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(few.taken().__aenter__(), 0.01)
        async with few.taken():
            return True

    assert asyncio.run(play())
