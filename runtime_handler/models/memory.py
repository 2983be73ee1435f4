"""The memory tier: the loaded models, and who is let in. Its limits hold at every instant, not after the next sweep.

A slot is reserved before a load begins. It is freed by the least recently used models that no running request holds;
a model that was replaced or deleted while a request uses it keeps its slot until that request ends.
"""

import threading
import time
from collections.abc import Callable, Collection

from runtime_handler.errors import NoCapacity
from runtime_handler.models import lease
from runtime_handler.models.leaving import Leaving
from runtime_handler.models.limits import Limits
from runtime_handler.models.model import Model, ModelId, TierStatus
from runtime_handler.models.past import Past
from runtime_handler.models.recency import Recency, next_use
from runtime_handler.models.resident import Resident

Keys = Collection[ModelId]
Waiting = Collection[lease.Lease]

FULL = "the model cache is full of models that requests are using, or that are being loaded"


class MemoryTier:
    """Loaded models by id. Reading `table` needs no lock; everything that changes it holds one."""

    def __init__(
        self,
        limit: int | None,
        budget: int | None,
        *,
        clock: Callable[[], float],
        refuses: bool = True,
        evicted: Callable[[ModelId], None] = lambda _: None,
        freed: Callable[[Resident], None] = lambda _: None,
    ) -> None:
        """`refuses` says that the budget is an order, not an estimate (see `Limits`).

        `evicted` hears of every model that made room for another, `freed` of every one that was let go of.
        """
        self.table: dict[ModelId, Resident] = {}
        self.past = Past()
        self.limits = Limits(limit, budget, setting="cache_bytes", strict=refuses)
        self._clock, self._evicted, self._freed = clock, evicted, freed
        self._leaving = Leaving(clock)
        self._order: Recency[ModelId] = Recency(lambda key: self.table[key].touched if key in self.table else None)
        self._reserved: dict[int, int] = {}
        self._bytes = 0
        self._waiters = 0
        self._changed = threading.Condition(threading.RLock())

    def take(self, key: ModelId) -> Model | None:
        """The model, held by the current request from now on; None when it is not loaded."""
        request = lease.current()
        resident = self.table.get(key) if request is None else request.take(key, self.table)
        if resident is None:
            return None
        resident.touched = next_use()
        resident.last_access = self._clock()
        return resident.model

    def has_room(self, size: int) -> bool:
        """Whether a model of `size` bytes fits beside all that is there now."""
        with self._changed:
            self._sweep()
            return self._fits(self.limits.counted(size))

    def reserve(self, size: int, wait_s: float, *, keep: Keys = (), waiting: Waiting = (), evict: bool = True) -> int:
        """A slot for a model of `size` bytes, evicting others but those to `keep`. Returns a ticket for `install` or `cancel`.

        Nobody is evicted without `evict`. Raises NoCapacity when nothing is free after `wait_s` seconds; at once when the
        model can never fit, or when all that is in the way is held by the requests that are `waiting` for this very model.
        """
        self.limits.admit(size)
        size = self.limits.counted(size)
        deadline = time.monotonic() + wait_s
        with self._changed:
            self._waiters += 1
            lease.watch(self._wake)
            try:
                while not (self._make_room(size, keep) if evict else self.has_room(size)):
                    remaining = deadline - time.monotonic()
                    if remaining <= 0 or (waiting and not self._reserved and not lease.held(besides=waiting)):
                        raise NoCapacity(FULL)
                    self._changed.wait(min(remaining, 1.0))  # a model that a request only looked for is not announced
            finally:
                self._waiters -= 1
                self._sweep()
            ticket = next_use()
            self._reserved[ticket] = size
            self._bytes += size
            return ticket

    def holds_beside(self, size: int, keep: Keys) -> bool:
        """Whether the limits allow a model of `size` bytes beside those to `keep`, if nothing else were loaded."""
        with self._changed:
            kept = [self.table[key].bytes for key in keep if key in self.table]
        return self.limits.allow(models=len(kept) + 1, size=sum(kept) + self.limits.counted(size))

    def cancel(self, ticket: int) -> None:
        """Give a slot back unused."""
        with self._changed:
            self._bytes -= self._reserved.pop(ticket, 0)
            self._changed.notify_all()

    def install(self, ticket: int, model: Model, waiting: Waiting = (), *, seen: int = 0, evict: bool = True) -> None:
        """Put a loaded model, which was `seen` to take so many bytes, into its slot, and into the hands of who waits for it.

        When that is more than was reserved, others leave for it; without `evict`, it raises NoCapacity.
        """
        with self._changed:
            more = max(0, self.limits.counted(seen) - self._reserved[ticket])
            if not (evict or self.limits.allow(models=0, size=self._bytes + more)):
                raise NoCapacity(f"the model was seen to take {seen} bytes, for which there is no room")
            size = self._reserved.pop(ticket) + more
            self._bytes += more
            before = self.table.get(model.id)
            resident = Resident(model, size)
            used, last_access = (before.touched, before.last_access) if before is not None else self.past.of(model.id)
            if waiting:
                resident.last_access = self._clock()
            elif used >= 0:  # loaded beside the requests, which is no use
                resident.touched, resident.last_access = used, last_access
            for request in waiting:
                request.models.append(model)
            self.table[model.id] = resident
            self._order.add(model.id)
            if before is not None:
                self._leave(before)
            while not self.limits.allow(models=0, size=self._bytes) and self._evict((model.id,), lease.held()):
                pass
            self._changed.notify_all()
            del model, before, resident  # or this frame would hold them when others may evict them already

    def drop(self, key: ModelId) -> None:
        """Let go of a model; while a request holds it, it keeps counting."""
        with self._changed:
            if (resident := self.table.pop(key, None)) is not None:
                self.past.note(resident)
                self._leave(resident)
                self._changed.notify_all()
            del resident  # as above

    def give_way(self, keys: Keys, size: int) -> None:
        """Drop versions for a model of `size` bytes that is to take their place.

        Raises NoCapacity, and drops none, when others that cannot leave now would be in its way all the same.
        """
        with self._changed:
            self._sweep()
            if not self._fits_beside_what_stays(self.limits.counted(size), (), lease.held(), besides=keys):
                raise NoCapacity(FULL)
            for key in keys:
                self.drop(key)

    def evict(self, keep: Keys) -> bool:
        """Evict the least recently used model that is free and not to be kept; False when none is, or nothing is limited."""
        with self._changed:
            return (self.limits.models, self.limits.bytes) != (None, None) and self._evict(keep, lease.held())

    def last_use(self, key: ModelId) -> tuple[int, float | None]:
        """The order of a version's last use, -1 for none, and its time; remembered when it is not in memory any more."""
        with self._changed:  # without a local variable, which would hold the model after the lock was released
            return (self.table[key].touched, self.table[key].last_access) if key in self.table else self.past.of(key)

    def fingerprint(self, key: ModelId) -> str | None:
        """Of the files of the model that is loaded; None when none is."""
        with self._changed:
            return self.table[key].model.fingerprint if key in self.table else None

    def holds(self, key: ModelId, fingerprint: str) -> bool:
        """Whether a model of these files is in memory, a replaced one that a request still uses counted."""
        with self._changed:
            self._sweep()
            loaded = key in self.table and self.table[key].model.fingerprint == fingerprint
            return loaded or self._leaving.holds(key, fingerprint)

    def overdue(self, seconds: float) -> list[ModelId]:
        """Models that were replaced or deleted that long ago, and that a request still holds; each is told once."""
        with self._changed:
            self._sweep()
            return self._leaving.overdue(seconds)

    def status(self) -> TierStatus:
        """How full the tier is, loads in flight and models in use counted."""
        with self._changed:
            self._sweep()
            return TierStatus(used=self._count(), limit=self.limits.models, bytes=self._bytes, budget=self.limits.bytes)

    def _wake(self) -> None:
        """A request let go of models: some that were leaving may be gone now, and loads that wait may find room."""
        with self._changed:
            self._sweep()
            self._changed.notify_all()

    def _sweep(self) -> None:
        for resident in self._leaving.ended():
            self._let_go(resident)
        if not self._leaving and not self._waiters:
            lease.unwatch(self._wake)

    def _leave(self, resident: Resident) -> None:
        lease.watch(self._wake)  # before the look at who holds it: nobody may let go unseen
        self._leaving.add(resident)
        self._sweep()

    def _let_go(self, resident: Resident) -> None:
        self._bytes -= resident.bytes
        self._freed(resident)

    def _count(self) -> int:
        return len(self.table) + len(self._leaving) + len(self._reserved)

    def _fits(self, size: int) -> bool:
        return self.limits.allow(models=self._count() + 1, size=self._bytes + size)

    def _make_room(self, size: int, keep: Keys) -> bool:
        """Evict as few models as are needed, least recently used first; none when that would not be enough."""
        self._sweep()
        while not self._fits(size):
            held = lease.held()
            if not self._fits_beside_what_stays(size, keep, held) or not self._evict(keep, held):
                return False
        return True

    def _fits_beside_what_stays(self, size: int, keep: Keys, held: lease.Held, besides: Keys = ()) -> bool:
        """Whether evictions can make room: told by what must stay, but for `besides`: that is little, not all that may go."""
        found = [(key, self.table[key]) for key in {*keep, *held.keys}.difference(besides) if key in self.table]
        staying = [resident.bytes for key, resident in found if key in keep or resident.model in held]
        staying += [resident.bytes for resident in self._leaving] + [*self._reserved.values()]
        return self.limits.allow(models=len(staying) + 1, size=sum(staying) + size)

    def _evict(self, keep: Keys, held: lease.Held) -> bool:
        """Let the least recently used model go; whether there is one to try."""
        key = self._order.take(lambda key: key not in keep and self.table[key].model not in held)
        if key is None:
            return False
        victim = self.table.pop(key)
        if victim.model in lease.held():
            self.table[key] = victim  # a request took it at the last moment
            self._order.add(key)
        else:
            self.past.note(victim)
            self._evicted(key)
            self._let_go(victim)
        return True
