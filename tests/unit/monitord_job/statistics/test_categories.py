"""How full a category was, and what its limit made jobs wait."""

from __future__ import annotations

from monitord_job.statistics.model.categories import Stay, by_category, category_use


def test_what_waits_while_it_is_full_is_held_back_and_no_longer() -> None:
    stays = [
        Stay("a", 0, 1, 10, 0),
        Stay("b", 0, 2, 20, 0),
        Stay("c", 13, 15, 30, 4),  # could go at 4, had its turn at 10, and waited for DAGMan until 13
        Stay("d", 25, 26, 40, 24),
    ]
    use = category_use("c", 2, 5, stays)
    assert (use.jobs, use.attempts, use.most) == (5, 4, 2)
    # full: 0 to 10, 13 to 20, 25 to 30
    assert use.full == 22
    assert use.held_back == 6
    assert use.queued == 10 + 20 + 17 + 15
    assert use.used == 40
    assert use.fullness == 62 / 80
    assert (use.waited, use.ran) == (1 + 2 + 2 + 1, 9 + 18 + 15 + 14)


def test_one_that_comes_as_another_leaves_was_never_beside_it() -> None:
    use = category_use("c", 2, 2, [Stay("a", 0, 1, 10, 0), Stay("b", 10, 11, 20, 0)])
    assert (use.most, use.full, use.held_back) == (1, 0, 0)


def test_without_a_limit_nothing_is_full() -> None:
    use = category_use("c", None, 1, [Stay("a", 0, None, 10, 0)])
    assert (use.limits, use.fullness, use.full, use.held_back, use.most) == ((), None, 0, 0, 1)


def test_a_job_of_no_length_was_there() -> None:
    use = category_use("c", 1, 1, [Stay("a", 5, 5, 5, None)])
    assert (use.most, use.attempts, use.fullness) == (1, 1, None)


def test_the_categories_of_several_dags_add_up_and_keep_their_limits() -> None:
    one = category_use("c", 1, 1, [Stay("a", 0, 2, 10, 0)])
    other = category_use("c", 4, 3, [Stay("a", 0, 4, 10, 0), Stay("b", 0, 4, 10, 0)])
    (both,) = by_category([one, other])
    assert both.limits == (1, 4)
    assert (both.jobs, both.attempts, both.most, both.queued, both.waited) == (4, 3, 2, 30, 10)
    assert both.fullness == 30 / 50
