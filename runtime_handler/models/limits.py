"""What a cache tier may hold: so many models, and so many bytes."""

from runtime_handler.errors import NoCapacity


class NeverFits(NoCapacity):
    """The model is larger than all that the tier may hold."""


class Limits:
    """`models` and `bytes` that a tier may hold, None: any number. `setting` is the user's word for the bytes.

    `strict` says that the bytes are an order, not an estimate: otherwise a larger model is let in when it is alone.
    """

    def __init__(self, models: int | None, bytes: int | None, *, setting: str, strict: bool = True) -> None:
        self.models, self.bytes = models, bytes
        self._setting, self._strict = setting, strict

    def admit(self, size: int) -> None:
        """Raises NeverFits when a model of `size` bytes does."""
        if self._strict and self.bytes is not None and size > self.bytes:
            raise NeverFits(f"the model takes {size} bytes, more than the {self._setting} of {self.bytes}", retry_after=600)

    def counted(self, size: int) -> int:
        """What a model of `size` bytes takes of the bytes: all of them at most."""
        return size if self.bytes is None else min(size, self.bytes)

    def allow(self, *, models: int, size: int) -> bool:
        """Whether so many models, of `size` bytes in all, may be there."""
        return (self.models is None or models <= self.models) and (self.bytes is None or size <= self.bytes)
