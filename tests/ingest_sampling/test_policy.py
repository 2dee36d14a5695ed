"""Which pictures become frames, rule by rule. ``test_policy_properties`` has what holds always."""

from __future__ import annotations

import pytest

from sightline.messages import Trigger
from sightline.sampling.policy import History, Look, Policy, Sample
from sightline.sampling.scene import View
from sightline.worker import StageWants
from sightline_ingest.settings import SamplingSettings

SETTINGS = SamplingSettings()
ONE = {"captioner": StageWants()}
FAST = {"captioner": StageWants(max_fps=30)}


class Track:
    """A track under the policy: every frame is published and every ticket taken."""

    def __init__(self, wants: dict[str, StageWants] = ONE) -> None:
        self.policy = Policy(SETTINGS)
        self.wants = wants
        self.history = History()
        self.sequence = 0

    def see(
        self,
        now: float,
        view: View = View.STILL,
        speaking: bool = False,
        asked: bool = False,
        generation: int = 0,
        refused: bool = False,
        afresh: bool = True,
    ) -> Sample | None:
        view = View.NEW if self.history.last is None else view
        look = Look(now, view, speaking, asked, generation, afresh)
        sample = self.policy.decide(self.history, look, self.wants)
        if sample is not None:
            self.sequence += 1
            if not refused:
                self.history = self.history.after(look, sample, self.sequence, self.wants, sample.stages)
        return sample

    def trigger(self, now: float, **seen: object) -> Trigger | None:
        sample = self.see(now, **seen)  # type: ignore[arg-type]
        return sample.trigger if sample else None


def test_without_a_stage_nothing_is_sampled() -> None:
    track = Track({})
    assert track.see(0.0) is None
    assert track.see(1.0, asked=True) is None
    assert track.policy.interval(True, {}) is None


def test_the_first_picture_is_sampled_at_once() -> None:
    assert Track().see(100.0) == Sample(Trigger.INITIAL, frozenset({"captioner"}), None)


def test_a_track_is_sampled_every_three_seconds_and_every_second_while_they_speak() -> None:
    silent, speaking = Track(), Track()
    times = [tenth / 10 for tenth in range(90)]
    assert [now for now in times if silent.see(now)] == [0.0, 3.0, 6.0]
    assert [now for now in times if speaking.see(now, speaking=True)] == [float(now) for now in range(9)]


def test_who_begins_to_speak_is_seen_again_soon() -> None:
    track = Track()
    track.see(0.0)
    assert track.see(1.5) is None
    assert track.trigger(1.6, speaking=True) is Trigger.TIMER


def test_no_stage_wants_more_than_its_max_fps() -> None:
    track = Track({"slow": StageWants(max_fps=0.2), "slower": StageWants(max_fps=0.1)})
    times = [float(now) for now in range(31)]
    frames = {now: sample for now in times if (sample := track.see(now, View.CHANGED, speaking=True))}
    assert list(frames) == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]
    assert [now for now in frames if "slower" in frames[now].stages] == [0.0, 10.0, 20.0, 30.0]
    assert all("slow" in sample.stages for sample in frames.values())


def test_a_new_scene_is_sampled_at_once_but_not_again_within_the_gap() -> None:
    track = Track(FAST)
    track.see(0.0)
    assert track.see(0.4, View.NEW) is None
    assert track.trigger(0.5, view=View.NEW) is Trigger.SCENE_CHANGE
    assert track.see(0.9, View.NEW) is None


def test_a_small_change_waits_for_the_timer_and_then_gets_a_ticket() -> None:
    track = Track(FAST)
    track.see(0.0)
    assert track.see(2.9, View.CHANGED) is None
    assert track.see(3.0, View.CHANGED) == Sample(Trigger.TIMER, frozenset({"captioner"}), None)


def test_a_frame_that_shows_nothing_new_makes_no_ticket_and_names_the_first_of_its_scene() -> None:
    track = Track()
    track.see(0.0)
    assert track.see(3.0) == Sample(Trigger.TIMER, frozenset(), 1)
    assert track.see(6.0) == Sample(Trigger.TIMER, frozenset(), 1)
    track.see(9.0, View.NEW)
    assert track.see(12.0) == Sample(Trigger.TIMER, frozenset(), 4)


