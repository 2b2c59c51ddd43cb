from __future__ import annotations

import pytest

from rehub.savedmodel.object_graph import ObjectGraph
from rehub.savedmodel.wire import Message, WireError


def nodes(*objects):
    """A SavedObjectGraph of user objects, each given by its children: names, and the numbers of what they hold."""
    return b"".join(message(1, obj(children)) for children in objects)


def message(number, content):
    return bytes([number << 3 | 2, len(content) & 0x7F | 0x80, len(content) >> 7]) + content


def obj(children):
    references = (bytes([8, number & 0x7F | 0x80, number >> 7, 18, len(name)]) + name for name, number in children)
    return b"".join(message(1, reference) for reference in references)


def test_an_object_is_reached_by_the_shortest_way():
    graph = ObjectGraph(Message(nodes([(b"a", 1), (b"b", 2)], [(b"c", 2)], [(b"back", 0)])))
    assert [graph.path(number) for number in range(3)] == ["", "a", "b"]


def test_what_is_not_reached_has_no_path():
    graph = ObjectGraph(Message(nodes([], [(b"a", 0)])))
    assert graph.path(1) == ""
    assert graph.path_to(1) == []


def test_attribute_without_an_object_is_refused():
    with pytest.raises(WireError, match="object 0 holds an object 7, where there are 1"):
        ObjectGraph(Message(nodes([(b"a", 7)])))


def test_a_way_without_end_is_refused():
    chain = nodes(*([(b"a", number + 1)] for number in range(400)), [])
    with pytest.raises(WireError, match="more than 256 steps"):
        ObjectGraph(Message(chain))


def test_cycle_ends_the_path_to_an_object():
    graph = ObjectGraph(Message(nodes([(b"a", 1)], [(b"a", 1), (b"root", 0)])))
    assert graph.path(1) == "a"
