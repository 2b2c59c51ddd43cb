from __future__ import annotations

import json
import subprocess
import sys

import harmful_models
import model_forms
import pytest
import saved_models

import rehub as hub
from rehub.cli.program import main


def test_scan_of_a_clean_model_exits_with_0(tmp_path, capsys):
    assert main(["scan", saved_models.save_shift(tmp_path / "model")]) == 0
    assert "nothing found in" in capsys.readouterr().out


def test_a_danger_exits_with_1_and_is_printed_with_its_place_and_reason(tmp_path, capsys):
    assert main(["scan", harmful_models.save(tmp_path / "model", harmful_models.writes)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "1 danger in" in lines[0]
    assert lines[1].startswith("  danger: writes files. It writes")
    assert "WriteFile writes files ('/tmp/harm'): node 'WriteFile' of function" in lines[2]


def test_a_danger_is_found_in_each_form_of_a_model(tmp_path, capsys):
    directory = harmful_models.save(tmp_path / "model", harmful_models.writes)
    model_forms.rewrite_as_text(directory)
    assert main(["scan", directory]) == 1
    assert "WriteFile writes files ('/tmp/harm')" in capsys.readouterr().out


def test_json_has_the_reports_of_several_models(tmp_path, capsys):
    harmful = harmful_models.save(tmp_path / "harmful", harmful_models.reads)
    clean = saved_models.save_shift(tmp_path / "clean")
    assert main(["scan", "--json", clean, harmful]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert (first["handle"], first["clean"], first["findings"]) == (clean, True, [])
    (finding,) = second["findings"]
    assert (finding["op"], finding["severity"], finding["tags"]) == ("ReadFile", "danger", ["serve"])


def test_scan_goes_on_after_a_missing_model(tmp_path, capsys):
    assert main(["scan", str(tmp_path / "none"), saved_models.save_shift(tmp_path / "model")]) == 1
    captured = capsys.readouterr()
    assert "none" in captured.err
    assert "nothing found in" in captured.out


def test_names_in_a_model_cannot_write_to_the_terminal(tmp_path, capsys):
    directory = saved_models.save_replacing(tmp_path / "model")
    saved_models.rename_op(directory, "\x1b[2J\x1b[31mhi\n")
    assert main(["scan", directory]) == 1
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.skipif(saved_models.IS_TF1, reason="the import costs the same in each environment")
def test_a_scan_imports_no_tensorflow(tmp_path):
    directory = saved_models.save_shift(tmp_path / "model")
    code = (
        f"import sys; from rehub.cli.program import main; code = main(['scan', {directory!r}]); "
        "sys.exit(3 if 'tensorflow' in sys.modules else code)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_str_of_a_report_equals_the_output_of_the_command(tmp_path, capsys):
    model = saved_models.save_lookup(tmp_path / "model")
    main(["scan", model])
    assert capsys.readouterr().out == f"{hub.scan(model)}\n"
