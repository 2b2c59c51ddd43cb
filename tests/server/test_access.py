"""Private publishers look like absent ones, to everyone who may not see them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from services import serving

from rehub.cli.program import main
from rehub.errors import InvalidSetting
from rehub.server.access import add_token, create_token, read_access_rules

HTML = {"Accept": "text/html"}
NOW = datetime.now(timezone.utc)


@pytest.fixture(scope="module")
def tokens(plain):
    """Tokens by name; acme is private."""
    tokens, lines = {}, ['private = ["acm*"]']
    for name, scope, publishers, expires in (
        ("reader", ["read"], ["acme"], None),
        ("late", ["read"], ["acme"], NOW - timedelta(seconds=1)),
        ("other", ["read", "publish"], ["google"], None),
    ):
        tokens[name], entry = create_token(name, scope, publishers, expires)
        lines.append(entry)
    (plain / "tokens.toml").write_text("\n".join(lines))
    return tokens


@pytest.fixture(scope="module")
def url(plain, tokens, cache):
    with serving(plain, "--cache", cache, "--trust-header", "X-User") as url:
        yield url


def test_another_spelling_of_a_private_publisher_is_private_too(tmp_path):
    (tmp_path / "tokens.toml").write_text('private = ["Acm*"]')
    visitor = read_access_rules(tmp_path / "tokens.toml").identify(None)
    assert [visitor.can_read(name) for name in ("Acme", "ACME", "acme", "google")] == [False, False, False, True]


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_reader_loads_a_private_model(url, tokens):
    answer = requests.get(f"{url}/acme/text/1?tf-hub-format=compressed", headers=bearer(tokens["reader"]))
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/acme/text/1?tf-hub-format=compressed", "/acme/text/1", "/acme", "/", "/-/search"])
def test_a_shared_cache_keeps_nothing_that_a_token_or_login_was_needed_for(url, tokens, path):
    for headers in (bearer(tokens["reader"]), {"X-User": "ann"}):
        control = requests.get(url + path, headers=headers).headers["Cache-Control"]
        assert (control.startswith("private, "), "public" in control) == (True, False)
    assert "private" not in requests.get(url + path).headers["Cache-Control"]


def test_a_user_of_the_proxy_sees_private_models(url):
    assert requests.get(f"{url}/acme/text/1", headers={"X-User": "ann"}).status_code == 200


def test_the_proxys_header_is_believed_from_the_proxy_alone(plain, tokens, tmp_path):
    with serving(
        plain, "--cache", tmp_path / "cache", "--trust-header", "X-User", "--trusted-proxy", "192.0.2.1"
    ) as url:
        assert requests.get(f"{url}/acme/text/1", headers={"X-User": "ann"}).status_code == 404


PATHS = ("{}/text", "{}/text/1", "{}/text/9", "{}", "{}/text/1?tf-hub-format=compressed", "{}/tex")


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
def test_a_private_model_is_answered_like_one_that_never_was(url, tokens, accept):
    for who in ("nobody", "late", "other", "wrong"):
        headers = {"Accept": accept, **({} if who == "nobody" else bearer(tokens.get(who, "wrong")))}
        for path in PATHS:
            answers = [requests.get(f"{url}/{path.format(name)}", headers=headers) for name in ("acme", "acmx")]
            private, absent = [(each.status_code, each.text.replace("acmx", "acme")) for each in answers]
            assert private == absent
            assert private[0] == 404


def test_private_models_are_not_listed(url, tokens):
    for path in ("/", "/-/search?q=text", "/-/search", "/-/search?publisher=acme"):
        assert requests.get(url + path).json() == {"models": [], "total": 0, "next": None}
        assert "acme" not in requests.get(url + path, headers=HTML).text.replace("publisher=acme", "")
        assert "acme/text" in requests.get(url + path, headers=bearer(tokens["reader"])).text
    assert "acme" not in requests.get(f"{url}/-/metrics").text


def test_counters_do_not_grow_with_what_clients_send(url):
    for number in range(3):
        assert requests.request(f"NOVEL{number}", url).status_code == 405
    metrics = requests.get(f"{url}/-/metrics").text
    assert ('method="other"' in metrics, "NOVEL" in metrics) == (True, False)


@pytest.mark.parametrize(
    "content", ["[[token]]", "private = 1", "[[token]]\nname = 'a'\nsha256 = 'b'", "=", "token = 1"]
)
def test_a_file_that_is_not_one_of_tokens_is_refused(tmp_path, content):
    (tmp_path / "tokens.toml").write_text(content)
    with pytest.raises(InvalidSetting, match=r"tokens\.toml"):
        read_access_rules(tmp_path / "tokens.toml")


def test_a_file_that_is_damaged_while_the_service_runs_lets_nobody_in(plain, tokens, url):
    file = plain / "tokens.toml"
    before = file.read_text()
    for damage in (b"=", b"\xff", b"private = " + b"[" * 5000):
        file.write_bytes(damage)
        for token in tokens.values():
            assert requests.get(f"{url}/acme/text/1", headers=bearer(token)).status_code == 404
    file.write_text(before)
    assert requests.get(f"{url}/acme/text/1", headers=bearer(tokens["reader"])).status_code == 200


def test_rehub_serve_token_create_adds_a_token_that_others_cannot_read(tmp_path, capsys):
    found = []
    for name in ("ci", 'a "b"'):
        assert main(["serve", "token", "create", str(tmp_path), "--name", name, "--publisher", "acme"]) == 0
        found.append(capsys.readouterr().out.strip())
    assert (tmp_path / "tokens.toml").stat().st_mode & 0o077 == 0
    visitors = [read_access_rules(tmp_path / "tokens.toml").identify(f"Bearer {token}") for token in found]
    assert [visitor.label for visitor in visitors] == ["ci", 'a "b"']
    assert all(visitor.can_publish("acme") for visitor in visitors)
    assert not any(visitor.can_publish("acm") for visitor in visitors)


def test_tokens_that_are_made_at_once_are_all_kept(tmp_path):
    file = tmp_path / "tokens.toml"
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda number: add_token(file, f"ci{number}", ["read"], ["acme"], None), range(8)))
    rules = read_access_rules(file)
    assert [rules.identify(f"Bearer {token}").label for token in tokens] == [f"ci{number}" for number in range(8)]
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.toml"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize(
    ("file_mode", "directory_mode", "warning"),
    [(0o600, 0o755, ""), (0o640, 0o755, "tokens.toml"), (0o602, 0o755, "tokens.toml"), (0o600, 0o775, "the directory")],
)
def test_a_file_that_others_may_read_or_write_is_warned_of(tmp_path, caplog, file_mode, directory_mode, warning):
    add_token(tmp_path / "tokens.toml", "ci", ["read"], ["acme"], None)
    assert not caplog.records
    (tmp_path / "tokens.toml").chmod(file_mode)
    tmp_path.chmod(directory_mode)
    assert len(read_access_rules(tmp_path / "tokens.toml").tokens) == 1
    assert ("chmod" in caplog.text, warning in caplog.text) == (bool(warning), True)


@given(st.text(max_size=60))
def test_any_authorization_header_is_understood_or_ignored(header):
    token, _ = create_token("ci", ["read"], ["acme"], None)
    from rehub.server.access import AccessRules

    assert AccessRules().identify(header).token is None
    assert token.startswith("rehub_")
