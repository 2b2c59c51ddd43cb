"""`rehub pull`."""

from __future__ import annotations

import rehub as library


def test_a_model_is_fetched_and_its_directory_printed(rehub, hosted, server):
    ran = rehub("pull", hosted)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == library.resolve(hosted) + "\n"
    assert rehub("pull", hosted).out == ran.out
    assert len(server.requests) == 1


def test_one_that_fails_does_not_keep_the_others(rehub, hosted, server, tmp_path):
    ran = rehub("pull", server.url + "/no/such/1", hosted, tmp_path)
    assert ran.code == 1
    assert ran.out.splitlines() == [library.resolve(hosted), str(tmp_path)]
    assert ran.err.startswith(f"rehub: '{server.url}/no/such/1' cannot be downloaded")
