"""Objects that stay as they were made, as those of the native module do."""

from __future__ import annotations


class Frozen:
    """An attribute is set once."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, name):
            raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")
        super().__setattr__(name, value)
