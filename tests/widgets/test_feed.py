from __future__ import annotations

import threading

from streamnb.widgets.feed import Pacer, Sender


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class CountingView:
    def __init__(self, turns: int) -> None:
        self.left = turns
        self.ended = threading.Event()

    def tick(self, now_s: float) -> bool:
        self.left -= 1
        if self.left == 0:
            self.ended.set()
        return self.left > 0


def test_pacer_keeps_to_twenty_frames_a_second() -> None:
    pacer = Pacer(1000)
    pacer.acknowledged(pacer.sent(0.0))
    assert [pacer.due(0.02), pacer.due(0.05)] == [False, True]


def test_pacer_waits_a_second_for_a_page_that_does_not_answer() -> None:
    pacer = Pacer(20)
    pacer.sent(0.0)
    pacer.sent(0.05)
    assert [pacer.due(0.5), pacer.due(1.05)] == [False, True]


def test_pacer_goes_on_when_the_page_answers() -> None:
    pacer = Pacer(20)
    pacer.sent(0.0)
    pacer.acknowledged(pacer.sent(0.05))
    assert pacer.answered
    assert pacer.due(0.1)


def test_sender_serves_views_on_one_thread_and_ends_without_them() -> None:
    sender = Sender()
    views = [CountingView(2), CountingView(3)]
    for view in views:
        sender.add(view)
    assert [view.ended.wait(5) for view in views] == [True, True]


def test_sender_goes_on_when_one_view_breaks() -> None:
    class BrokenView:
        def tick(self, now_s: float) -> bool:
            raise ValueError("broken")

    sender = Sender(Clock())
    good = CountingView(10_000)
    sender.add(BrokenView())
    sender.add(good)
    sender.tick()
    assert sender.tick() <= 1
    sender.remove(good)


def test_removed_view_is_served_no_more() -> None:
    sender = Sender()
    view = CountingView(1_000_000)
    sender.add(view)
    sender.remove(view)
    assert sender.tick() == 0
