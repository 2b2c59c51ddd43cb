"""A model is in an object store completely or not at all, as its manifest says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from filling import KEY, NAME, Filling

from rehub.cache import (
    find_cached,
    get_or_fetch,
    list_entries,
    open_cache,
    refetch,
)
from rehub.errors import CacheError, DownloadError, InvalidSetting, PackageMissing

pytest.importorskip("fsspec", reason="fsspec is not installed here")

MANIFEST = NAME + ".manifest.json"
DESCRIPTOR = NAME + ".descriptor.txt"
FILES = {
    NAME + "/saved_model.pb": b"graph",
    NAME + "/variables/variables.data-00000-of-00001": b"data",
    NAME + "/variables/variables.index": b"index",
}
needs_sigkill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """An empty directory for temporary files."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def disk(tmp_path):
    import disk_storage

    disk_storage.DiskStorage.steps = 0
    disk_storage.DiskStorage.before_step = staticmethod(lambda step: None)
    (tmp_path / "bucket").mkdir()
    return disk_storage.DiskStorage()


@pytest.fixture(params=["memory", "s3", "disk"])
def store(request, tmp_path):
    """A storage, and the URL of a cache in it that does not exist yet."""
    place = f"{tmp_path.as_posix()}/bucket" if request.param == "disk" else "bucket"
    return request.getfixturevalue(request.param), f"{request.param}://{place}/größe x/models"


def left_in(temporary):
    """Return the staging files in the directory for temporary files."""
    return [path.name for own in temporary.iterdir() for path in own.iterdir()]


def contents(storage, url):
    root = type(storage)._strip_protocol(url)
    storage.invalidate_cache()
    return {path[len(root) + 1 :]: storage.cat_file(path) for path in storage.find(root)}


def write(storage, path, content):
    storage.makedirs(type(storage)._strip_protocol(path).rpartition("/")[0], exist_ok=True)
    storage.pipe_file(path, content)


def test_model_is_fetched_once(store, temporary):
    storage, url = store
    fill = Filling()
    assert find_cached((url,), KEY) is None
    assert get_or_fetch((url,), KEY, fill) == f"{url}/{NAME}"
    assert get_or_fetch((url,), KEY, fill) == f"{url}/{NAME}" == find_cached((url,), "https://other", KEY)
    assert fill.count == 1
    there = contents(storage, url)
    stored = json.loads(there.pop(MANIFEST).decode())
    assert (stored["handle"], stored["url"]) == (KEY, "https://mirror/nnlm.tar.gz")
    assert {f"{NAME}/{file['name']}": file["size"] for file in stored["files"]} == {k: len(FILES[k]) for k in FILES}
    assert there.pop(DESCRIPTOR).decode().startswith(f"Module: {KEY}\nDownload Time: 20")
    assert there == FILES
    assert left_in(temporary) == []


@pytest.mark.parametrize("error", [DownloadError("the server broke off"), KeyboardInterrupt(), ValueError("a bug")])
def test_failed_fetch_leaves_nothing(store, temporary, error):
    storage, url = store
    with pytest.raises(type(error)):
        get_or_fetch((url,), KEY, Filling(error=error))
    assert contents(storage, url) == {}
    assert left_in(temporary) == []


def test_full_temporary_directory_is_an_error_that_names_it(memory, temporary):
    with pytest.raises(CacheError, match="No space left on device") as error:
        get_or_fetch(("memory://bucket",), KEY, Filling(error=OSError(28, "No space left on device")))
    assert KEY in str(error.value) and str(temporary) in str(error.value) and "TMPDIR" in str(error.value)


@pytest.mark.parametrize("gone", [*sorted(FILES), MANIFEST])
def test_model_with_deleted_files_is_uploaded_again(store, caplog, gone):
    storage, url = store
    get_or_fetch((url,), KEY, Filling())
    storage.rm_file(f"{type(storage)._strip_protocol(url)}/{gone}")
    assert find_cached((url,), KEY) is None
    assert ("it has no manifest" if gone == MANIFEST else "is missing") in caplog.text
    again = Filling()
    assert get_or_fetch((url,), KEY, again) == f"{url}/{NAME}" == find_cached((url,), KEY)
    assert again.count == 1


@pytest.mark.parametrize("name", [NAME + "/saved_model.pb", MANIFEST])
def test_truncated_file_is_a_problem(store, name):
    storage, url = store
    get_or_fetch((url,), KEY, Filling())
    storage.pipe_file(f"{type(storage)._strip_protocol(url)}/{name}", b"gra")
    assert find_cached((url,), KEY) is None
    assert get_or_fetch((url,), KEY, Filling()) == find_cached((url,), KEY)


