"""Searches beside a brute force in float64: the same neighbours, distances and order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rehub as hub
from rehub.errors import InputMismatch
from rehub.vector_index import building, exact_search
from rehub.vector_index.distances import compute_distances

METRICS = ("cos", "ip", "l2")


def brute_force(metric, vectors, query, k):
    """The rows of the nearest vectors and their distances, in float64; equally near ones in the order of rows."""
    vectors, query = np.asarray(vectors, np.float64), np.asarray(query, np.float64)
    if metric == "l2":
        distances = np.sqrt(((vectors - query) ** 2).sum(axis=1))
    elif metric == "ip":
        distances = 1 - (vectors * query).sum(axis=1)
    else:
        lengths = np.sqrt((vectors**2).sum(axis=1)) * np.sqrt((query**2).sum())
        distances = 1 - (vectors * query).sum(axis=1) / lengths
    rows = np.argsort(distances, kind="stable")[:k]
    return rows, distances[rows]


def assert_is_brute_force(matches, metric, vectors, queries, k):
    for query, rows, distances in zip(queries, matches.rows, matches.distances):
        expected_rows, expected = brute_force(metric, vectors, query, k)
        np.testing.assert_allclose(distances, expected, rtol=1e-12, atol=1e-12)
        assert list(rows) == list(expected_rows)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few vectors and queries, so that small data has many of them."""
    monkeypatch.setattr(exact_search, "_VECTORS_PER_BLOCK", 32)
    monkeypatch.setattr(exact_search, "_QUERIES_PER_BLOCK", 3)


@pytest.mark.parametrize("metric", METRICS)
def test_exact_search_is_brute_force_in_float64(write_vectors, small_blocks, metric):
    random = np.random.RandomState(0)
    vectors = random.randn(500, 24).astype(np.float32)
    queries = random.randn(7, 24)
    index = hub.build_index(write_vectors(vectors, rows_per_file=90), metric=metric)
    assert (index.is_exact, index.size, index.dimensions, index.metric) == (True, 500, 24, metric)
    assert_is_brute_force(index.search(queries, 10), metric, vectors, queries, 10)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_exact_search_orders_ties_by_row_at_any_scale(small_blocks, tmp_path_factory, data):
    """Few different vectors, so that most tie; large offsets and tiny numbers, where float32 alone is wrong."""
    metric = data.draw(st.sampled_from(METRICS))
    scale = data.draw(st.sampled_from([1.0, 1e-20, 1e18, 1e38, 1e-42]))
    query_scale = data.draw(st.sampled_from([1.0, max(scale, 1e-40), 1e-46, 1e38, 1e100]))
    offset = data.draw(st.sampled_from([0.0, 1e5])) * scale if scale < 1e30 else 0.0
    k = data.draw(st.integers(1, 130))
    random = np.random.RandomState(data.draw(st.integers(0, 1000)))
    different = random.randint(-2, 3, [6, 5]) + np.float64([1, 0, 0, 0, 0.5])
    vectors = (different[random.randint(0, 6, 110)] * scale + offset).astype(np.float32)
    queries = random.randn(4, 5) * query_scale + offset
    assert_is_search_in_float64(tmp_path_factory.mktemp("part"), metric, vectors, queries, k)


@pytest.mark.parametrize(
    ("metric", "scale", "query_scale"),
    [("ip", 1e-20, 1.0), ("ip", 1e-42, 1e18), ("ip", 1e-25, 1e38), ("l2", 1e18, 1e38), ("l2", 1.0, 1e100)],
)
def test_exact_search_is_right_where_float32_overflows_or_loses_all(
    small_blocks, tmp_path_factory, metric, scale, query_scale
):
    for seed in range(6):
        random = np.random.RandomState(seed)
        vectors = (random.randn(110, 5) * scale).astype(np.float32)
        queries = random.randn(4, 5) * query_scale
        assert_is_search_in_float64(tmp_path_factory.mktemp("part"), metric, vectors, queries, 1 + 8 * seed)


def assert_is_search_in_float64(directory, metric, vectors, queries, k):
    writer = exact_search.ExactWriter(directory)
    is_used = vectors.any(axis=1)
    writer.add(vectors[is_used], np.flatnonzero(is_used))
    searcher = exact_search.ExactSearcher(directory, metric, 5)
    for query, (distances, rows) in zip(queries, searcher.search(queries, k)):
        if metric == "cos":
            query = query / np.sqrt((query**2).sum())
        expected = compute_distances(metric, query, vectors[is_used])
        order = np.argsort(expected, kind="stable")[:k]
        assert list(rows) == list(np.flatnonzero(is_used)[order])
        assert list(distances) == list(expected[order])


