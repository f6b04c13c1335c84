"""The fixtures that other projects take by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mizzen.auth import Session

if TYPE_CHECKING:
    from mizzen.auth import Auth
    from mizzen.auth.testing import LoginAs


async def test_login_as_opens_a_session_and_gives_its_cookie(
    mizzen_auth: Auth, login_as: LoginAs
) -> None:
    ann = await login_as("ann")
    again = await login_as("ann", secure=True)
    assert ann.user == again.user
    assert ann.headers == {"cookie": f"session={ann.session.token}"}
    assert list(again.cookies) == ["__Host-session"]
    assert isinstance(await mizzen_auth.session(ann.session.token), Session)
    assert ann.session.token not in repr(ann)
