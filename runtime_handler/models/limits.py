"""What a cache tier may hold: so many models, and so many bytes."""


def within(limit: int | None, budget: int | None, *, models: int, size: int) -> bool:
    """Whether so many models, of `size` bytes in all, are within a limit of models and a budget of bytes; None: there is none."""
    return (limit is None or models <= limit) and (budget is None or size <= budget)
