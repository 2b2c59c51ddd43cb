"""`rehub migrate`: what is reported, written and left alone, and by which exit codes it is known."""

from __future__ import annotations

import json
import re
import sys

import pytest

from rehub.migrate.code.rules import RULES

pytest.importorskip("libcst", reason="rehub[migrate] is not installed here")

PROGRAM = """import tensorflow as tf
import tensorflow_hub as hub

embed = hub.Module("modules/sentences")
with tf.Session() as session:
    session.run([tf.global_variables_initializer(), tf.tables_initializer()])
    print(session.run(embed(["a fine film"])))
"""
REWRITTEN = """import tensorflow as tf
import rehub as hub

embed = hub.load("modules/sentences")
print(embed(["a fine film"]).numpy())
"""
BY_HAND = """import tensorflow as tf
import rehub as hub

saver = tf.train.Saver()
"""
CLEAN = "import rehub as hub\n\nmodel = hub.load('modules/sentences')\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A directory of programs, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(PROGRAM)
    (tmp_path / "other.py").write_text("import numpy\n")
    return tmp_path


def test_by_default_it_reports_and_changes_nothing(project, rehub):
    ran = rehub("migrate", project)
    assert ran.code == 1
    assert "train.py:2:8: RH001 [a]" in ran.out
    assert "files: 2; 1 would change" in ran.out
    assert (project / "train.py").read_text() == PROGRAM


def test_write_changes_the_file_and_then_nothing_is_left(project, rehub):
    ran = rehub("migrate", ".", "--write")
    assert (ran.code, (project / "train.py").read_text()) == (0, REWRITTEN)
    ran = rehub("migrate", ".")
    assert (ran.code, ran.out) == (0, "files: 2; 0 would change\n")


def test_diff_is_a_patch(project, rehub):
    ran = rehub("migrate", ".", "--diff")
    assert ran.code == 1
    assert ran.out.startswith("--- train.py\n+++ train.py\n@@ ")
    assert "-import tensorflow_hub as hub\n+import rehub as hub\n" in ran.out
    assert "would change" in ran.err


def test_check_names_the_files_alone(project, rehub):
    (project / "hand.py").write_text(BY_HAND)
    ran = rehub("migrate", ".", "--check")
    assert ran.code == 1
    assert ran.out.splitlines()[:2] == ["hand.py: has work to do by hand", "train.py: would change"]
    assert "RH306 [c]" not in ran.out


def test_output_gets_every_program(project, rehub):
    (project / "inner").mkdir()
    (project / "inner" / "train.py").write_text(PROGRAM)
    ran = rehub("migrate", ".", "--output", "new")
    assert ran.code == 0
    assert (project / "train.py").read_text() == PROGRAM
    assert (project / "new" / "inner" / "train.py").read_text() == REWRITTEN
    assert (project / "new" / "other.py").read_text() == "import numpy\n"
    assert "files: 3; 2 changed" in rehub("migrate", ".", "--output", "new").out


def test_what_is_left_to_do_by_hand_is_reported_with_code(project, rehub):
    (project / "train.py").write_text(BY_HAND)
    ran = rehub("migrate", ".", "--write")
    assert ran.code == 1
    assert "train.py:4:9: RH306 [c]" in ran.out
    assert '    hub.restore_checkpoint(module, "model.ckpt"' in ran.out
    assert (project / "train.py").read_text() == BY_HAND


def test_a_comment_ignores_a_rule(project, rehub):
    (project / "train.py").write_text(BY_HAND.replace("Saver()", "Saver()  # rehub: ignore[RH306]"))
    assert rehub("migrate", ".").code == 0


def test_a_patch_has_the_bytes_of_the_file(project, rehub):
    before = b"import tensorflow as tf\r\nimport tensorflow_hub as hub\r\n\r\ntf.Session()  # no end"
    (project / "train.py").write_bytes(before)
    patch = rehub("migrate", "train.py", "--to", "compat", "--diff").out
    assert "-import tensorflow as tf\r\n" in patch
    assert "+tf.Session()" not in patch
    assert "\\ No newline at end of file" in patch


def test_without_libcst_it_says_what_to_install(project, rehub, monkeypatch):
    monkeypatch.setitem(sys.modules, "libcst", None)
    ran = rehub("migrate", ".")
    assert (ran.code, 'pip install "rehub[migrate]"' in ran.err) == (1, True)
    assert rehub("migrate", ".", "--handles").code == 0


@pytest.mark.parametrize("words", [("--select", "RH001"), ("--ignore", "RH30,RH001")])
def test_rules_are_selected_by_the_start_of_their_codes(words, project, rehub):
    (project / "train.py").write_text(BY_HAND)
    ran = rehub("migrate", ".", *words)
    assert (ran.code, "RH306" in ran.out) == (0, False)


