"""The tour, and every live view, as people meet them: in a JupyterLab, in a browser."""

from __future__ import annotations

import copy
import json
import re
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import anyio
import nbformat
import pytest
from playwright.sync_api import expect

from mizzen.testing import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Locator, Page, Request, WebSocket

TOUR = Path(__file__).parents[2] / "notebooks" / "tour.ipynb"

# A view opened in a cell of its own, and what it tells after `USE` has run below it.
OPENED = """
from pathlib import Path
from mizzen.app import App
from mizzen.assets import Assets
from mizzen.auth import Auth
from mizzen.cable import Cable, Channel
from mizzen.cache import Cache
from mizzen.orm import Database, Model
from mizzen.queue import Queue

Path("assets").mkdir(exist_ok=True)
Path("assets/hello.txt").write_text("hello")
cache, db, cable, auth = Cache("memory:"), Database("memory:"), Cable("memory:"), Auth("memory:")
queue, assets = Queue("memory:"), Assets("assets")
app = App("shop").use(cache=cache, db=db, cable=cable, auth=auth, queue=queue, assets=assets)
worker = queue.worker()

class Book(Model):
    title: str

@app.web.get("/books")
async def books() -> list[str]:
    return await Book.where().pluck("title")

@cable.channel("shelf")
class Shelf(Channel):
    async def authorize(self) -> bool:
        return True
"""
USE = """
await app.start()
await worker.start()
await db.create_all()
await Book.create(title="The Dispossessed")
await auth.register(email="ann@example.com", password="a long passphrase", username="ann")
await cache.set("a", 1)
await cache.get("a"), await cache.get("b"), await cache.get("a")
async with app.web.test() as client:
    await client.get("/books")
tester = await cable.test().__aenter__()  # stays connected
ann = await tester.connect("ann")
await ann.join("shelf")
"""
VIEWS = {
    "cache": r"67 %",
    "db": r"transactions\s*[1-9]",
    "cable": r"connections\s*1",
    "auth": r"ann@example\.com",
    "assets": r"hello",
    "queue": r"done\s*0",
    "worker": r"state\s*running",
    "app.web": r"GET\s*/books",
    "app": r"shop: running",
}


class Lab:
    """A JupyterLab of its own: settings, kernels and notebooks stay in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(16)
        self.notebooks = self._made("notebooks")
        # Whatever the server or a kernel would ask of another host comes here instead.
        self.way_out = socket.create_server(("127.0.0.1", 0))
        self._write_settings()
        words = ("-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0")
        root = f"--ServerApp.root_dir={self.notebooks}"
        self.process = Process(*words, root, env=self._environment())

    def _made(self, name: str) -> Path:
        (self.folder / name).mkdir(parents=True)
        return self.folder / name

    def _write_settings(self) -> None:
        server = {
            "IdentityProvider": {"token": self.token},
            "LabApp": {
                "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
                "extension_manager": "readonly",
                "news_url": None,
            },
        }
        page = {
            "buildAvailable": False,
            "buildCheck": False,
            "disabledExtensions": {
                "@jupyterlab/apputils-extension:announcements": True,
                "@jupyterlab/extensionmanager-extension": True,
            },
        }
        labconfig = self._made("config/labconfig")
        (labconfig / "page_config.json").write_text(json.dumps(page))
        (labconfig.parent / "jupyter_server_config.json").write_text(json.dumps(server))

    def _environment(self) -> dict[str, str]:
        proxy = f"http://127.0.0.1:{self.way_out.getsockname()[1]}"
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), proxy)
        return {
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self._made("data")),
            "JUPYTER_RUNTIME_DIR": str(self._made("runtime")),
            "IPYTHONDIR": str(self._made("ipython")),
            **proxies,
            **{name.upper(): value for name, value in proxies.items()},
            "no_proxy": "127.0.0.1,localhost",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def start(self) -> None:
        self.process.start()
        printed = re.compile(r"(http://127\.0\.0\.1:\d+)/lab\?token")
        with ThreadPoolExecutor(1) as thread:  # playwright keeps a loop of its own in this one
            found = thread.submit(anyio.run, self.process.wait_for, printed, 30)
            self.url = found.result()[1]

    def close(self) -> None:
        self.process.close()
        self.way_out.close()

    def asked_the_outside(self) -> bool:
        self.way_out.setblocking(False)
        try:
            self.way_out.accept()[0].close()
        except BlockingIOError:
            return False
        return True


class Notebook:
    """A notebook opened in the lab, with its kernel running."""

    def __init__(self, page: Page, lab: Lab, name: str, cells: int) -> None:
        self.page = page
        page.goto(f"{lab.url}/lab/tree/{name}?reset&token={lab.token}")
        self.cells = page.locator(".jp-Notebook .jp-CodeCell")
        expect(self.cells).to_have_count(cells, timeout=30_000)
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=30_000)
        self.count = cells
        self.runs = 0

    def run_all(self) -> None:
        """Run every cell, and wait until the last has run or one has failed."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.runs += 1
        numbered = re.compile(rf"\[{self.runs * self.count}\]")
        last = self.cells.last.locator(".jp-InputPrompt").filter(has_text=numbered)
        expect(last.or_(self.errors()).first).to_be_visible(timeout=30_000)
        assert self.errors().all_inner_texts() == []

    def errors(self) -> Locator:
        """Return what cells raised or warned of; JupyterLab shows both in the same way."""
        kinds = ("stderr", "error")
        told = (f".jp-Notebook [data-mime-type='application/vnd.jupyter.{kind}']" for kind in kinds)
        return self.page.locator(", ".join(told))

    def views(self) -> Locator:
        return self.page.locator(".jp-Notebook .jp-OutputArea .mizzen-view")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def open_notebook(lab: Lab, new_page: Callable[..., Page]) -> Iterator[Callable[..., Notebook]]:
    """Return a function that opens cells as a notebook; nothing may be asked of another host."""
    asked: list[str] = []

    def note(what: Request | WebSocket) -> None:
        asked.append(what.url)

    def open_one(name: str, notebook: Any, height: int = 4800) -> Notebook:
        nbformat.write(notebook, lab.notebooks / name)  # pyright: ignore[reportUnknownMemberType]
        page = new_page(viewport={"width": 1280, "height": height})
        page.context.on("request", note)
        page.on("websocket", note)
        return Notebook(page, lab, name, len(code_cells(notebook)))

    yield open_one
    hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}
    assert not lab.asked_the_outside()


