"""The memory tier against a model of it: whatever happens in whatever order, the ledger is what is alive."""

import os
from contextvars import Context, copy_context

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runtime_handler.errors import NoCapacity
from runtime_handler.models.lease import Lease
from runtime_handler.models.memory import MemoryTier, Resident
from runtime_handler.models.model import Model, ModelId

OPERATIONS = int(os.environ.get("CXPACK_GATE_OPERATIONS", "2400"))
LIMIT, BUDGET = 3, 100
KEYS = st.integers(0, 6).map(lambda number: ModelId(f"m{number}", 1))
SIZES = st.integers(0, 60)


class Cache(RuleBasedStateMachine):
    """Loads that begin, end or fail; requests that come, get models and go; models that are deleted or replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.freed = self.installed = 0
        self.tier = MemoryTier(LIMIT, BUDGET, clock=lambda: 0.0, freed=self._freed)
        self.tickets: dict[int, int] = {}
        self.requests: list[tuple[Lease, Context, Model | None]] = []

    def _freed(self, resident: Resident) -> None:
        self.freed += resident.bytes

    @rule(size=SIZES)
    def reserve(self, size: int) -> None:
        """A slot is granted exactly when models that nobody holds could make room for it; otherwise none of them has to go."""
        held = {id(model) for _, _, model in self.requests}
        freed = self.freed
        kept = [r.bytes for r in (*self.tier.table.values(), *self.tier._leaving) if id(r.model) in held]
        possible = len(kept) + len(self.tickets) < LIMIT and sum(kept) + sum(self.tickets.values()) + size <= BUDGET
        try:
            self.tickets[self.tier.reserve(size, 0.0)] = size
            assert possible
        except NoCapacity:
            assert not possible
            assert self.freed == freed

    @rule(size=SIZES)
    def reserve_without_evictions(self, size: int) -> None:
        """A slot is granted exactly when there is room for it beside all that is there."""
        before, freed = self.tier.status(), self.freed
        possible = before.used < LIMIT and before.bytes + size <= BUDGET
        try:
            self.tickets[self.tier.reserve(size, 0.0, evict=False)] = size
            assert possible
        except NoCapacity:
            assert not possible
        assert self.freed == freed

    @precondition(lambda self: self.tickets)
    @rule(key=KEYS)
    def install(self, key: ModelId) -> None:
        ticket, size = self.tickets.popitem()
        self.installed += size
        self.tier.install(ticket, Model(id=key, value=object(), fingerprint="f"))

    @precondition(lambda self: self.tickets)
    @rule(key=KEYS, seen=SIZES)
    def install_without_evictions(self, key: ModelId, seen: int) -> None:
        """What took more than was reserved for it is let in where there is room for that beside all that is there."""
        ticket, size = self.tickets.popitem()
        possible = self.tier.status().bytes + max(0, seen - size) <= BUDGET
        try:
            self.tier.install(ticket, Model(id=key, value=object(), fingerprint="f"), seen=seen, evict=False)
            self.installed += max(size, seen)
            assert possible
        except NoCapacity:
            self.tier.cancel(ticket)
            assert not possible

    @rule(keys=st.sets(KEYS, max_size=2), size=SIZES)
    def give_way(self, keys: set[ModelId], size: int) -> None:
        """Versions are dropped exactly when what others hold, and loads in flight, leave room for what takes their place."""
        held = {id(model) for _, _, model in self.requests}
        table = {key: resident for key, resident in self.tier.table.items() if key not in keys}
        kept = [r.bytes for r in (*table.values(), *self.tier._leaving) if id(r.model) in held]
        possible = len(kept) + len(self.tickets) < LIMIT and sum(kept) + sum(self.tickets.values()) + size <= BUDGET
        before = dict(self.tier.table)
        try:
            self.tier.give_way(keys, size)
            assert possible
            assert self.tier.table == table
        except NoCapacity:
            assert not possible
            assert self.tier.table == before

    @precondition(lambda self: self.tickets)
    @rule()
    def cancel(self) -> None:
        ticket, _ = self.tickets.popitem()
        self.tier.cancel(ticket)

    @rule(key=KEYS)
    def get(self, key: ModelId) -> None:
        """What a request was given stays its own."""
        lease, context = Lease(), copy_context()
        context.run(lease.__enter__)
        model = context.run(self.tier.take, key)
        self.requests.append((lease, context, model))

    @precondition(lambda self: self.requests)
    @rule()
    def finish(self) -> None:
        lease, context, _ = self.requests.pop(0)
        context.run(lease.__exit__, None, None, None)

    @rule(key=KEYS)
    def drop(self, key: ModelId) -> None:
        self.tier.drop(key)

    @invariant()
    def limits_hold(self) -> None:
        """Loaded, leaving and reserved never exceed the limits, and every byte is in the tier or was freed."""
        status = self.tier.status()
        residents = (*self.tier.table.values(), *self.tier._leaving)
        used = sum(resident.bytes for resident in residents)
        assert status.used == len(residents) + len(self.tickets) <= LIMIT
        assert status.bytes == used + sum(self.tickets.values()) <= BUDGET
        assert used + self.freed == self.installed

    def teardown(self) -> None:
        while self.requests:
            self.finish()


TestCache = Cache.TestCase
TestCache.settings = settings(max_examples=OPERATIONS // 40, stateful_step_count=40, deadline=None)