def test_files_of_an_earlier_upload_are_deleted_before_the_manifest_is_written(store):
    storage, url = store
    get_or_fetch((url,), KEY, Filling())
    write(storage, f"{url}/{NAME}/assets/old.txt", b"old")
    storage.rm_file(f"{type(storage)._strip_protocol(url)}/{MANIFEST}")
    get_or_fetch((url,), KEY, Filling())
    assert {name: content for name, content in contents(storage, url).items() if "/" in name} == FILES


def test_complete_entry_of_tensorflow_hub_is_used(store):
    storage, url = store
    for name, content in FILES.items():
        write(storage, f"{url}/{name}", content)
    assert find_cached((url,), KEY) == f"{url}/{NAME}"
    write(storage, f"{url}/{DESCRIPTOR}", f"Module: {KEY}\nDownload Time: 2026-01-02 03:04:05\n".encode())
    assert find_cached((url,), "https://other", KEY) == f"{url}/{NAME}"
    storage.rm_file(f"{type(storage)._strip_protocol(url)}/{NAME}/variables/variables.index")
    assert find_cached((url,), KEY) is None
    fill = Filling()
    assert get_or_fetch((url,), KEY, fill) == find_cached((url,), KEY)
    assert fill.count == 1


def test_threads_upload_once(store):
    _, url = store
    fill = Filling()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(get_or_fetch((url,), KEY, fill))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [f"{url}/{NAME}"] * 4
    assert fill.count == 1


def other_machine(url, graph, tmp_path, step="0"):
    """Upload the model from another process with its own directory for temporary files."""
    return other_process(url, graph, tempfile.mkdtemp(dir=str(tmp_path)), step)


def other_process(url, graph, temporary, step="0"):
    """Upload the model from another process, killed before a step; return its exit status and output."""
    here = Path(__file__).parent
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, str(here / "disk_storage.py"), url, graph, step],
        stdout=subprocess.PIPE,
        env=environment,
        check=False,
    )
    return ran.returncode, ran.stdout.decode()


@needs_sigkill
def test_upload_killed_before_any_step_leaves_no_model(disk, tmp_path):
    base = f"disk://{tmp_path.as_posix()}/bucket"
    code, steps = other_machine(f"{base}/whole", "graph", tmp_path)
    assert code == 0
    assert int(steps) > 6
    for step in range(1, int(steps) + 1):
        url = f"{base}/{step}"
        assert other_machine(url, "graph", tmp_path, str(step)) == (-signal.SIGKILL, "")
        assert find_cached((url,), KEY) is None
        assert get_or_fetch((url,), KEY, Filling()) == find_cached((url,), KEY)
        assert {name: content for name, content in contents(disk, url).items() if "/" in name} == FILES


@needs_sigkill
def test_refetch_killed_before_any_step_leaves_the_old_model_the_new_one_or_none(disk, tmp_path):
    url = f"disk://{tmp_path.as_posix()}/bucket/models"
    found = []
    for step in range(1, 20):
        refetch((url,), KEY, Filling(graph=b"older"))
        code, _ = other_machine(url, "graph", tmp_path, str(step))
        if code == 0:
            break
        if find_cached((url,), KEY) is None:
            found.append("none")
        else:
            assert contents(disk, url)[NAME + "/saved_model.pb"] == b"older"
            found.append("old")
    assert found == ["old"] * 2 + ["none"] * 4  # descriptor, manifest deleted, three files, manifest
    assert contents(disk, url)[NAME + "/saved_model.pb"] == b"graph"
    assert find_cached((url,), KEY) == f"{url}/{NAME}"


@needs_sigkill
def test_local_staging_of_a_killed_upload_is_deleted_by_the_next(disk, tmp_path, temporary):
    url = f"disk://{tmp_path.as_posix()}/bucket/models"
    assert other_process(url, "graph", temporary, "3") == (-signal.SIGKILL, "")
    assert left_in(temporary) != []
    assert get_or_fetch((url,), KEY, Filling()) == find_cached((url,), KEY)
    assert left_in(temporary) == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="temporary files are the user's own on this system")
