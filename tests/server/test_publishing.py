"""Versions: published completely or not at all, never changed, never used again."""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import os
import shutil
import subprocess
import sys

import pytest
import requests
from effort import scaled
from hosting import archive_of
from services import directory_of, serving

import rehub as hub
from rehub.cli.program import main
from rehub.server.access import create_token
from rehub.transfer.archives import pack_directory


@pytest.fixture(scope="module")
def token(hub_directory):
    token, lines = create_token("ci", ["read", "publish"], ["acme"], None)
    (hub_directory / "tokens.toml").write_text(lines)
    return token


@pytest.fixture(scope="module")
def service(hub_directory, token):
    with serving(hub_directory) as url:
        yield url


@pytest.fixture
def model(service, request):
    """The URL of a model that no other test publishes."""
    return f"{service}/acme/{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Archives of two models, as bytes."""
    found, file = [], tmp_path_factory.mktemp("packed") / "model.tar.gz"
    for model in ("text_embed", "conv_bn"):
        pack_directory(directory_of(model), file)
        found.append(file.read_bytes())
    return found


def put(url, archive, token, **headers):
    return requests.put(url, archive, headers={"Authorization": f"Bearer {token}", **headers})


def test_a_published_model_is_loaded_by_its_url(model, token, monkeypatch, capsys):
    monkeypatch.setenv("REHUB_PUBLISH_TOKEN", token)
    assert main(["publish", str(directory_of("text_embed")), model]) == 0
    assert capsys.readouterr().out.startswith(f"{model}/1  sha256 ")
    assert hub.inspect(f"{model}/1").format == "legacy module"


def test_the_same_content_again_is_fine_and_another_is_refused(model, token, archives):
    assert put(f"{model}/1", archives[0], token).status_code == 201
    assert put(f"{model}/1", archives[0], token).status_code == 200
    refused = put(f"{model}/1", archives[1], token)
    assert refused.status_code == 409
    assert f"{model.rpartition('/')[2]}/2" in refused.json()["error"]


def test_without_a_version_the_next_number_is_taken(model, token, archives):
    for archive, version in ((archives[0], 1), (archives[1], 2), (archives[0], 3)):
        answer = put(model, archive, token)
        assert (answer.status_code, answer.json()["version"]) == (201, version)
        assert f"{model}/{version}".endswith(answer.headers["Location"])


def test_a_withdrawn_version_is_gone_with_the_reason_and_not_used_again(model, token, archives, monkeypatch):
    put(f"{model}/1", archives[0], token)
    monkeypatch.setenv("REHUB_PUBLISH_TOKEN", token)
    assert main(["unpublish", f"{model}/1", "--reason", "trained on the wrong data"]) == 0
    answer = requests.get(f"{model}/1?tf-hub-format=compressed")
    assert (answer.status_code, "trained on the wrong data" in answer.text) == (410, True)
    with pytest.raises(hub.errors.DownloadError, match="trained on the wrong data"):
        hub.resolve(f"{model}/1")
    assert put(f"{model}/1", archives[0], token).status_code == 410
    assert put(model, archives[0], token).json()["version"] == 2


def test_of_ten_publishers_of_one_version_one_wins(model, token, tmp_path):
    different = []
    for number in range(10):
        directory = tmp_path / f"model{number}"
        shutil.copytree(str(directory_of("text_embed")), str(directory))
        (directory / "note.txt").write_text(str(number))
        pack_directory(directory, tmp_path / "model.tar.gz")
        different.append((tmp_path / "model.tar.gz").read_bytes())
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda archive: put(f"{model}/1", archive, token), different))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]
    winner = next(answer for answer in answers if answer.status_code == 201)
    content = requests.get(f"{model}/1?tf-hub-format=compressed").content
    assert hashlib.sha256(content).hexdigest() == winner.json()["sha256"]


def test_ten_publishers_without_a_version_get_ten_numbers(model, token, archives):
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: put(model, archives[0], token), range(10)))
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 11))


