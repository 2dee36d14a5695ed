"""What holds for every track, whatever it shows and whoever wants it."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from hypothesis import given, strategies as st

from sightline.messages import Trigger
from sightline.sampling.policy import History, Look, Policy, Sample
from sightline.sampling.scene import View
from sightline.worker import StageWants
from sightline_ingest.settings import SamplingSettings


class Published(NamedTuple):
    look: Look
    sample: Sample
    sequence: int


stage_wants = st.builds(
    StageWants,
    max_fps=st.sampled_from([0.1, 0.5, 1.0, 2.0, 30.0]),
    triggers=st.frozensets(st.sampled_from(Trigger)),
)
wants = st.dictionaries(st.sampled_from(["captioner", "encoder", "reader"]), stage_wants, min_size=1)
sampling = st.builds(
    SamplingSettings,
    speaking_fps=st.sampled_from([0.5, 1.0, 5.0]),
    idle_interval=st.sampled_from([1.0, 3.0, 10.0]),
    scene_gap=st.sampled_from([0.0, 0.5, 2.0]),
    refresh_interval=st.sampled_from([5.0, 60.0]),
)
steps = st.tuples(
    st.sampled_from([0.03125, 0.25, 1.0]),  # exact in binary: times do not drift
    st.sampled_from(View),
    st.booleans(),
    st.sampled_from([False] * 9 + [True]),
    st.sampled_from([0] * 19 + [1]),
)
shows = st.lists(steps, min_size=1, max_size=150)


def play(
    settings: SamplingSettings,
    wanted: dict[str, StageWants],
    show: list[tuple[float, View, bool, bool, int]],
) -> list[Published]:
    """Every frame of a track that is seen like this."""
    policy, history, now, generation = Policy(settings), History(), 0.0, 0
    published: list[Published] = []
    for wait, view, speaking, asked, lost in show:
        now, generation = now + wait, generation + lost
        first = history.last is None
        look = Look(now, View.NEW if first else view, speaking, asked, generation)
        sample = policy.decide(history, look, wanted)
        if sample is not None:
            published.append(Published(look, sample, len(published) + 1))
            history = history.after(look, sample, len(published), wanted, sample.stages)
    return published


@given(sampling, wants, shows)
def test_frames_are_no_faster_than_the_fastest_stage(settings, wanted, show) -> None:
    frames = play(settings, wanted, show)
    least = 1 / max(want.max_fps for want in wanted.values())
    for before, after in itertools.pairwise(frames):
        if after.sample.trigger is not Trigger.USER_REQUEST:
            assert after.look.now - before.look.now >= least - 1e-9


@given(sampling, wants, shows)
def test_no_stage_gets_routine_tickets_faster_than_it_wants(settings, wanted, show) -> None:
    frames = play(settings, wanted, show)
    for stage, want in wanted.items():
        mine = [frame for frame in frames if stage in frame.sample.stages]
        for before, after in itertools.pairwise(mine):
            if after.sample.trigger is not Trigger.USER_REQUEST:
                assert after.look.now - before.look.now >= 1 / want.max_fps - 1e-9


@given(sampling, wants, shows)
def test_the_first_picture_is_a_frame_and_every_request_is(settings, wanted, show) -> None:
    frames = play(settings, wanted, show)
    assert frames[0].look.now == show[0][0]
    requests = sum(asked for _, _, _, asked, _ in show)
    assert sum(frame.sample.trigger is Trigger.USER_REQUEST for frame in frames) == requests


@given(sampling, wants, shows)
def test_a_request_gives_tickets_to_exactly_those_who_take_requests(settings, wanted, show) -> None:
    takers = {stage for stage, want in wanted.items() if Trigger.USER_REQUEST in want.triggers}
    for frame in play(settings, wanted, show):
        if frame.sample.trigger is Trigger.USER_REQUEST:
            assert frame.sample.stages == takers


@given(sampling, wants, shows)
def test_unchanged_frames_name_the_first_of_their_scene(settings, wanted, show) -> None:
    scene = 0
    for frame in play(settings, wanted, show):
        if frame.sample.unchanged_since is None:
            scene = frame.sequence
        else:
            assert frame.look.view is View.STILL
            assert frame.sample.unchanged_since == scene


@given(sampling, wants, st.integers(2, 400))
def test_a_still_scene_costs_one_ticket_per_stage_and_refresh(settings, wanted, seconds) -> None:
    show = [(1.0, View.STILL, True, False, 0)] * seconds
    frames = play(settings, wanted, show)
    for stage in wanted:
        at = [frame.look.now for frame in frames if stage in frame.sample.stages]
        for before, after in itertools.pairwise(at):
            assert after - before >= settings.refresh_interval


@given(sampling, wants, st.lists(st.tuples(st.sampled_from(View), st.booleans()), min_size=2, max_size=300))
def test_no_track_is_forgotten(settings, wanted, seen) -> None:
    show = [(0.25, view, speaking, False, 0) for view, speaking in seen]
    frames = play(settings, wanted, show)
    gap = 1 / max(want.max_fps for want in wanted.values())
    longest = max(settings.idle_interval, 1 / settings.speaking_fps, gap)
    times = [frame.look.now for frame in frames] + [0.25 * len(show)]
    for before, after in itertools.pairwise(times):
        assert after - before <= longest + 0.25


@given(sampling, wants, shows)
def test_after_the_bus_lost_its_memory_every_stage_gets_a_ticket_again(settings, wanted, show) -> None:
    everything = {
        stage: want.model_copy(update={"triggers": frozenset(Trigger)}) for stage, want in wanted.items()
    }
    calm = [(1.0, View.STILL, True, False, 0)] * 30
    frames = play(settings, everything, [*show, (1.0, View.STILL, False, False, 1), *calm])
    newest = frames[-1].look.generation
    served = {stage for frame in frames if frame.look.generation == newest for stage in frame.sample.stages}
    assert served == set(everything)
