"""Sign up, log in, log out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mizzen.auth import Auth, InvalidInput, Refused, Visit
from mizzen.web import HTML, Context, Redirect

if TYPE_CHECKING:
    from mizzen.web import Web


def add_routes(web: Web) -> None:
    """Register the pages of this file."""
    web.get("/signup")(signup_page)
    web.post("/signup")(signup)
    web.get("/login")(login_page)
    web.post("/login")(login)
    web.post("/logout")(logout)


@dataclass
class SignUp:
    """The form."""

    username: str = ""
    email: str = ""
    password: str = ""


@dataclass
class LogIn:
    """The form; `back` is where the visitor wanted to go."""

    login: str = ""
    password: str = ""
    back: str = "/"


async def signup_page(ctx: Context) -> HTML:
    """Show the empty form."""
    return ctx.render("accounts/signup.html", form=SignUp(), error=None)


async def signup(ctx: Context, form: SignUp, auth: Auth) -> HTML | Redirect | tuple[HTML, int]:
    """Make an account and log it in."""
    try:
        await auth.register(email=form.email, username=form.username, password=form.password)
    except InvalidInput as error:
        return ctx.render("accounts/signup.html", form=form, error=str(error)), 422
    return await enter(ctx, form.username, form.password, back="/")


async def login_page(ctx: Context, back: str = "/") -> HTML:
    """Show the empty form."""
    return ctx.render("accounts/login.html", login="", back=back, error=None)


async def login(ctx: Context, form: LogIn) -> HTML | Redirect | tuple[HTML, int]:
    """Log in, and go on where the visitor wanted to go."""
    return await enter(ctx, form.login, form.password, back=form.back)


async def logout(ctx: Context) -> Redirect:
    """End this browser's session."""
    await ctx.scope["auth"].forget()
    return Redirect("/")


async def enter(
    ctx: Context, login: str, password: str, *, back: str
) -> HTML | Redirect | tuple[HTML, int]:
    """Check the password; remember the session in the browser, or say what is wrong."""
    visit: Visit = ctx.scope["auth"]
    outcome = await visit.login(login, password)
    if isinstance(outcome, Refused):
        page = ctx.render("accounts/login.html", login=login, back=back, error=outcome.message)
        return page, 429 if outcome.retry_after else 422
    return Redirect(own_path(back))


def own_path(back: str) -> str:
    """Return *back* if it is a path of this site, else the front page: no open redirect."""
    inside = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if inside else "/"
