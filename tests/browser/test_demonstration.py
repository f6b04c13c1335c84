"""The demonstration as people use it: two browsers, a keyboard, a phone."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

    from playwright.sync_api import Page


def sign_up(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/signup")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Email").fill(f"{name}@example.com")
    page.get_by_label("Password").fill("a long passphrase")
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def write_gist(page: Page, url: str, title: str, content: str) -> None:
    page.goto(f"{url}/new")
    page.get_by_label("Title").fill(title)
    page.get_by_label("File name").fill("hello.py")
    page.get_by_label("Content").fill(content)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()


def test_the_imports_progress_is_live_until_it_is_done(
    demo: Any, new_page: Callable[..., Page], screenshots: pathlib.Path
) -> None:
    page = new_page()
    page.goto(demo.url)
    expect(page.locator("[data-link-state]")).to_have_text("live")
    page.screenshot(path=screenshots / "import.png")
    panel = page.locator("[data-import]")
    before = int(page.locator("[data-import-done]").inner_text())
    if panel.is_visible():
        moved = f"[data-import][hidden], [data-import-done]:not(:text-is('{before}'))"
        page.locator(moved).first.wait_for(state="attached", timeout=30_000)
    expect(panel).to_be_hidden(timeout=90_000)
    page.reload()
    assert int(re.sub(r"\D", "", page.locator(".count").inner_text())) > 200


def test_a_new_gist_appears_in_another_browser_without_reload(
    demo: Any, new_page: Callable[..., Page], screenshots: pathlib.Path
) -> None:
    writer, reader = new_page(), new_page(color_scheme="dark")
    reader.goto(demo.url)
    expect(reader.locator("[data-link-state]")).to_have_text("live")
    sign_up(writer, demo.url, "ann")
    write_gist(writer, demo.url, "Seen at once", "print('hello')\n")
    card = reader.get_by_role("article").filter(has_text="Seen at once")
    expect(card).to_be_visible()
    reader.screenshot(path=screenshots / "list-dark.png")
    writer.once("dialog", lambda dialog: dialog.accept())
    writer.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)


def test_viewers_of_a_gist_see_each_other_come_and_go(
    demo: Any, new_page: Callable[..., Page], screenshots: pathlib.Path
) -> None:
    owner = new_page()
    sign_up(owner, demo.url, "bea")
    write_gist(owner, demo.url, "Watched", "class Watched:\n    '''By others.'''\n")
    viewers = owner.locator("[data-viewers]")
    expect(viewers).to_have_text("1 person is viewing")
    other = new_page()
    other.goto(owner.url)
    expect(viewers).to_have_text("2 people are viewing")
    owner.screenshot(path=screenshots / "gist.png")
    other.goto(demo.url)
    expect(viewers).to_have_text("1 person is viewing")


def test_search_finds_real_code(
    demo: Any, new_page: Callable[..., Page], screenshots: pathlib.Path
) -> None:
    page = new_page()
    page.goto(demo.url)
    page.keyboard.press("/")
    page.keyboard.type("asyncio")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Results for “asyncio”")).to_be_visible()
    expect(page.locator("mark").first).to_have_text(re.compile("asyncio", re.I))
    page.screenshot(path=screenshots / "search.png")
    page.get_by_role("article").first.get_by_role("link").first.click()
    expect(page.locator(".code").first).to_contain_text("asyncio")


def test_a_gist_with_two_files_is_written_with_the_keyboard_alone(
    demo: Any, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    sign_up(page, demo.url, "cleo")
    page.goto(f"{demo.url}/new")
    page.keyboard.type("Typed")  # the title has the focus
    page.get_by_label("File name").first.focus()
    page.keyboard.type("one.py")
    page.get_by_label("Content").first.focus()
    page.keyboard.type("if True:")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # indents
    page.keyboard.type("pass")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")  # leaves
    page.keyboard.press("Enter")  # adds a file
    page.keyboard.type("two.md")
    page.get_by_label("Content").nth(1).fill("# Two")
    page.get_by_role("button", name="Create").press("Enter")
    expect(page.get_by_role("heading", name="two.md")).to_be_visible()
    expect(page.locator(".code").first).to_contain_text("    pass")


def test_stars_and_edits_reach_those_who_look(demo: Any, new_page: Callable[..., Page]) -> None:
    owner, other = new_page(), new_page()
    sign_up(owner, demo.url, "dora")
    write_gist(owner, demo.url, "Starred", "x = 1\n")
    sign_up(other, demo.url, "emil")
    owner_view = owner.url
    other.goto(owner_view)
    expect(owner.locator("[data-viewers]")).to_have_text("2 people are viewing")
    other.get_by_role("button", name="stars").click()
    expect(owner.locator("[data-stars]")).to_have_text("1")
    owner.goto(f"{owner_view}/edit")
    owner.get_by_label("Title").fill("Starred and changed")
    owner.get_by_role("button", name="Save").click()
    expect(other.get_by_text("This gist was changed.")).to_be_visible()


def test_the_theme_is_kept_and_the_page_fits_a_phone(
    demo: Any, new_page: Callable[..., Page], screenshots: pathlib.Path
) -> None:
    page = new_page(viewport={"width": 360, "height": 740}, color_scheme="light")
    page.goto(demo.url)
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 28)"
    page.get_by_role("article").first.get_by_role("link").first.click()
    expect(page.locator(".file").first).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360, "the page scrolls sideways"
    page.screenshot(path=screenshots / "phone.png")


def test_nothing_is_fetched_from_elsewhere(demo: Any, new_page: Callable[..., Page]) -> None:
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/search?q=json", "/login", "/signup"):
        page.goto(demo.url + path)
    assert asked
    assert {url.split("/")[2] for url in asked} == {demo.url.split("/")[2]}


def test_the_demo_login_works_and_ends(demo: Any, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(f"{demo.url}/login")
    page.get_by_label("User name or email").fill("demo")
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    page.go_back()
    page.goto(f"{demo.url}/new")
    assert page.url.startswith(f"{demo.url}/login")


def test_a_page_comes_back_to_life_when_the_server_does(
    tmp_path: pathlib.Path, new_demo: Callable[..., Any], new_page: Callable[..., Page]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    demo = new_demo(tmp_path, port)
    page = new_page(goes_offline=True)
    page.goto(demo.url)
    state = page.locator("[data-link-state]")
    expect(state).to_have_text("live")
    demo.process.kill()
    expect(state).not_to_have_text("live")
    demo.start()
    expect(state).to_have_text("live", timeout=30_000)
