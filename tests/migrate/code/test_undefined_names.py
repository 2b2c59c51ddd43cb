from __future__ import annotations

import pytest

from rehub.migrate.code.undefined_names import find_undefined_names

BOUND = [
    "import a.b as c, d\nprint(c, d)",
    "def f():\n    global g\n    g = 1\nf()\nprint(g)",
    "class A:\n    x = 1\n\n    def m(self):\n        return __class__, self.x\n\nA()",
    "print([i for i in range(3) if i], {k: v for k, v in {}.items()}, lambda x: x)",
    "try:\n    pass\nexcept OSError as e:\n    print(e)",
    "for i, (j, k) in []:\n    print(i, j, k)\nwith open('f') as f:\n    f",
    "def top(x):\n    y = x\n    return y\ntop(1)",
    "from m import *\nprint(anything)",
    "print 'Python 2'",
]


@pytest.mark.parametrize("source", BOUND)
def test_a_name_that_is_bound_somewhere_is_defined(source):
    assert find_undefined_names(source) == frozenset()


def test_a_name_that_nothing_binds_is_found_in_any_scope():
    source = "def f(x):\n    return [x + a for _ in b]\n\nclass C:\n    y = c\n\nprint(d)"
    assert find_undefined_names(source) == {"a", "b", "c", "d"}
