"""
Where the marks of the approval chart stand.
"""

from datetime import UTC, date, datetime, timedelta

from bot.dashboard.charts import approval_chart
from worker.reports import Approval, WeekApproval

MONDAY = date(2026, 3, 2)


def weeks(*votes: tuple[int, int]) -> list[WeekApproval]:
    """
    Weeks from the second of March on, with these votes up and down.
    """
    return [
        WeekApproval(MONDAY + timedelta(weeks=place), Approval(up=up, down=down))
        for place, (up, down) in enumerate(votes)
    ]


def test_full_approval_is_at_the_top_and_none_at_the_base() -> None:
    chart = approval_chart(weeks((9, 0), (0, 9), (5, 5)))

    assert [mark.y for mark in chart.marks] == [chart.top, chart.base, (chart.top + chart.base) / 2]


def test_the_line_breaks_where_a_week_has_no_votes() -> None:
    chart = approval_chart(weeks((1, 0), (2, 0), (0, 0), (3, 0), (4, 0)))

    assert [len(line.split()) for line in chart.lines] == [2, 2]
    assert chart.marks[2].y is None


def test_a_lone_week_is_a_dot_without_a_line() -> None:
    chart = approval_chart(weeks((0, 0), (1, 0), (0, 0)))

    assert chart.lines == ()
    assert chart.marks[1].few


def test_columns_keep_to_the_lower_third() -> None:
    chart = approval_chart(weeks((40, 0), (10, 0)))
    third = (chart.base - chart.top) / 3

    assert [round(mark.column_height / third, 2) for mark in chart.marks] == [1.0, 0.25]


def test_only_promotions_within_the_weeks_are_drawn() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    promoted = [(start - timedelta(days=1), "before"), (start + timedelta(days=7), "within")]
    chart = approval_chart(weeks((1, 0), (1, 0)), promoted=promoted)

    assert [mark.release_id for mark in chart.promotions] == ["within"]
    assert chart.promotions[0].x == (chart.left + chart.right) / 2


def test_the_chart_tells_its_figures_to_those_who_cannot_see_it() -> None:
    assert approval_chart(weeks((3, 1), (0, 0))).summary == "Approval by week. week of 02 Mar: 75% of 4."
    assert approval_chart([]).summary == "No votes yet."
