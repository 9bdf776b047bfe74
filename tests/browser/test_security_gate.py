"""In a real browser: an app that others can reach shows a form and nothing else until it has the token."""

import re
import socket

import pytest
from playwright.sync_api import expect

from core.store.runs import RunStore
from tests.browser.conftest import start_app
from tests.conftest import beside
from tests.shift_runs import store_run

TO_OTHERS = ("dashboard.serve", "--address", "0.0.0.0", "--port")
UNGUARDED = ("streamlit", "run", "dashboard/app.py", "--server.headless", "true")
UNGUARDED = (*UNGUARDED, "--server.address", "0.0.0.0", "--server.port")


@pytest.fixture
def serve(cache, tmp_path):
    """Starts a server on a cache with one run; gives its address and the file of what it prints."""
    folder = beside(cache, tmp_path)
    store_run(RunStore(folder), "plain-run", "plain", {0: 1.5}, 1)
    started = []

    def start(command):
        log = tmp_path / "app.log"
        server, address = start_app(folder, log, command)
        started.append(server)
        return address, log

    yield start
    for server in started:
        server.terminate()
        server.wait(20)


def all_text(page):
    return page.locator("body").inner_text()


def test_the_token_is_asked_for_before_anything_and_stands_nowhere_afterwards(chromium, serve):
    address, log = serve(TO_OTHERS)
    token = re.search(r"^Token: (\S+)$", log.read_text(), re.M)[1]
    context = chromium.new_context()
    sent = []
    context.on("request", lambda request: sent.append(request.url))
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{address}/probes?run=plain-run")
    box = page.get_by_label("Password or token")
    expect(box).to_have_attribute("type", "password")
    assert page.get_by_test_id("stSidebar").count() == 0
    assert not any(word in all_text(page) for word in ("movie-reviews", "plain-run", "Probes", "Telltale"))
    box.fill("a guess, and a wrong one")
    page.get_by_role("button", name="Enter").click()
    page.get_by_text("That is not it").wait_for()
    assert "Telltale" not in all_text(page)
    box.fill(token)
    page.get_by_role("button", name="Enter").click()
    page.get_by_text("movie-reviews · review · made · plain-run").first.wait_for()
    kept = str(context.cookies()) + page.evaluate("() => JSON.stringify([localStorage, sessionStorage])")
    assert token not in kept + page.url + "".join(sent) + page.content()
    page.reload()
    page.get_by_label("Password or token").wait_for()
    assert "Telltale" not in all_text(page)
    context.close()


def test_served_to_others_without_one_it_says_what_to_do_and_nothing_else(chromium, serve):
    address, log = serve(UNGUARDED)
    page = chromium.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{address}/?run=plain-run")
    page.get_by_text("Telltale is served on 0.0.0.0").wait_for()
    assert page.get_by_role("alert").count() == 1 and "movie-reviews" not in all_text(page)
    assert page.get_by_test_id("stSidebar").count() == page.get_by_test_id("stTopNav").count() == 0
    assert "telltale: Telltale is served on 0.0.0.0" in log.read_text()
    page.close()


def test_a_name_that_was_not_asked_for_gets_no_session(serve):
    address, _ = serve(TO_OTHERS)
    port = int(address.rsplit(":", 1)[1])
    handshake = (
        "GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )

    def answer(host, more=""):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as stream:
            stream.sendall(handshake.format(host=host, more=more).encode())
            return stream.recv(100).split(b"\r\n")[0]

    assert b"101" in answer(f"127.0.0.1:{port}")
    assert b"403" in answer("rebound.example")
    assert b"403" in answer(f"127.0.0.1:{port}", "Origin: http://elsewhere.example\r\n")
