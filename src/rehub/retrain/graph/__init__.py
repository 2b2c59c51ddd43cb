"""What a graph of TF1 says before anything of it is traced: nodes, control flow, references and functions."""

from __future__ import annotations

from rehub.retrain.graph.conditionals import Conditional as Conditional
from rehub.retrain.graph.conditionals import Conditionals as Conditionals
from rehub.retrain.graph.conditionals import Effect as Effect
from rehub.retrain.graph.control_flow import ENTERS as ENTERS
from rehub.retrain.graph.control_flow import EXITS as EXITS
from rehub.retrain.graph.control_flow import SWITCHES as SWITCHES
from rehub.retrain.graph.control_flow import Branch as Branch
from rehub.retrain.graph.control_flow import Loop as Loop
from rehub.retrain.graph.nodes import Node as Node
from rehub.retrain.graph.nodes import NodeOutput as NodeOutput
from rehub.retrain.graph.nodes import parse_output as parse_output
from rehub.retrain.graph.program import Program as Program
from rehub.retrain.graph.references import References as References
