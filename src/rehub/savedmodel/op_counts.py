"""How often each op occurs in a graph and in its functions.

This is the one walk through all of a graph that `hub.inspect` takes, over a million nodes in a large model; so it reads
a NodeDef's first two fields where every writer puts them, and only what is unusual by the reader of wire.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from rehub.savedmodel.wire import BYTES, Buffer, Message, Span, WireError
