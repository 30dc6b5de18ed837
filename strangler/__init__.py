"""Strangler: leave a legacy ERP one business function at a time."""

__version__ = "0.1.0"