def test_a_still_scene_is_looked_at_anew_after_the_refresh_interval() -> None:
    track = Track()
    track.see(0.0)
    ticketed = [float(now) for now in range(1, 200) if (s := track.see(float(now))) and s.stages]
    assert ticketed == [60.0, 120.0, 180.0]


def test_a_capture_request_is_answered_at_once_with_a_ticket() -> None:
    track = Track({"captioner": StageWants(max_fps=0.1)})
    track.see(0.0)
    asked = Sample(Trigger.USER_REQUEST, frozenset({"captioner"}), 1)
    assert track.see(0.1, asked=True) == asked
    assert track.see(0.2, asked=True) == asked


def test_a_request_to_look_again_costs_no_ticket_where_the_scene_is_described() -> None:
    track = Track()
    track.see(0.0)
    assert track.see(0.1, asked=True, afresh=False) == Sample(Trigger.TIMER, frozenset(), 1)
    changed = Sample(Trigger.USER_REQUEST, frozenset({"captioner"}), None)
    assert track.see(0.2, View.CHANGED, asked=True, afresh=False) == changed
    assert track.see(0.3, View.NEW, asked=True, afresh=False) == changed


def test_a_request_to_look_again_makes_up_for_a_ticket_that_the_scene_did_not_get() -> None:
    track = Track()
    track.see(0.0)
    assert track.see(0.6, View.NEW, asked=True, refused=True) is not None
    look = Look(2.0, View.NEW)
    sample = track.policy.take(track.history, look, ONE, Trigger.TIMER)
    track.history = track.history.after(look, sample, 2, ONE, ticketed=())
    assert track.see(3.0, asked=True, afresh=False) == Sample(Trigger.TIMER, frozenset({"captioner"}), 2)


def test_a_capture_request_for_the_first_frame_is_that_frame() -> None:
    assert Track().see(0.0, asked=True) == Sample(Trigger.USER_REQUEST, frozenset({"captioner"}), None)


def test_a_new_stage_gets_a_ticket_for_a_scene_that_is_old() -> None:
    track = Track()
    track.see(0.0)
    track.wants = {**ONE, "late": StageWants(triggers=frozenset({Trigger.INITIAL}))}
    assert track.see(3.0) == Sample(Trigger.TIMER, frozenset({"late"}), 1)
    assert track.see(6.0) == Sample(Trigger.TIMER, frozenset(), 1)


def test_a_stage_that_was_away_is_a_new_one() -> None:
    track = Track()
    track.see(0.0)
    track.history = track.history.keeping(())
    assert track.see(1.0) == Sample(Trigger.INITIAL, frozenset({"captioner"}), 1)
    assert track.see(2.0) is None


def test_after_the_bus_lost_its_memory_the_next_frame_is_an_initial_one_with_tickets() -> None:
    track = Track()
    track.see(0.0)
    assert track.see(0.5, generation=1) is None, "still no faster than any stage wants"
    assert track.see(1.0, generation=1) == Sample(Trigger.INITIAL, frozenset({"captioner"}), 1)
    assert track.see(4.0, generation=1) == Sample(Trigger.TIMER, frozenset(), 1)


@pytest.mark.parametrize("lane", [View.STILL, View.CHANGED, View.NEW])
def test_a_frame_that_the_bus_refused_leaves_everything_due(lane: View) -> None:
    track = Track()
    track.see(0.0)
    first = track.see(3.0, lane, refused=True)
    assert first is not None
    assert track.see(3.1, lane) == first


def test_a_ticket_that_the_bus_refused_is_offered_with_the_next_frame() -> None:
    track = Track()
    look = Look(0.0, View.NEW)
    sample = track.policy.decide(track.history, look, ONE)
    assert sample is not None
    track.history = track.history.after(look, sample, 1, ONE, ticketed=())
    assert track.see(3.0) == Sample(Trigger.TIMER, frozenset({"captioner"}), 1)


