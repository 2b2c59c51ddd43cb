"""The index: what search finds, narrows and turns over in pages."""

from __future__ import annotations

import pytest
import requests
from services import serving

from rehub.server.access import create_token


@pytest.fixture(scope="module")
def token():
    return create_token("reader", ["read"], ["acme"], None)


@pytest.fixture(scope="module")
def url(tmp_path_factory, token):
    """60 models, two of a private publisher. One has a rare task, and is the worst hit of all."""
    root = tmp_path_factory.mktemp("models")
    (root / "tokens.toml").write_text(f'private = ["acme"]\n{token[1]}')
    for number in range(60):
        model = root / ("acme" if number < 2 else "other") / f"text{number:02}" / "1"
        model.mkdir(parents=True)
        (model / "model.tflite").write_bytes(b"TFL3")
        task = {0: "secret", 59: "rare"}.get(number, "embedding")
        words = "word " * 500 if number == 59 else ""
        (model / "card.md").write_text(f"# Module x/y/1\nA text.\n\n<!-- task: {task} -->\n\n{words}")
    with serving(root, "--cache", tmp_path_factory.mktemp("cache")) as url:
        yield url


@pytest.mark.parametrize("words", ["text", ""])
def test_a_filter_applies_to_all_models_and_not_to_the_best_hits(url, words):
    found = requests.get(f"{url}/-/search?q={words}&task=rare").json()
    assert [each["name"] for each in found["models"]] == ["other/text59"]
    assert (found["total"], found["next"]) == (1, None)
    page = requests.get(f"{url}/-/search?q={words}", headers={"Accept": "text/html"}).text
    assert ("<option>rare</option>" in page, "secret" in page) == (True, False)


@pytest.mark.parametrize("query", ["/-/search?q=text&publisher=other", "/-/search?q=&publisher=other", "/", "/other"])
def test_pages_have_each_model_once(url, query):
    names, first = [], query
    while query:
        found = requests.get(url + query).json()
        assert found["total"] == 58
        names += [each["name"] for each in found["models"]]
        query = found["next"]
    assert names[:50] != names[50:]
    assert sorted(names) == [f"other/text{number:02}" for number in range(2, 60)]
    page = requests.get(url + first, headers={"Accept": "text/html"}).text
    assert ("58 models" in page, 'rel="next"' in page, 'rel="prev"' in page) == (True, True, False)


def test_private_models_count_for_those_alone_who_may_see_them(url, token):
    assert requests.get(f"{url}/-/search").json()["total"] == 58
    headers = {"Authorization": f"Bearer {token[0]}"}
    assert requests.get(f"{url}/-/search?task=secret", headers=headers).json()["total"] == 1


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "999999999", "\u0663"])
def test_any_page_number_is_answered(url, page):
    for path in ("/-/search", "/", "/other"):
        assert requests.get(url + path, {"page": page}).status_code == 200
