"""The pages for people: found, escaped, without scripts, and the same facts as JSON."""

from __future__ import annotations

import contextlib
import html
import re
import shutil
import sqlite3
import subprocess
import time

import pytest
import requests
from services import directory_of, serving

from rehub.server.cards import parse_card, render_card

HTML = {"Accept": "text/html,application/xhtml+xml"}
CARD = """# Module acme/text/1
Embeds <b>English</b> sentences & more.

<!-- task: text-embedding -->
<!-- language: en -->
<!-- license: Apache-2.0 -->

## Overview

A table:

| words | dimensions |
|---|---|
| 100 | 20 |
"""
# Ways in which a card can try to run a script or to fetch something, after OWASP's list of XSS filter evasions.
ATTACKS = """
<script>document.title='attacked'</script>
<img src=x onerror="document.title='attacked'">
<svg onload="document.title='attacked'"><a xlink:href="javascript:document.title='attacked'">x</a></svg>
<iframe srcdoc="<script>parent.document.title='attacked'</script>"></iframe>
<a href="javascript:document.title='attacked'">a</a> [b](javascript:document.title='attacked') <javascript:alert(1)>
<a href="&#106;avascript:alert(1)">c</a> <a href="java\tscript:alert(1)">d</a> [e](data:text/html;base64,PHNjcmlwdD4=)
<style>@import url(CANARY/style);</style> <link rel=stylesheet href="CANARY/link">
<object data="CANARY/object"></object> <embed src="CANARY/embed"> <video poster="CANARY/poster"></video>
<form action="CANARY/form"><input name=q autofocus onfocus="document.title='attacked'"></form>
<meta http-equiv=refresh content="0;url=CANARY/refresh"> <base href="CANARY/">
![image](CANARY/image.png) <img src="CANARY/img.png"> <img srcset="CANARY/set.png 1x">
<div style="background:url(CANARY/css.png)" onmouseover=alert(1)>f</div> <details open ontoggle=alert(1)>g</details>
<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>
<noscript><p title="</noscript><img src=x onerror=alert(1)>"> <template><script>alert(1)</script></template>
</article></main><script>alert(1)</script> <plaintext> <!--><script>alert(1)</script>-->
"""


@pytest.fixture(scope="module")
def url(plain, cache):
    (plain / "acme/text/1/card.md").write_text(CARD)
    with serving(plain, "--cache", cache) as url:
        yield url


def test_a_persons_page_and_a_programs_archive_have_the_same_url(url):
    page = requests.get(f"{url}/acme/text/1", headers=HTML)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "hub.load(&#39;" + url + "/acme/text/1&#39;" in page.text
    for shown in (
        "Embeds <b>English</b> sentences & more.",
        "text-embedding",
        "language: en",
        "Apache-2.0",
        "legacy module",
    ):
        assert html.escape(shown) in page.text
    assert "<td>100</td>" in page.text


def test_the_facts_of_a_model_are_json_for_programs(url):
    facts = requests.get(f"{url}/acme/text").json()
    assert (facts["name"], facts["version"], facts["versions"], facts["format"]) == (
        "acme/text",
        2,
        [1, 2],
        "legacy module",
    )
    assert facts["url"] == f"{url}/acme/text/2"


def test_models_are_found_by_their_words_and_facts(url, plain):
    def names(query):
        return [each["name"] for each in requests.get(f"{url}/-/search?{query}").json()["models"]]

    (plain / "acme/text/2/card.md").write_text(CARD)
    requests.get(f"{url}/acme/text")  # A model that is looked at is read again if it changed.
    assert names("q=sentences") == names("q=embed+english") == names("q=sentenc") == ["acme/text"]
    assert names("q=acme&task=text-embedding") == ["acme/text"]
    assert names("q=nothing+of+the+kind") == []
    for query in ("q=" + '"*)(' * 50, "q=%00", "q=AND", "q=" + "a" * 5000, "q=NEAR(a,b)", "q=name:x"):
        assert requests.get(f"{url}/-/search?{query}", headers=HTML).status_code == 200


