"""The version of the Python files. The native module must have the same one."""

__version__ = "0.1.0"
