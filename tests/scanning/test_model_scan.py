from __future__ import annotations

import harmful_models
import model_forms

import rehub as hub


def test_each_form_of_a_model_is_found_to_do_the_same(tmp_path):
    for directory in (
        harmful_models.save(tmp_path / "object", lambda words: harmful_models.writes(harmful_models.reads(words))),
        harmful_models.save_that_writes(tmp_path / "graph", tmp_path / "harm"),
    ):
        expected = hub.scan(directory)
        assert expected.dangers
        model_forms.rewrite_as_text(directory)
        assert hub.scan(directory) == expected
