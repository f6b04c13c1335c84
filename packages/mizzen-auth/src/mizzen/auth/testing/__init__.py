"""What tests need: the contract of user stores, a frozen clock, a cheap hasher, easy logins."""

from ._contract import UserStoreContract
from ._doubles import FrozenClock, LoggedIn, LoginAs, cheap_hasher

__all__ = ["FrozenClock", "LoggedIn", "LoginAs", "UserStoreContract", "cheap_hasher"]

for _name in __all__:
    globals()[_name].__module__ = __name__
