"""`rehub batch`: run a model over a large data set. Extras: `rehub[batch]`, and one for each engine.

A driver plans shards (`planning`), an engine calls the worker for each of them (`engines/`, `worker`), and the worker
writes one Parquet file under a name that the plan gives it. So a run that was interrupted goes on where it stopped,
on any engine. The library imports this package only when a user asks for one of its names.
"""

from __future__ import annotations

from rehub.batch_inference.driver import batch as batch
from rehub.batch_inference.predictor import Predictor as Predictor
from rehub.batch_inference.report import BatchReport as BatchReport
