"""A service in front of another: what is not here is fetched once, and publishers of one's own never are."""

from __future__ import annotations

import concurrent.futures
import shutil

import pytest
import requests
from hosting import HostingServer, archive_of
from services import directory_of, serving

COMPRESSED = {"tf-hub-format": "compressed"}


@pytest.fixture
def own(tmp_path):
    """A directory with a model of the publisher ours."""
    shutil.copytree(str(directory_of("conv_bn")), str(tmp_path / "own" / "models" / "ours" / "images" / "1"))
    return tmp_path / "own"


def files_of(model):
    return {str(p.relative_to(model)): p.read_bytes() for p in model.rglob("*") if p.is_file()}


def test_a_model_of_the_other_service_is_fetched_once_and_stays(own):
    model = directory_of("text_embed")
    with HostingServer() as other:
        other.publish("/acme/text/1", archive_of(files_of(model)))
        with serving(own, "--upstream", other.url) as url:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda _: requests.get(f"{url}/acme/text/1", COMPRESSED), range(8)))
            assert {(answer.status_code, answer.headers["ETag"]) for answer in answers} == {
                (200, answers[0].headers["ETag"])
            }
            assert len(other.requests) == 1
    with serving(own, "--upstream", other.url) as url:  # The other service is gone.
        assert requests.get(f"{url}/acme/text/1", COMPRESSED).content == answers[0].content
        assert requests.get(f"{url}/acme/text", COMPRESSED).content == answers[0].content
        assert requests.get(f"{url}/acme/text/2", COMPRESSED).status_code == 404
    assert files_of(own / "mirror" / "models" / "acme" / "text" / "1") == files_of(model)


def test_the_latest_version_is_that_of_the_other_service(own, plain, tmp_path):
    with serving(plain, "--cache", tmp_path / "cache") as upstream, serving(own, "--upstream", upstream) as url:
        answer = requests.get(f"{url}/acme/text", COMPRESSED)
        assert answer.url == f"{url}/acme/text/2?tf-hub-format=compressed"
        assert requests.get(f"{url}/acme/text/1").json()["versions"] == [1, 2]


@pytest.mark.parametrize("name", ["ours/text/1", "theirs/text/1"])
def test_publishers_of_ones_own_are_never_looked_up(own, name):
    with HostingServer() as other:
        other.publish(f"/{name}", archive_of(files_of(directory_of("text_embed"))))
        with serving(own, "--upstream", other.url, "--own", "theirs") as url:
            assert requests.get(f"{url}/{name}", COMPRESSED).status_code == 404
        assert other.requests == []


def test_what_the_other_service_sends_is_unpacked_and_scanned_like_an_upload(own):
    with HostingServer() as other:
        other.publish("/acme/text/1", archive_of({"../escaped/saved_model.pb": b"x"}))
        other.publish("/acme/text/2", archive_of({"saved_model.pb": b"not a model"}))
        with serving(own, "--upstream", other.url) as url:
            for version in (1, 2, 3):
                assert requests.get(f"{url}/acme/text/{version}", COMPRESSED).status_code == 404
    assert not (own / "mirror" / "models" / "acme" / "text" / "1").exists()
