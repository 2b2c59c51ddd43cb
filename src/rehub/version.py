"""The one place that holds rehub's version."""

__version__ = "0.1.0"