def test_a_publisher_and_a_collection_have_pages(url, plain):
    collection = plain / "acme" / "collection" / "favourites"
    collection.mkdir(parents=True)
    (collection / "card.md").write_text(
        "# Collection acme/collection/favourites\nOur best.\n\n## List\n\n[text](/acme/text/1)"
    )
    assert 'href="/acme/images"' in requests.get(f"{url}/acme", headers=HTML).text
    assert 'href="/acme/text/1"' in requests.get(f"{url}/acme/collection/favourites", headers=HTML).text


def test_the_differences_of_two_versions_are_shown(url, plain):
    shutil.copytree(str(directory_of("conv_bn")), str(plain / "acme/text/3"))
    for compared in ("\u00b2", "9" * 30, "-1", "3"):
        assert requests.get(f"{url}/acme/text/3", {"compare": compared}, headers=HTML).status_code == 200
    page = requests.get(f"{url}/acme/text/3?compare=1", headers=HTML)
    assert "What changed since version 1" in page.text
    assert "+parameters" in page.text


def test_a_model_that_cannot_be_read_has_a_page_that_says_so(url, plain):
    (plain / "acme/broken/1").mkdir(parents=True)
    (plain / "acme/broken/1/saved_model.pb").write_bytes(b"<script>alert(1)</script>")
    page = requests.get(f"{url}/acme/broken/1", headers=HTML)
    assert page.status_code == 200
    assert "cannot be inspected" in page.text
    assert "<script" not in page.text


def test_nothing_tells_where_the_service_keeps_its_models(url, plain):
    (plain / "acme/cut/1").mkdir(parents=True)
    (plain / "acme/cut/1/saved_model.pb").write_bytes(b"\xff")
    for path in ("acme/text/1", "acme/cut/1", "acme/none/1", "", "acme"):
        for accept in ("text/html", "application/json", "*/*"):
            assert str(plain.parent) not in requests.get(f"{url}/{path}", headers={"Accept": accept}).text
    assert str(plain.parent) not in requests.get(f"{url}/acme/text/1?picture=svg").text


def test_a_card_that_is_a_link_out_of_the_directory_is_not_shown(url, plain):
    (plain.parent / "secret.md").write_text("# Title\nthe secret text")
    (plain / "acme/linked").mkdir()
    shutil.copytree(str(directory_of("conv_bn")), str(plain / "acme/linked/1"))
    (plain / "acme/linked/1/card.md").symlink_to(plain.parent / "secret.md")
    assert "the secret text" not in requests.get(f"{url}/acme/linked/1", headers=HTML).text


def test_a_collections_card_that_is_a_link_out_of_the_directory_is_not_shown(url, plain):
    (plain.parent / "secret.md").write_text("# Title\n\nthe secret text")
    (plain / "acme/collection/linked").mkdir(parents=True)
    (plain / "acme/collection/linked/card.md").symlink_to(plain.parent / "secret.md")
    assert requests.get(f"{url}/acme/collection/linked", headers=HTML).status_code == 404


def test_no_page_lets_a_script_run(url):
    for path in (
        "/",
        "/acme",
        "/acme/text/1",
        "/-/search?q=<script>",
        "/acme/<script>alert(1)</script>",
        "/%3Cscript%3E/x",
    ):
        answer = requests.get(url + path, headers=HTML)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "<script" not in answer.text.lower()


def test_a_page_has_a_picture_of_the_model(url):
    answer = requests.get(f"{url}/acme/text/1?picture=svg")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
    assert "default" in answer.text
    assert "immutable" in answer.headers["Cache-Control"]
    assert requests.get(f"{url}/acme/text?picture=svg").headers["Cache-Control"] == "no-cache"
    assert 'src="/acme/text/1?picture=svg"' in requests.get(f"{url}/acme/text/1", headers=HTML).text


def test_cards_are_cleaned():
    rendered = render_card(ATTACKS, remote_images=False)
    tags = set(re.findall(r"<([a-zA-Z]+)", rendered))
    assert tags <= {"p", "a", "div", "h2", "br", "code", "em", "pre", "strong", "table", "s"}
    assert not re.search(r"<[^>]*\s(on\w+|style|src|srcset)\s*=", rendered)
    assert not re.search(r'href="(?!https?:|mailto:|/|#)', rendered)
    assert "<img" in render_card("![image](https://example.com/a.png)", remote_images=True)