def test_notes_alone_leave_nothing_to_do(project, rehub):
    (project / "train.py").write_text('URL = "https://tfhub.dev/google/nnlm-en-dim50/1"\n')
    (project / "requirements.txt").write_text("tensorflow-hub==0.7\n")
    ran = rehub("migrate", ".")
    assert ran.code == 0
    assert "train.py:1:7: RH501 [note]" in ran.out
    assert "https://tfhub.dev/google/nnlm-en-dim50/2" in ran.out
    assert "requirements.txt:1:1: RH502 [note]" in ran.out


def test_compat_keeps_the_graph(project, rehub):
    assert rehub("migrate", ".", "--to", "compat", "--write").code == 0
    changed = PROGRAM.replace("import tensorflow as", "import tensorflow.compat.v1 as")
    changed = changed.replace("import tensorflow_hub as hub\n", "import rehub as hub\n\ntf.disable_v2_behavior()\n")
    assert (project / "train.py").read_text() == changed


def test_a_file_that_is_not_python_is_one_line(project, rehub):
    (project / "broken.py").write_text("import tensorflow_hub\nprint 'a'\n")
    (project / "unrelated.py").write_text("print 'a'\n")
    ran = rehub("migrate", ".")
    assert ran.code == 1
    assert re.search(r"^rehub: broken.py:2: not Python 3: .* \(--python2 converts it first\)\n$", ran.err)
    assert "unrelated" not in ran.err + ran.out


def test_programs_of_python2_are_converted_first(project, rehub):
    pytest.importorskip("fissix", reason="fissix is not installed here")
    (project / "old.py").write_text("import tensorflow_hub as hub\nprint 'a'\n")
    ran = rehub("migrate", "old.py", "--python2", "--write")
    assert (ran.code, (project / "old.py").read_text()) == (0, "import rehub as hub\nprint('a')\n")
    assert "old.py: converted from Python 2" in ran.err


def test_a_notebook_is_one_program(project, rehub):
    cells = [
        {"cell_type": "markdown", "source": ["# Train"]},
        {"cell_type": "code", "source": ["%tensorflow_version 1.x\n", "!pip install tensorflow-hub==0.7.0"]},
        {"cell_type": "code", "source": "import tensorflow as tf\nimport tensorflow_hub as hub"},
        {"cell_type": "code", "source": ["embed = hub.Module('modules/sentences')\n", "!ls"]},
    ]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}, indent=2)
    (project / "a.ipynb").write_text(text)
    ran = rehub("migrate", "a.ipynb")
    assert "a.ipynb:cell 3:2:8: RH001 [a]" in ran.out
    assert "a.ipynb:cell 2:1:1: RH502 [a]" in ran.out
    rehub("migrate", "a.ipynb", "--write")
    expected = text.replace('"%tensorflow_version 1.x\\n",\n        ', "").replace("tensorflow-hub==0.7.0", "rehub")
    expected = expected.replace("import tensorflow_hub", "import rehub").replace("hub.Module", "hub.load")
    assert (project / "a.ipynb").read_text() == expected


def test_a_cell_that_is_not_python_is_one_line(project, rehub):
    cells = [{"cell_type": "markdown", "source": ""}, {"cell_type": "code", "source": "import rehub\nprint 'a'"}]
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4})
    (project / "a.ipynb").write_text(text)
    ran = rehub("migrate", "a.ipynb", "--write")
    assert (ran.code, (project / "a.ipynb").read_text()) == (1, text)
    assert ran.err.startswith("rehub: a.ipynb:cell 2:2: not Python 3: ")


