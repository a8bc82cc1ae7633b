"""The kind of programs that people write in notebooks."""

from __future__ import annotations

import operator
import random
from collections import Counter
from pathlib import Path
from typing import Any

import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterSampler, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from gdistributed import Client, as_completed

Data = tuple[np.ndarray, np.ndarray]
SPACE = [
    {"model": [LogisticRegression], "C": [0.01, 0.1, 1.0, 10.0]},
    {"model": [KNeighborsClassifier], "n_neighbors": [1, 5, 15], "weights": ["uniform"]},
    {"model": [RandomForestClassifier], "n_estimators": [5, 20], "random_state": [0]},
]


def fit(model: type[BaseEstimator], words: dict[str, Any], data: Data) -> BaseEstimator:
    return model(**words).fit(*data)


def score(model: type[BaseEstimator], words: dict[str, Any], data: Data) -> float:
    return float(cross_val_score(model(**words), *data, cv=3).mean())


def test_a_random_search_over_models(client: Client) -> None:
    features, classes = make_classification(300, 8, n_informative=5, random_state=0)
    train = client.scatter((features[:200], classes[:200]), broadcast=True)
    candidates = list(ParameterSampler(SPACE, n_iter=8, random_state=0))
    asked = {}
    for words in candidates:
        model = words.pop("model")
        asked[client.submit(score, model, words, train)] = model, words
    found: list[tuple[float, Any]] = []
    for future, result in as_completed(asked, with_results=True):
        found.append((result, asked[future]))
    assert len(found) == 8
    best, (model, words) = max(found, key=operator.itemgetter(0))
    assert best == score(model, words, (features[:200], classes[:200]))
    fitted = client.submit(fit, model, words, train).result(30)
    assert type(fitted) is model
    assert fitted.score(features[200:], classes[200:]) > 0.7


def neighbours(number: int) -> tuple[int, list[int]]:
    """Return a page and the pages that it links to, each twice as far away."""
    return number, [page for page in (2 * number, 2 * number + 1) if page < 100]


def test_work_that_grows_while_results_come_in(client: Client) -> None:
    crawl = as_completed([client.submit(neighbours, 1)])
    seen = []
    for future in crawl:
        page, links = future.result()
        seen.append(page)
        crawl.update(client.map(neighbours, links))
    assert sorted(seen) == list(range(1, 100))


def parabola(x: float) -> float:
    return (x - 2) ** 2


def test_a_search_that_asks_again_near_the_best(client: Client) -> None:
    chance = random.Random(0)
    points = [chance.uniform(-10, 10) for _ in range(10)]
    asked = dict(zip(client.map(parabola, points), points, strict=True))
    search, best, answers = as_completed(asked), (float("inf"), 0.0), 0
    for future in search:
        answers += 1
        best = min(best, (future.result(), asked.pop(future)))
        if answers <= 60:
            near = best[1] + chance.gauss(0, 0.5)
            again = client.submit(parabola, near, priority=1)
            asked[again] = near
            search.add(again)
    assert answers == 70
    assert abs(best[1] - 2) < 1


def test_a_word_count(client: Client, tmp_path: Path) -> None:
    chance = random.Random(0)
    vocabulary = ["the", "quick", "brown", "fox", "and", "dog"]
    texts = [chance.choices(vocabulary, weights=[9, 1, 2, 3, 5, 4], k=500) for _ in range(4)]
    for number, words in enumerate(texts):
        lines = [" ".join(words[start : start + 10]).title() for start in range(0, 500, 10)]
        (tmp_path / f"text-{number}.txt").write_text("\n".join(lines) + "\n")
    words = db.read_text(str(tmp_path / "*.txt")).str.lower().str.split().flatten()
    counted = Counter(word for text in texts for word in text)
    assert dict(words.frequencies().compute()) == counted
    assert words.frequencies().topk(2, key=1).compute() == counted.most_common(2)
    assert (
        words.filter(lambda word: len(word) > 3).distinct().count().compute() == 2
    )  # quick, brown


def test_a_join_and_a_groupby(client: Client) -> None:
    numbers = np.random.default_rng(0)
    orders = pd.DataFrame(
        {
            "customer": numbers.integers(0, 50, 2000),
            "amount": numbers.integers(1, 100, 2000),
            "day": pd.date_range("2026-01-01", periods=2000, freq="h"),
        }
    )
    customers = pd.DataFrame(
        {"customer": range(50), "country": numbers.choice(["fr", "jp", "pe"], 50)}
    )
    joined = dd.from_pandas(orders, npartitions=6).merge(
        dd.from_pandas(customers, npartitions=2), on="customer"
    )
    told = client.persist(joined)
    expected = orders.merge(customers, on="customer")
    totals = told.groupby("country").amount.agg(["sum", "mean", "count"]).compute()
    pd.testing.assert_frame_equal(
        totals.sort_index(),
        expected.groupby("country").amount.agg(["sum", "mean", "count"]),
        check_index_type=False,
        check_names=False,
    )
    by_day = told.groupby(told.day.dt.date).amount.max().compute()
    assert (
        by_day.sort_index().tolist() == expected.groupby(expected.day.dt.date).amount.max().tolist()
    )
    top = told.amount.nlargest(3).compute()
    assert top.tolist() == expected.amount.nlargest(3).tolist()


def test_a_singular_value_decomposition(client: Client) -> None:
    x = da.random.default_rng(0).random((1000, 20), chunks=(200, 20)).persist()
    u, s, v = da.linalg.svd(x)
    u, s, v, dense = client.gather(client.compute([u, s, v, x]))
    assert np.allclose(u @ np.diag(s) @ v, dense)
    assert np.allclose(s, np.linalg.svd(dense, compute_uv=False))
    _, leading, _ = da.linalg.svd_compressed(x.rechunk((250, 10)), k=3, seed=0, n_power_iter=3)
    assert np.allclose(leading.compute(), s[:3], rtol=0.05)
