"""What a graph of TF1 says before anything of it is traced: nodes, control flow, references and functions."""

from __future__ import annotations

from rehub.retrain.graph.conditionals import Conditional, Conditionals, Effect
from rehub.retrain.graph.control_flow import ENTERS, EXITS, SWITCHES, Branch, Loop
from rehub.retrain.graph.nodes import Node, NodeOutput, parse_output
from rehub.retrain.graph.program import Program
from rehub.retrain.graph.references import References

__all__ = [
    "ENTERS",
    "EXITS",
    "SWITCHES",
    "Branch",
    "Conditional",
    "Conditionals",
    "Effect",
    "Loop",
    "Node",
    "NodeOutput",
    "Program",
    "References",
    "parse_output",
]
