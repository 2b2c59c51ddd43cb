"""The choice of a handle's resolver."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from rehub.errors import InvalidHandle, InvalidResolver, UnsupportedFormat
from rehub.resolvers import register_resolver, resolve


class Resolving:
    """Resolves handles with a prefix; it stays registered, so each test uses its own prefix."""

    def __init__(self, start, answer):
        self._start = start
        self._answer = answer

    def is_supported(self, handle):
        return handle.startswith(self._start)

    def __call__(self, handle):
        return self._answer


def test_registered_resolver_resolves_its_handles():
    register_resolver(Resolving("shelf-a://", "/mnt/a"))
    assert resolve("shelf-a://m") == "/mnt/a"
    with pytest.raises(InvalidHandle):
        resolve("shelf-b://m")


def test_newest_resolver_is_tried_first():
    register_resolver(Resolving("shelf-c://", "older"))
    register_resolver(Resolving("shelf-c://", "newer"))
    assert resolve("shelf-c://m") == "newer"


def test_registered_resolver_comes_before_the_built_in_ones():
    register_resolver(Resolving("https://models.invalid/", "/mnt/url"))
    register_resolver(Resolving("https://models.invalid/m.tflite", "/mnt/lite"))
    assert resolve("https://models.invalid/m/1") == "/mnt/url"
    assert resolve("https://models.invalid/m.tflite") == "/mnt/lite"


def test_resolver_may_return_a_path_or_a_url():
    register_resolver(Resolving("shelf-d://", pathlib.PurePosixPath("/mnt/d")))
    register_resolver(Resolving("shelf-e://", "gs://bucket/e"))
    assert resolve("shelf-d://m") == "/mnt/d"
    assert resolve("shelf-e://m") == "gs://bucket/e"


def test_resolver_gets_every_handle_as_text(tmp_path):
    register_resolver(Resolving("shelf-f/", "/mnt/f"))
    assert resolve(b"shelf-f/m") == resolve(pathlib.PurePosixPath("shelf-f/m")) == "/mnt/f"


def test_error_of_a_resolver_is_raised_unchanged():
    class Offline(Resolving):
        def __call__(self, handle):
            raise ConnectionError("the shelf is offline")

    register_resolver(Offline("shelf-g://", None))
    with pytest.raises(ConnectionError, match="the shelf is offline"):
        resolve("shelf-g://m")


def test_result_that_is_not_a_path_is_refused():
    register_resolver(Resolving("shelf-h://", None))
    with pytest.raises(InvalidResolver, match=r"Resolving.*shelf-h://m.*None"):
        resolve("shelf-h://m")


@pytest.mark.parametrize(
    ("resolver", "words"),
    [
        (Resolving, r"Resolving\(\), not the class"),
        (None, "no method is_supported and no __call__"),
        (lambda handle: handle, "no method is_supported"),
    ],
)
def test_object_without_the_methods_is_refused(resolver, words):
    with pytest.raises(InvalidResolver, match=words) as error:
        register_resolver(resolver)
    assert isinstance(error.value, TypeError)


@pytest.mark.parametrize("handle", [None, 3, object(), ["a"]])
def test_handle_of_another_type_is_refused_as_in_tensorflow_hub(handle):
    with pytest.raises(ValueError, match="Expected a string, got"):
        resolve(handle)


def test_other_format_is_refused_before_any_request(server):
    with pytest.raises(UnsupportedFormat):
        resolve(server.url + "/google/lite-model/aiy/1")
    assert server.requests == []


def test_resolving_a_directory_imports_neither_tensorflow_nor_requests(tmp_path):
    code = "import sys, rehub; rehub.resolve(sys.argv[1]); print({'tensorflow', 'requests'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, stdout=subprocess.PIPE)
    assert run.stdout.strip() == b"set()"