@pytest.mark.parametrize("metric", METRICS)
def test_approximate_search_finds_almost_all_neighbours(write_vectors, monkeypatch, metric):
    pytest.importorskip("usearch", reason="usearch is not installed here")
    monkeypatch.setattr(building, "_VECTORS_PER_GRAPH", 400)
    random = np.random.RandomState(1)
    centres = random.randn(30, 16)
    vectors = (centres[random.randint(0, 30, 1500)] + 0.5 * random.randn(1500, 16)).astype(np.float32)
    queries = centres[random.randint(0, 30, 40)] + 0.5 * random.randn(40, 16)
    index = hub.build_index(write_vectors(vectors, rows_per_file=400), metric=metric, exact=False)
    assert not index.is_exact
    matches = index.search(queries, 10)
    assert index.search(queries[0], 10).rows.tolist() == matches.rows[0].tolist()
    assert index.search(queries[:1], 2000).rows.shape == (1, 1500)
    assert index.search(queries[:0], 10).rows.shape == (0, 10)
    recalls = []
    for query, rows, distances in zip(queries, matches.rows, matches.distances):
        expected_rows, _ = brute_force(metric, vectors, query, 10)
        recalls.append(len(set(rows) & set(expected_rows)) / 10)
        true = brute_force(metric, vectors[rows], query, 10)[1]
        np.testing.assert_allclose(distances, true, rtol=1e-6, atol=1e-6)
    assert np.mean(recalls) > 0.95


def test_a_projection_is_the_same_in_every_version_of_numpy(write_vectors):
    random = np.random.RandomState(2)
    vectors, query = random.randn(200, 32).astype(np.float32), random.randn(32)
    index = hub.build_index(write_vectors(vectors), metric="l2", project=8, seed=1)
    assert (index.projection.dimensions, index.projection.seed) == (8, 1)
    matrix = index.projection.make_matrix(32)
    # The first numbers of RandomState(1), divided by the root of 8.
    np.testing.assert_allclose(matrix[0, :3] * 8**0.5, [1.624345363, -0.611756414, -0.528171752], rtol=1e-8)
    projected = (vectors @ matrix).astype(np.float32)
    assert_is_brute_force(index.search(query[np.newaxis], 5), "l2", projected, [query @ matrix], 5)
    again = hub.open_index(index.path.partition("/_rehub")[0]).search(query, 5)
    assert list(again.rows) == list(index.search(query, 5).rows)


def test_one_query_gives_one_dimension_and_k_is_at_most_the_size(write_vectors):
    vectors = np.eye(4)
    index = hub.build_index(write_vectors(vectors))
    matches = index.search(vectors[2], 10)
    assert matches.rows.tolist() == [2, 0, 1, 3]
    assert matches.distances.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert index.search(vectors, 3).rows.shape == (4, 3)
    assert index.search(np.zeros([0, 4])).rows.shape == (0, 4)
    assert index.read_rows(matches.rows[:2]) == [{"id": "id2"}, {"id": "id0"}]
    for scale in (1e-200, 1e200):
        scaled = index.search(vectors[2] * scale, 10)
        assert (scaled.rows.tolist(), scaled.distances.tolist()) == (matches.rows.tolist(), matches.distances.tolist())


def test_a_query_that_cannot_be_compared_is_an_error_that_says_why(write_vectors):
    index = hub.build_index(write_vectors(np.eye(4)))
    for query, k, message in (
        ([1.0, 2.0], 1, r"have 4 dimensions. Received: a query of shape \[2\]"),
        (np.ones([2, 2, 4]), 1, r"a query of shape \[2, 2, 4\]"),
        ([1.0, 2.0, 3.0, float("nan")], 1, "NaN or infinite"),
        ([0.0] * 4, 1, "only zeros"),
        ([[1.0] * 4, [0.0] * 4], 1, r"only zeros.* Number 1"),
        (["x"] * 4, 1, "a query that is not numbers"),
        ([[1.0] * 4, [1.0]], 1, "a query that is not numbers"),
        ([1.0] * 4, 0, "k is 0, and must be 1 or more"),
    ):
        with pytest.raises(InputMismatch, match=message):
            index.search(query, k)
