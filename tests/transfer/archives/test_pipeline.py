"""Two stages of a stream at once."""

from __future__ import annotations

import io
import os
import threading
import time

import pytest

from rehub.transfer.archives.pipeline import run_in_two_threads

MUCH = os.urandom(1 << 20) * 20


class Endless:
    """An endless stream that counts its bytes."""

    def __init__(self):
        self.given = 0

    def read(self, size):
        self.given += size
        return bytes(size)


def test_all_bytes_arrive_in_order():
    assert run_in_two_threads(io.BytesIO(MUCH), lambda stream: stream.read()) == MUCH


def test_empty_stream_is_empty():
    assert run_in_two_threads(io.BytesIO(), lambda stream: stream.read()) == b""


def test_pipelines_can_be_chained():
    def twice(stream):
        return run_in_two_threads(stream, lambda inner: inner.read())

    assert run_in_two_threads(io.BytesIO(MUCH), twice) == MUCH


def test_both_stages_run_at_once_in_different_threads():
    threads = []
    run_in_two_threads(io.BytesIO(b"x"), lambda stream: threads.append((threading.current_thread(), stream.read())))
    assert threads[0][0] is not threading.current_thread()


def test_source_is_read_ahead_up_to_the_buffer_size():
    source = Endless()

    def slow(stream):
        stream.read(1)
        time.sleep(0.3)
        return source.given

    assert run_in_two_threads(source, slow) < 8 << 20


def test_error_of_the_consumer_is_raised():
    def fail(stream):
        stream.read(10)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_in_two_threads(Endless(), fail)


def test_consumer_that_returns_early_ends_the_reading():
    assert run_in_two_threads(Endless(), lambda stream: stream.read(5)) == bytes(5)


@pytest.mark.parametrize("error", [OSError(5, "broken"), KeyboardInterrupt()])
def test_error_of_the_source_is_raised_and_ends_the_consumer(error):
    class Breaks(io.BytesIO):
        def read(self, size=-1):
            raise error

    before = threading.active_count()
    with pytest.raises(type(error)):
        run_in_two_threads(Breaks(), lambda stream: stream.read())
    assert threading.active_count() == before