def test_temporary_directory_that_others_can_write_is_refused(memory, temporary):
    own = temporary / f"rehub-{os.geteuid()}"
    own.mkdir()
    own.chmod(0o777)
    with pytest.raises(CacheError, match=f"{own} is not a directory that only this user can use.*TMPDIR"):
        get_or_fetch(("memory://bucket",), KEY, Filling())
    own.rmdir()
    (temporary / "of another user").mkdir()
    own.symlink_to(temporary / "of another user")
    with pytest.raises(CacheError, match="is not a directory that only this user can use"):
        get_or_fetch(("memory://bucket",), KEY, Filling())


def test_upload_of_another_machine_at_any_moment_does_no_harm(disk, tmp_path):
    url = f"disk://{tmp_path.as_posix()}/bucket/models"
    refetch((url,), KEY, Filling())
    for step in range(1, 20):
        overtaken = []

        def overtake(now, step=step, overtaken=overtaken):
            if now == step:
                overtaken.append(other_machine(url, "graph", tmp_path)[0])

        type(disk).steps = 0
        type(disk).before_step = staticmethod(overtake)
        assert refetch((url,), KEY, Filling()) == f"{url}/{NAME}"
        assert find_cached((url,), KEY) == f"{url}/{NAME}"
        assert {name: content for name, content in contents(disk, url).items() if "/" in name} == FILES
        if not overtaken:
            break
        assert overtaken == [0]
    assert step > 6


def test_model_uploaded_by_another_machine_meanwhile_is_not_uploaded_again(disk, tmp_path):
    url = f"disk://{tmp_path.as_posix()}/bucket/models"
    steps = []

    def meanwhile():
        assert other_machine(url, "graph", tmp_path)[0] == 0
        type(disk).before_step = staticmethod(steps.append)

    assert get_or_fetch((url,), KEY, Filling(meanwhile)) == f"{url}/{NAME}"
    assert steps == []