@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", "Basic !!!", "Basic " + base64.b64encode(b"ci:wrong").decode()]
)
def test_without_a_valid_token_nothing_is_published(model, archives, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = requests.put(f"{model}/1", archives[0], headers=headers)
    assert (answer.status_code, "Basic" in answer.headers["WWW-Authenticate"]) == (401, True)
    assert requests.get(f"{model}/1").status_code == 404


def test_a_token_is_also_the_password_of_a_login(model, token, archives):
    assert requests.put(f"{model}/1", archives[0], auth=("anyone", token)).status_code == 201


def test_a_token_publishes_for_its_publishers_alone(service, token, archives):
    assert put(f"{service}/google/text/1", archives[0], token).status_code == 403


def test_a_token_whose_entry_was_deleted_is_refused_at_once(model, token, archives, hub_directory):
    assert put(f"{model}/1", archives[0], token).status_code == 201
    before = (hub_directory / "tokens.toml").read_text()
    (hub_directory / "tokens.toml").write_text("")
    assert put(f"{model}/2", archives[0], token).status_code == 401
    (hub_directory / "tokens.toml").write_text(before)


@pytest.mark.parametrize(
    "name", ["acme", "acme/collection/x", "acme/1/2", "acme/..%2fx/1", "a_b/text/1", "acme/text/-1"]
)
def test_names_that_no_model_can_have_are_refused(service, token, archives, name):
    assert put(f"{service}/{name}", archives[0], token).status_code in (400, 403)


def test_an_archive_that_changed_on_its_way_is_refused(model, token, archives):
    digest = base64.b64encode(hashlib.sha256(archives[1]).digest()).decode()
    answer = put(f"{model}/1", archives[0], token, **{"Content-Digest": f"sha-256=:{digest}:"})
    assert (answer.status_code, requests.get(f"{model}/1").status_code) == (400, 404)


def test_a_graph_that_cannot_be_scanned_is_refused_beside_a_model_of_tensorflow_js(model, token):
    archive = archive_of({"model.json": b"{}", "saved_model.cpb": b"chunks"})
    assert put(f"{model}/1", archive, token).status_code == 422


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00cut off"])
def test_what_is_not_an_archive_is_refused(model, token, content):
    assert put(f"{model}/1", content, token).status_code == 422
    assert requests.get(f"{model}/1").status_code == 404


@pytest.mark.parametrize("name", ["text/1.tombstone", "1.tombstone/1"])
def test_the_name_of_a_tombstone_is_refused(service, token, archives, name):
    assert put(f"{service}/acme/{name}", archives[0], token).status_code == 400


def test_a_model_without_a_number_left_is_refused(model, token, archives):
    assert put(f"{model}/{'9' * 18}", archives[0], token).status_code == 201
    assert put(model, archives[0], token).status_code == 422


def test_a_refusal_does_not_tell_where_the_service_keeps_its_models(model, token, hub_directory):
    answer = put(f"{model}/1", archive_of({"saved_model.pb": b"\xff" * 100}), token)
    assert (answer.status_code, str(hub_directory) in answer.text) == (422, False)
    assert "saved_model.pb" in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[" * 4000, b'{"reason": 1}', b'{"reason": " "}', b"x" * 5000])
def test_a_withdrawal_without_a_reason_is_refused(model, token, archives, body):
    put(f"{model}/1", archives[0], token)
    answer = requests.delete(f"{model}/1", data=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (400, 413)
    assert requests.get(f"{model}/1").status_code == 200


def test_an_archive_that_is_too_large_is_refused(hub_directory, token, archives):
    with serving(hub_directory, "--max-upload", 100) as url:
        assert put(f"{url}/acme/large/1", archives[0], token).status_code == 413


def test_a_service_that_only_reads_takes_nothing(hub_directory, token, archives):
    with serving(hub_directory, "--read-only") as url:
        assert put(f"{url}/acme/read/1", archives[0], token).status_code == 405


def test_a_plain_directory_of_models_takes_nothing(tmp_path, hub_directory, token, archives):
    shutil.copy(str(hub_directory / "tokens.toml"), str(tmp_path))
    with serving(tmp_path, "--cache", tmp_path / "cache") as url:
        assert put(f"{url}/acme/read/1", archives[0], token).status_code == 405
    assert {path.name for path in tmp_path.iterdir()} == {"tokens.toml", "cache"}


def test_a_directory_is_published_into_without_a_service(tmp_path, capsys):
    for expected in ("acme/text/1", "acme/text/2"):
        assert main(["publish", str(directory_of("text_embed")), "acme/text", "--into", str(tmp_path / "hub")]) == 0
        assert capsys.readouterr().out.startswith(expected)
    assert main(["unpublish", "acme/text/2", "--reason", "twice", "--from", str(tmp_path / "hub")]) == 0
    assert sorted(path.name for path in (tmp_path / "hub/models/acme/text").iterdir()) == ["1", "2.tombstone"]


# Forks its publishers, as starting one takes longer than it runs. After each kill it waits for a line.
KILLED_PUBLISHERS = """
import os, random, signal, sys, time
from rehub.cli.program import main

source, root, count = sys.argv[1:]


def start_publishing(name):
    child = os.fork()
    if child == 0:
        os._exit(main(["publish", source, name, "--into", root]))
    return child


start = time.monotonic()
assert os.waitpid(start_publishing("acme/timed/1"), 0)[1] == 0
span = time.monotonic() - start
for number in range(1, int(count) + 1):
    child = start_publishing(f"acme/text/{number}")
    time.sleep(random.uniform(0, span))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", number, file=sys.stderr, flush=True)
    sys.stdin.readline()
"""


def test_a_publisher_that_is_killed_leaves_a_whole_version_or_none(tmp_path):
    """SIGKILL at random moments. What is there afterwards is complete, and what is not there can be published."""
    from rehub.server.names import parse_name
    from rehub.server.publishing import HubDirectory

    source, root, count = directory_of("text_embed"), tmp_path / "hub", scaled(60)
    complete = {str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    HubDirectory.create(root)
    command = [sys.executable, "-c", KILLED_PUBLISHERS, str(source), str(root), str(count)]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, text=True, env=environment, **streams) as process:
        for number in range(1, count + 1):
            for line in process.stderr:
                if line == f"killed {number}\n":
                    break
            else:
                pytest.fail(f"it ended before publisher {number}")
            found = HubDirectory(root).tree.find(parse_name(f"acme/text/{number}"))
            if found is not None:
                files = {
                    str(p.relative_to(found.directory)): p.read_bytes()
                    for p in found.directory.rglob("*")
                    if p.is_file()
                }
                assert files == complete
            else:
                assert not (root / "models" / "acme" / "text" / str(number)).exists()
            process.stdin.write("go on\n")
            process.stdin.flush()
    assert process.returncode == 0
    assert main(["publish", str(source), "acme/text", "--into", str(root)]) == 0
