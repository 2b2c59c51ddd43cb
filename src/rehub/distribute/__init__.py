"""Restored models on many devices: what sessions need for variables on parameter servers."""

from __future__ import annotations

from rehub.distribute.sessions import session_config

__all__ = ["session_config"]
