"""`hub.convert`: write a TF1 model as a TF2 SavedModel that can be trained without rehub."""

from __future__ import annotations

from rehub.migrate.models.conversion import Conversion, convert

__all__ = ["Conversion", "convert"]
