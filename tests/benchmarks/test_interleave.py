"""What is compared runs in turns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from harness import interleaved


def recorder(order: list[str], name: str) -> Callable[[], Awaitable[int]]:
    async def run() -> int:
        order.append(name)
        return len(order)

    return run


async def test_each_runs_once_a_repetition_and_another_begins_each_time() -> None:
    order: list[str] = []

    await interleaved({name: recorder(order, name) for name in "ABC"}, 4, progress=[].append)

    assert "".join(order) == "ABC" + "BCA" + "CAB" + "ABC"


async def test_what_each_found_is_in_the_order_of_the_repetitions() -> None:
    order: list[str] = []

    found = await interleaved({name: recorder(order, name) for name in "AB"}, 3, progress=[].append)

    assert found == {"A": [1, 4, 5], "B": [2, 3, 6]}


async def test_a_warm_up_runs_all_and_is_forgotten() -> None:
    order: list[str] = []

    found = await interleaved({name: recorder(order, name) for name in "AB"}, 1, [].append, warm_up=True)

    assert order == ["A", "B", "A", "B"]
    assert found == {"A": [3], "B": [4]}


async def test_progress_is_told_of_every_run() -> None:
    told: list[str] = []

    await interleaved({name: recorder([], name) for name in "AB"}, 2, told.append)

    assert [line.split()[:2] for line in told] == [["1/2", "A"], ["1/2", "B"], ["2/2", "B"], ["2/2", "A"]]
