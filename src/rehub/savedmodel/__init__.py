"""The file formats of a SavedModel directory, read without TensorFlow and without a network.

`detect_layout` finds the model files of a directory, `read_metagraphs` the graph variants, signatures and ops in its
`saved_model.pb`, and `find_provider` the package of an op that plain TensorFlow lacks. Other modules are imported where
they are used: `nodes` and `object_graph` for what a graph variant holds, `encodings` for the text form of the file,
`checkpoint` for values, and `ops` for what is known about ops. `wire` and `protos` read protobuf messages.
"""

from __future__ import annotations

from rehub.savedmodel.layout import Layout as Layout
from rehub.savedmodel.layout import detect_layout as detect_layout
from rehub.savedmodel.metagraphs import MetaGraph as MetaGraph
from rehub.savedmodel.metagraphs import parse_tags as parse_tags
from rehub.savedmodel.metagraphs import read_metagraphs as read_metagraphs
from rehub.savedmodel.metagraphs import select_metagraph as select_metagraph
from rehub.savedmodel.ops import Provider as Provider
from rehub.savedmodel.ops import find_provider as find_provider
from rehub.savedmodel.signatures import SignatureInfo as SignatureInfo
from rehub.savedmodel.signatures import TensorInfo as TensorInfo