def the_tour() -> Any:
    return cast("Any", nbformat.read(TOUR, as_version=4))  # pyright: ignore[reportUnknownMemberType]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# Keeps what the first view in the page says, each time that it says something else.
REMEMBER = """() => {
    window.said = [];
    const look = () => {
        const text = document.querySelector(".mizzen-view")?.innerText;
        if (text && text !== window.said.at(-1)) window.said.push(text);
    };
    const all = {subtree: true, childList: true, characterData: true, attributes: true};
    new MutationObserver(look).observe(document.body, all);
}"""


def test_the_tour_runs_and_its_view_follows_the_worker(
    open_notebook: Callable[..., Notebook], screenshots: Path
) -> None:
    notebook = open_notebook("tour.ipynb", the_tour())
    page = notebook.page
    page.evaluate(REMEMBER)
    notebook.run_all()
    page.screenshot(path=screenshots / "tour.png")

    expect(notebook.views()).to_have_count(1)
    expect(notebook.views().locator(".progress-bar")).to_be_visible()
    expect(notebook.views()).to_contain_text(re.compile(r"done\s*40"))
    said: list[str] = page.evaluate("window.said")
    done = [int(found[1]) for text in said if (found := re.search(r"done\s+(\d+)", text))]
    assert done == sorted(done)
    assert len(set(done)) > 1, "the view stood still while the worker ran"
    assert done[-1] == 40

    link = page.locator(".jp-OutputArea-output a[href^='http://127.0.0.1:']")
    expect(link).to_be_visible()
    assert link.inner_text() == link.get_attribute("href")


def test_the_tour_can_be_run_again_in_the_same_kernel(
    open_notebook: Callable[..., Notebook],
) -> None:
    notebook = open_notebook("again.ipynb", the_tour())
    notebook.run_all()
    notebook.run_all()
    expect(notebook.views()).to_have_count(1)
    expect(notebook.views()).to_contain_text(re.compile(r"done\s*40"))


def test_each_cell_can_be_run_again_before_the_next(
    open_notebook: Callable[..., Notebook],
) -> None:
    tour = the_tour()
    tour.cells = [copy.deepcopy(cell) for cell in code_cells(tour) for _ in range(2)]
    for number, cell in enumerate(tour.cells):
        cell.id = f"cell-{number}"
    notebook = open_notebook("each.ipynb", tour)
    notebook.run_all()


def test_every_component_has_a_live_view(
    open_notebook: Callable[..., Notebook], screenshots: Path
) -> None:
    sources = [OPENED, *(f"{name}.view(every=0.1)" for name in VIEWS), USE]
    notebook = open_notebook("views.ipynb", notebook_of(sources), height=3400)
    notebook.run_all()
    expect(notebook.views()).to_have_count(len(VIEWS))
    for number, told in enumerate(VIEWS.values()):
        expect(notebook.views().nth(number)).to_contain_text(re.compile(told))
    assert "the view stopped" not in notebook.page.content()
    notebook.page.screenshot(path=screenshots / "views.png")


def notebook_of(sources: list[str]) -> Any:
    made: Any = nbformat.v4
    cells = [made.new_code_cell(source.strip()) for source in sources]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made.new_notebook(cells=cells, metadata={"kernelspec": kernel})