def test_a_stage_gets_tickets_for_its_triggers_only() -> None:
    track = Track({"changes": StageWants(max_fps=30, triggers=frozenset({Trigger.SCENE_CHANGE}))})
    assert track.see(0.0) == Sample(Trigger.INITIAL, frozenset(), None)
    assert track.see(3.0, View.CHANGED) == Sample(Trigger.TIMER, frozenset(), None)
    assert track.see(4.0, View.NEW) == Sample(Trigger.SCENE_CHANGE, frozenset({"changes"}), None)
    assert track.see(4.1, asked=True) == Sample(Trigger.USER_REQUEST, frozenset(), 3)


def test_a_scene_that_came_too_soon_for_a_stage_is_made_up_for() -> None:
    wants = {
        "slow": StageWants(max_fps=0.2, triggers=frozenset({Trigger.INITIAL, Trigger.SCENE_CHANGE})),
        "fast": StageWants(max_fps=10, triggers=frozenset({Trigger.SCENE_CHANGE})),
    }
    track = Track(wants)
    track.see(0.0)
    assert track.see(2.0, View.NEW) == Sample(Trigger.SCENE_CHANGE, frozenset({"fast"}), None)
    assert track.see(5.0) == Sample(Trigger.TIMER, frozenset({"slow"}), 2)
    assert track.see(8.0) == Sample(Trigger.TIMER, frozenset(), 2)


def test_what_is_due_now_is_decided_now() -> None:
    track = Track(FAST)
    track.see(0.0)
    for view in View:
        due = track.policy.due(track.history, Look(0.1, view), FAST)
        assert due == {View.STILL: 3.0, View.CHANGED: 3.0, View.NEW: 0.5}[view]


class Pushed(Track):
    """A track whose source says when a picture is a frame, and why."""

    def push(self, now: float, view: View, trigger: Trigger = Trigger.TIMER) -> Sample:
        view = View.NEW if self.history.last is None else view
        look = Look(now, view)
        sample = self.policy.take(self.history, look, self.wants, trigger)
        self.sequence += 1
        self.history = self.history.after(look, sample, self.sequence, self.wants, sample.stages)
        return sample

    def owed(self) -> dict[str, float]:
        return self.policy.owed(self.history, self.wants)


def test_a_source_of_its_own_mind_has_each_picture_published_with_its_own_trigger() -> None:
    track = Pushed()
    track.push(0.0, View.NEW, Trigger.INITIAL)
    still = track.push(0.01, View.STILL, Trigger.SCENE_CHANGE)
    assert still == Sample(Trigger.SCENE_CHANGE, frozenset(), unchanged_since=1)


def test_a_stage_gets_no_more_tickets_than_it_wants_and_is_owed_the_one_it_missed() -> None:
    track = Pushed()
    track.push(0.0, View.NEW)
    assert track.owed() == {}
    assert track.push(0.2, View.NEW).stages == frozenset()
    [(stage, at)] = track.owed().items()
    assert (stage, at) == ("captioner", 1 / StageWants().max_fps)
    track.history = track.history.ticketed(["captioner"], at)
    assert track.owed() == {}


def test_a_stage_that_came_later_is_owed_a_ticket_at_once_and_none_before_any_frame() -> None:
    track = Pushed({})
    assert track.owed() == {}
    track.push(0.0, View.NEW)
    track.wants = ONE
    assert track.owed() == {"captioner": float("-inf")}
    # The same scene again is no reason to wait.
    assert track.push(0.1, View.STILL).stages == {"captioner"}
    assert track.owed() == {}


def test_a_stage_is_owed_nothing_of_scenes_that_it_does_not_want() -> None:
    only_requests = {"captioner": StageWants(triggers=frozenset({Trigger.USER_REQUEST}))}
    track = Pushed(only_requests)
    track.push(0.0, View.NEW, Trigger.INITIAL)
    track.push(1.0, View.NEW, Trigger.TIMER)
    assert track.owed() == {}