def test_a_fault_in_one_file_is_one_line(project, rehub, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a fault")

    monkeypatch.setattr("rehub.migrate.code.rewriting.rewrite", fail)
    ran = rehub("migrate", ".", "--write")
    assert (ran.code, (project / "train.py").read_text()) == (1, PROGRAM)
    assert ran.err == "rehub: train.py: a fault of rehub migrate: RuntimeError: a fault\n"


def test_a_notebook_of_another_language_is_one_line(project, rehub):
    (project / "a.ipynb").write_text('{"cells": [], "metadata": {"kernelspec": {"language": "R"}}, "x": "rehub"}')
    assert rehub("migrate", "a.ipynb").err == "rehub: a.ipynb: its language is R\n"


def test_directories_that_hold_installed_packages_are_skipped(project, rehub):
    for name in (".hidden", "venv/lib", "lib/site-packages"):
        (project / name).mkdir(parents=True)
        (project / name / "a.py").write_text(PROGRAM)
    (project / "venv" / "pyvenv.cfg").touch()
    assert "files: 2;" in rehub("migrate", ".").out


def test_json_has_every_finding(project, rehub):
    (project / "train.py").write_text(BY_HAND)
    report = json.loads(rehub("migrate", ".", "--output-format", "json").out)
    assert report["summary"]["findings"] == {"a": 0, "b": 0, "c": 1, "note": 0}
    (file,) = report["files"]
    (finding,) = file["findings"]
    assert (file["path"], file["changed"], finding["rule"], finding["line"]) == ("train.py", False, "RH306", 4)
    assert finding["advice"]


def test_github_shows_findings_at_their_lines(project, rehub):
    (project / "train.py").write_text(BY_HAND)
    ran = rehub("migrate", ".", "--output-format", "github")
    assert ran.out.startswith("::warning file=train.py,line=4,col=9,title=RH306::")
    assert "%0A" in ran.out
    assert ran.out.count("\n") == 1


def test_sarif_has_what_its_schema_requires(project, rehub):
    (project / "a b.py").write_text(BY_HAND)
    (project / "broken.py").write_text("import tensorflow_hub as\n")
    report = json.loads(rehub("migrate", ".", "--output-format", "sarif").out)
    assert report["version"] == "2.1.0"
    (run,) = report["runs"]
    assert run["tool"]["driver"]["name"] == "rehub migrate"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == [rule.code for rule in RULES]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]
        assert result["level"] in ("warning", "note")
        location = result["locations"][0]["physicalLocation"]
        assert location["region"]["startLine"] >= 1
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.py"
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "broken.py:1" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_many_files_are_done_by_several_processes(project, rehub):
    for number in range(40):
        (project / f"train{number:02}.py").write_text(PROGRAM)
    ran = rehub("migrate", ".", "--write")
    assert (ran.code, ran.err) == (0, "")
    assert {path.read_text() for path in project.glob("train*.py")} == {REWRITTEN}
    places = [line.split(":")[0] for line in ran.out.splitlines() if "RH001" in line]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give a PATH"),
        (("missing.py",), "'missing.py' does not exist"),
        ((".", "--select", "RH9"), "unknown rule 'RH9'"),
        ((".", "--write", "--diff"), "not allowed with"),
        ((".", "--output", "."), "say --write"),
        ((".", "--diff", "--output-format", "json"), "--diff prints a patch"),
        ((".", "--handles", "--output-format", "sarif"), "text or json"),
        (("train.py", "inner/train.py", "--output", "new"), "two of the files"),
    ],
)
def test_wrong_usage(words, message, project, rehub):
    (project / "inner").mkdir()
    (project / "inner" / "train.py").write_text(PROGRAM)
    ran = rehub("migrate", *words)
    assert (ran.code, message in ran.err) == (2, True), ran.err


def test_the_rules_are_listed(rehub):
    ran = rehub("migrate", "--list-rules")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()[1 : len(RULES) + 1]] == [rule.code for rule in RULES]
    assert len(json.loads(rehub("migrate", "--list-rules", "--output-format", "json").out)) == len(RULES)


def test_handles_are_listed_with_what_can_be_done(project, rehub):
    (project / "train.py").write_text(
        'import tensorflow_hub as hub\nURL = "https://tfhub.dev/google/universal-sentence-encoder/2"\n'
        'module = hub.Module(URL)\nelmo = hub.Module("https://tfhub.dev/google/elmo/2")\n'
    )
    (project / "names.py").write_text(
        'import rehub as hub\nm = hub.Module("https://tfhub.dev/google/elmo/2")\nm.variable_map\n'
    )
    ran = rehub("migrate", ".", "--handles")
    assert ran.code == 0
    assert "format: legacy module (by the table of tfhub.dev's models)" in ran.out
    assert "https://tfhub.dev/google/universal-sentence-encoder/4" in ran.out
    assert (
        "rehub convert https://tfhub.dev/google/universal-sentence-encoder/2 universal-sentence-encoder_2_tf2"
        in ran.out
    )
    assert "not advised; the module has what the programs use" in ran.out
    assert "variable_map in names.py:3" in ran.out
    reports = json.loads(rehub("migrate", ".", "--handles", "--output-format", "json").out)
    assert [report["locations"] for report in reports] == [["names.py:2", "train.py:4"], ["train.py:2"]]


def test_the_line_that_converts_a_model_names_its_signature(project, rehub):
    (project / "train.py").write_text(
        "import tensorflow_hub as hub\n"
        'bert = hub.Module("https://tfhub.dev/google/bert_uncased_L-12_H-768_A-12/1")\n'
        'bert(inputs, signature="tokens", as_dict=True)\n'
        'elmo = hub.Module("https://tfhub.dev/google/elmo/2", trainable=True)\n'
        'elmo(texts, signature="default")\n'
    )
    ran = rehub("migrate", ".", "--handles")
    assert "bert_uncased_L-12_H-768_A-12_1_tf2 --signature tokens\n" in ran.out
    assert "signature= with trainable=True in train.py:5\n" in ran.out
    assert ran.out.count("not advised") == 1


def test_files_of_a_module_say_more_than_its_handle(project, rehub, request):
    module = request.config.rootpath / "tests" / "data" / "legacy" / "conv_bn"
    (project / "train.py").write_text(f"import tensorflow_hub as hub\nhub.Module({str(module)!r})\n")
    ran = rehub("migrate", ".", "--handles")
    assert "format: legacy module\n" in ran.out
    assert "retraining here: yes: As model(inputs, training=True)" in ran.out
