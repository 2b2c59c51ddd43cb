"""Fails if a test ran in no session of `.ci/run`, or in one where its markers do not put it.

    python .ci/check_sessions.py DIRECTORY

DIRECTORY holds what tests/session_record.py wrote in each session.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"

# What is not on every machine: a test that was skipped for one of these reasons counts as one that ran.
MISSING_HERE = ("zsh is not installed", "fish is not installed", "the published models are not", "Windows")


def sessions_for(markers: list[str]) -> set[str]:
    """The sessions where a test with these markers belongs."""
    if "beam" in markers:
        return {"beam", "make-test", "tf115", "tf215"}
    sessions = {"make-test"}
    sessions |= {"tf115", "tf215"} if "tensorflow" in markers else {"no-tf-3.7", "no-tf-3.13"}
    extra = {"peers": "tf2-peers", "keras": "tf2-legacy-keras", "smoke": "tf2-new"}
    return sessions | {session for marker, session in extra.items() if marker in markers}


def defined_tests() -> set[str]:
    """The id of each test function in tests/, without parameters."""
    return {
        f"{path.relative_to(TESTS.parent).as_posix()}::{node.name}"
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def main(directory: str) -> int:
    """Print how many tests ran in each session and what is wrong; return the exit status."""
    ran, reasons, misplaced, total = set(), defaultdict(set), set(), defaultdict(int)
    for file in sorted(Path(directory).glob("*.jsonl")):
        session = file.name.rsplit(".", 2)[0]
        for line in file.read_text(encoding="utf-8").splitlines():
            test = json.loads(line)
            function = test["id"].partition("[")[0]
            if test["skipped"] is not None:
                reasons[function].add(test["skipped"])
                if not any(reason in test["skipped"] for reason in MISSING_HERE):
                    continue
            ran.add(function)
            total[session] += 1
            if session not in sessions_for(test["markers"]):
                misplaced.add(f"{test['id']} ran in {session}; its markers are {test['markers']}")
    nowhere = sorted(defined_tests() - ran)
    for session, count in sorted(total.items()):
        print(f"{session}: {count} tests ran")
    for function in nowhere:
        because = reasons[function] or reasons[function.partition("::")[0]] or {"no session selects it"}
        print(f"{function} ran in no session: {'; '.join(sorted(because))}")
    print(*sorted(misplaced), sep="\n")
    print(f"{len(ran)} test functions ran, {len(nowhere)} did not, {len(misplaced)} tests ran in other sessions")
    return 1 if nowhere or misplaced else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