def test_a_card_of_a_megabyte_costs_little(url, plain):
    (plain / "acme/images/1/card.md").write_text("# Module acme/images/1\nx\n\n" + "![" * 500_000)
    assert requests.get(f"{url}/acme/images/1", headers=HTML, timeout=30).status_code == 200


@pytest.mark.parametrize(
    "text", ["", "#", "<!-- a: b", "# Module x\n\n\n\n", "```\ncode\n```", "\ufeff# Title\ntext", "| a |"]
)
def test_any_text_is_a_card(text):
    card = parse_card(text)
    render_card(card.body, remote_images=True)


@pytest.mark.parametrize("start", ["<!--a:", "<!--a:x", "<!--", "#"])
def test_a_card_with_an_open_comment_or_an_empty_heading_costs_little(start):
    before = time.process_time()
    parse_card(start + " " * (1 << 17))
    assert time.process_time() - before < 1


def test_tfhub_devs_layout_of_cards_is_understood(tmp_path):
    models = tmp_path / "tree" / "models" / "acme" / "text"
    shutil.copytree(str(directory_of("text_embed")), str(models / "1"))
    card = tmp_path / "tree" / "assets" / "docs" / "acme" / "models" / "text" / "1.md"
    card.parent.mkdir(parents=True)
    card.write_text(CARD)
    collection = tmp_path / "tree" / "assets" / "docs" / "acme" / "collections" / "best" / "1.md"
    collection.parent.mkdir(parents=True)
    collection.write_text("# Collection acme/best/1\nOur best.\n\n[text](/acme/text/1)")
    with serving(tmp_path / "tree", "--cache", tmp_path / "cache") as url:
        assert requests.get(f"{url}/acme/text/1").json()["task"] == "text-embedding"
        assert 'href="/acme/text/1"' in requests.get(f"{url}/acme/collection/best", headers=HTML).text


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_in_a_browser_no_script_of_a_card_runs_and_nothing_else_is_fetched(plain, tmp_path):
    from hosting import HostingServer

    with HostingServer() as canary:
        (plain / "acme/text/2/card.md").write_text(CARD + ATTACKS.replace("CANARY", canary.url))
        with serving(plain, "--cache", tmp_path / "cache") as url:
            command = [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                f"--user-data-dir={tmp_path / 'profile'}",
            ]
            command += ["--virtual-time-budget=3000", "--dump-dom", f"{url}/acme/text/2"]
            dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "<title>acme/text/2 - rehub</title>" in dom
    assert "Overview" in dom
    assert canary.requests == []


@pytest.mark.parametrize("damage", ["deleted", "overwritten"])
def test_an_index_that_is_lost_while_the_service_runs_is_made_again(plain, tmp_path, damage):
    index = tmp_path / "cache" / "index.sqlite"
    with serving(plain, "--cache", tmp_path / "cache") as url:
        if damage == "deleted":
            index.unlink()
        else:
            index.write_bytes(b"x" * index.stat().st_size)
        assert wait_until(lambda: "acme/text" in requests.get(f"{url}/-/search?q=text").text)
        assert requests.get(f"{url}/acme/text/1").json()["name"] == "acme/text"


def wait_until(is_done):
    for _ in range(200):
        if is_done():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("damage", [b"", b"not a database", None])
def test_an_index_of_another_version_or_damaged_is_made_again(plain, tmp_path, damage):
    with serving(plain, "--cache", tmp_path / "cache"):
        pass
    index = tmp_path / "cache" / "index.sqlite"
    if damage is None:
        with contextlib.closing(sqlite3.connect(str(index))) as database, database:
            database.execute("pragma user_version = 1")
            database.execute("drop table models")
    else:
        index.write_bytes(damage)
    with serving(plain, "--cache", tmp_path / "cache") as url:
        assert {each["name"] for each in requests.get(url).json()["models"]} >= {"acme/images", "acme/text"}