@needs_sigkill
def test_process_killed_during_an_upload_leaves_no_entry_in_s3(s3, tmp_path):
    program = (
        "import sys\n"
        "from rehub.cache import Fetched, get_or_fetch\n"
        "def fill(directory):\n"
        "    for number in range(2000):\n"
        "        (directory / f'{number}.txt').write_bytes(b'text')\n"
        "    (directory / 'saved_model.pb').write_bytes(b'graph')\n"
        "    return Fetched('https://mirror')\n"
        f"get_or_fetch(('s3://bucket/models',), {KEY!r}, fill)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        uploaded = 0
        while uploaded < 5:
            assert process.poll() is None
            s3.invalidate_cache()
            uploaded = len(s3.find("bucket/models"))
    finally:
        process.kill()
        process.wait()
    assert MANIFEST not in contents(s3, "s3://bucket/models")
    assert find_cached(("s3://bucket/models",), KEY) is None
    assert get_or_fetch(("s3://bucket/models",), KEY, Filling()) == find_cached(("s3://bucket/models",), KEY)
    assert {name for name in contents(s3, "s3://bucket/models") if "/" in name} == set(FILES)


def test_failed_upload_names_the_cache_and_leaves_no_manifest(disk, tmp_path, temporary):
    url = f"disk://{tmp_path.as_posix()}/bucket/models"
    write(disk, f"{url}/{NAME}", b"a file has the model's name")
    with pytest.raises(CacheError, match=f"{KEY}' cannot be stored in the cache {url}"):
        get_or_fetch((url,), KEY, Filling())
    assert set(contents(disk, url)) == {NAME, DESCRIPTOR}
    assert left_in(temporary) == []


def test_missing_bucket_is_an_error_and_is_not_created(s3):
    with pytest.raises(CacheError, match="s3://nobodys/models"):
        get_or_fetch(("s3://nobodys/models",), KEY, Filling())
    s3.invalidate_cache()
    assert not s3.exists("nobodys")


def test_refused_access_says_where_the_driver_looks_for_a_login(s3, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    s3.clear_instance_cache()
    with pytest.raises(CacheError, match="AWS_ACCESS_KEY_ID") as error:
        find_cached(("s3://bucket/models",), KEY)
    assert "s3://bucket/models" in str(error.value)


def test_missing_driver_is_an_error_with_the_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(PackageMissing, match=r'gs://bucket/models.*pip install "rehub\[gcs\]"'):
        find_cached(("gs://bucket/models",), KEY)


def test_unknown_scheme_is_refused():
    with pytest.raises(InvalidSetting, match="does not know htps://"):
        find_cached(("htps://bucket/models",), KEY)


def test_local_caches_and_stores_are_read_in_order_and_the_first_is_written(memory, tmp_path):
    here, there = tmp_path / "here", "memory://bucket/models"
    get_or_fetch((there,), KEY, Filling())
    never = Filling()
    assert get_or_fetch((here, there), KEY, never) == f"{there}/{NAME}"
    assert not here.exists()
    assert get_or_fetch((here, there), "https://new", Filling()).parent == here
    assert get_or_fetch((there, here), "https://newer", Filling()).startswith(there + "/")
    assert get_or_fetch((there, here), "https://new", never) == find_cached((here,), "https://new")
    assert never.count == 0


def test_entries_record_origin_size_and_time(store):
    storage, url = store
    assert list_entries(url) == []
    assert open_cache(url).find_entry(KEY) is None
    get_or_fetch((url,), KEY, Filling())
    get_or_fetch((url,), "https://a", Filling())
    write(storage, f"{url}/README", b"mine")
    first, entry = list_entries(url)
    assert first.handle == "https://a"
    assert entry == open_cache(url).find_entry(KEY)
    assert (entry.root, entry.directory, entry.name) == (url, f"{url}/{NAME}", NAME)
    assert (entry.handle, entry.url, entry.size, entry.files) == (KEY, "https://mirror/nnlm.tar.gz", 14, 3)
    assert (entry.used, entry.problem) == (None, None)
    assert entry.stored.tzinfo is not None
    assert open_cache(url).list_file_sizes(entry) == {
        name[len(NAME) + 1 :]: len(content) for name, content in FILES.items()
    }
    storage.rm_file(f"{type(storage)._strip_protocol(url)}/{MANIFEST}")
    entry = open_cache(url).find_entry(KEY)
    assert (entry.handle, entry.url, entry.size) == (KEY, None, 14)
    assert "no manifest" in entry.problem


def test_verify_names_missing_modified_and_unexpected_files(store):
    storage, url = store
    get_or_fetch((url,), KEY, Filling())
    entry = open_cache(url).find_entry(KEY)
    report = open_cache(url).verify_entry(entry)
    assert (report.problems, report.unexpected, report.has_manifest) == ((), (), True)
    write(storage, f"{url}/{NAME}/saved_model.pb", b"other")
    storage.rm_file(f"{type(storage)._strip_protocol(url)}/{NAME}/variables/variables.index")
    write(storage, f"{url}/{NAME}/notes.txt", b"mine")
    report = open_cache(url).verify_entry(entry)
    assert [words.partition(":")[0] for words in report.problems] == [
        "saved_model.pb was modified after the download",
        "variables/variables.index is missing",
    ]
    assert report.unexpected == ("notes.txt",)
    assert open_cache(url).verify_entry(entry, digests=False).problems == ("variables/variables.index is missing",)
    open_cache(url).remove_entry(entry)
    assert open_cache(url).verify_entry(entry).problems == ("it was removed",)


def test_removed_entry_leaves_no_file(store):
    storage, url = store
    get_or_fetch((url,), "https://a", Filling())
    before = contents(storage, url)
    get_or_fetch((url,), KEY, Filling())
    open_cache(url).remove_entry(open_cache(url).find_entry(KEY))
    assert contents(storage, url) == before
    assert find_cached((url,), KEY) is None
    assert not storage.exists(f"{type(storage)._strip_protocol(url)}/{NAME}")


def test_removal_killed_before_any_step_leaves_a_complete_model_or_none(disk, tmp_path):
    url = f"disk://{tmp_path.as_posix()}/bucket/models"

    class Killed(BaseException):
        pass

    for of_tensorflow_hub in (False, True):
        for step in range(1, 20):
            refetch((url,), KEY, Filling())
            if of_tensorflow_hub:
                for name in (MANIFEST, DESCRIPTOR):
                    disk.rm_file(f"{tmp_path.as_posix()}/bucket/models/{name}")
            entry = open_cache(url).find_entry(KEY)
            type(disk).steps = 0

            def die(now, step=step):
                if now == step:
                    raise Killed

            type(disk).before_step = staticmethod(die)
            try:
                open_cache(url).remove_entry(entry)
            except Killed:
                type(disk).before_step = staticmethod(lambda now: None)
                whole = {name: content for name, content in contents(disk, url).items() if "/" in name} == FILES
                assert (find_cached((url,), KEY) is not None) <= whole
            else:
                type(disk).before_step = staticmethod(lambda now: None)
                break
        assert step > 4
        assert find_cached((url,), KEY) is None
