"""How many failed logins are forgiven, per account and per address, in bounded memory."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REMEMBERED = 20_000  # keys per table: about 3 MB, whatever a stranger sends


class Allowance:
    """So many failures at once, then one more each `window / failures` seconds (GCRA).

    One float per key: the time at which the key is as good as new.
    """

    def __init__(self, failures: int, window: float, clock: Callable[[], float]) -> None:
        self._window = window
        self._step = window / failures
        self._clock = clock
        self._clear_at: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._clear_at)

    def wait(self, key: str) -> float:
        """Return the seconds until the next attempt is considered; 0 if it is now."""
        clear_at = self._clear_at.get(_short(key), 0.0)
        return max(0.0, clear_at - self._clock() - self._window + self._step)

    def charge(self, key: str) -> None:
        """Count one attempt."""
        short, now = _short(key), self._clock()
        self._clear_at[short] = max(self._clear_at.get(short, 0.0), now) + self._step
        self._clear_at.move_to_end(short)
        while len(self._clear_at) > REMEMBERED:
            self._clear_at.popitem(last=False)

    def refund(self, key: str) -> None:
        """Take one attempt back: it was not a failure."""
        if (short := _short(key)) in self._clear_at:
            self._clear_at[short] -= self._step

    def forget(self, key: str) -> None:
        """Forgive everything: the password was right."""
        self._clear_at.pop(_short(key), None)


class FailedLogins:
    """The allowance of an account (10 in 15 minutes) and of an address (100 in 15 minutes).

    An attempt is charged before the password is looked at and refunded when it was right, so
    a hundred guesses at once get no further than a hundred in a row.
    """

    def __init__(
        self, clock: Callable[[], float], *, account: int, address: int, window: float
    ) -> None:
        self.accounts = Allowance(account, window, clock)
        self.addresses = Allowance(address, window, clock)

    def attempt(self, account: str, address: str | None) -> float:
        """Charge one attempt and return 0, or charge nothing and return the seconds to wait."""
        network = _network(address)
        wait = self.accounts.wait(account)
        if network:
            wait = max(wait, self.addresses.wait(network))
        if wait > 0:
            return wait
        self.accounts.charge(account)
        if network:
            self.addresses.charge(network)
        return 0.0

    def forgive(self, account: str, address: str | None) -> None:
        """Forget the account's failures, but only this attempt of the address.

        Else somebody with one good password could reset the count for guessing others'.
        """
        self.accounts.forget(account)
        if network := _network(address):
            self.addresses.refund(network)


def _short(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).digest()


def _network(address: str | None) -> str | None:
    """Return an IPv6 address as its /64, which one customer owns whole; others as they are."""
    if address is None or ":" not in address:
        return address or None
    import ipaddress

    try:
        whole = ipaddress.IPv6Address(address.split("%")[0])
    except ValueError:
        return address
    if whole.ipv4_mapped is not None:
        return str(whole.ipv4_mapped)
    return whole.packed[:8].hex()
