"""`sightline dead`: what was given up on, why, and another try, on a real server."""

from __future__ import annotations

import pytest

from sightline import topology
from sightline.bus import Bus
from sightline.messages import Caption, DeadLetter, Frame
from support.command_line import sightline
from support.stage import STAGE, Looker, Source, captions, dead_letters, replica, track


class Broken(Looker):
    """Fails at every frame, until it is mended."""

    mended = False

    async def process(self, frame: Frame) -> Caption | None:
        if not self.mended:
            raise ValueError("the model file is missing")
        return await super().process(frame)


async def given_up(bus: Bus, *tracks: int, stage: str = STAGE) -> Source:
    """One dead letter of each track; the frames stay on the bus."""
    source, before = Source(bus, stage), await letters_left(bus)
    async with dead_letters(bus) as letters, replica(Broken(), bus, stage=stage):
        for count, number in enumerate(tracks, before + 1):
            await source.show(track(number))
            await letters.has(count)
    return source


async def forget_frames(bus: Bus, frame: Frame) -> None:
    """As a minute does it."""
    held = [each async for each in bus.stored(topology.FRAMES, frame.subject, (Frame,))]
    for each in held:
        await bus.stores.delete(topology.FRAMES, each.sequence)


async def letters_left(bus: Bus) -> int:
    return (await bus.stores.held(topology.DEAD)).messages


async def test_without_dead_letters_it_says_that_nothing_was_given_up_on(bus: Bus) -> None:
    finished = await sightline("dead", "list", NATS_URL=bus.settings.url)
    assert (finished.code, finished.out) == (0, "no dead letters: nothing was given up on\n")


async def test_letters_are_listed_newest_first_with_why_and_whose(bus: Bus) -> None:
    await given_up(bus, 1, 2)
    finished = await sightline("dead", "list", "--json", NATS_URL=bus.settings.url)
    assert finished.code == 0
    assert [each["frame"]["participant"] for each in finished.records] == ["p2", "p1"]
    newest, oldest = finished.records
    assert newest["id"] > oldest["id"]
    assert newest["age"] <= oldest["age"]
    assert {name: newest[name] for name in ("event", "stage", "error", "attempts")} == {
        "event": "dead",
        "stage": STAGE,
        "error": "WorkerError",
        "attempts": 1,
    }
    assert newest["reason"] == "Broken raised ValueError: the model file is missing"
    table = (await sightline("dead", "list", NATS_URL=bus.settings.url)).out
    assert table.index("p2's camera in demo") < table.index("p1's camera in demo")
    assert "the model file is missing" in table


async def test_a_list_can_be_of_one_stage_and_of_a_few(bus: Bus) -> None:
    await given_up(bus, 1, 2)
    await given_up(bus, 3, stage="other")
    url = bus.settings.url
    of_other = await sightline("dead", "list", "--stage", "other", "--json", NATS_URL=url)
    assert [each["stage"] for each in of_other.records] == ["other"]
    assert len((await sightline("dead", "list", "--limit", "2", "--json", NATS_URL=url)).records) == 2
    nobody = await sightline("dead", "list", "--stage", "nobody", NATS_URL=url)
    assert nobody.out.startswith("no dead letters of nobody")


async def test_one_letter_is_shown_whole(bus: Bus) -> None:
    await given_up(bus, 1)
    url = bus.settings.url
    (listed,) = (await sightline("dead", "list", "--json", NATS_URL=url)).records
    shown = await sightline("dead", "show", str(listed["id"]), "--json", NATS_URL=url)
    (record,) = shown.records
    assert {**record, "age": 0, "frame": 0} == {**listed, "age": 0, "frame": 0}
    assert record["frame"]["sequence"] == 1
    text = await sightline("dead", "show", str(listed["id"]), NATS_URL=url)
    assert "Broken raised ValueError: the model file is missing" in text.out


async def test_an_id_that_there_is_not_is_an_error_that_says_where_ids_are(bus: Bus) -> None:
    for words in (("show", "7"), ("retry", "7")):
        finished = await sightline("dead", *words, NATS_URL=bus.settings.url)
        assert finished.code == 1
        assert "expected the id of a dead letter, got 7: `sightline dead list` has them" in finished.err


async def test_a_mended_worker_captions_what_is_retried(bus: Bus) -> None:
    await given_up(bus, 1)
    worker = Broken()
    worker.mended = True
    async with replica(worker, bus), captions(bus) as found:
        finished = await sightline("dead", "retry", "--stage", STAGE, "--json", NATS_URL=bus.settings.url)
        assert finished.code == 0
        (caption,) = await found.has(1)
    assert (caption.text, caption.frame.track) == ("frame 1", track(1))
    (told,) = finished.records
    assert (told["outcome"], told["forgotten"]) == ("offered", False)
    assert await letters_left(bus) == 1, "it is kept until somebody says to forget it"


async def test_a_stage_is_retried_once_per_track_however_often_it_failed(bus: Bus) -> None:
    await given_up(bus, 1, 1, 2)
    finished = await sightline("dead", "retry", "--stage", STAGE, "--json", NATS_URL=bus.settings.url)
    assert [each["outcome"] for each in finished.records] == ["offered"] * 3
    assert await bus.lag(topology.lane_queue(STAGE, topology.Lane.ROUTINE)) == (2, 0)
    again = await sightline("dead", "retry", "--stage", STAGE, "--json", NATS_URL=bus.settings.url)
    assert [each["outcome"] for each in again.records] == ["waiting"] * 3


async def test_a_frame_that_is_gone_is_said_to_be_gone(bus: Bus) -> None:
    await given_up(bus, 1)
    newest = [each async for each in bus.stored(topology.FRAMES, topology.FRAMES.subjects[0], (Frame,))]
    await forget_frames(bus, newest[0].message)
    finished = await sightline("dead", "retry", "--stage", STAGE, NATS_URL=bus.settings.url)
    assert finished.code == 1
    assert "no frame of this track is on the bus any more" in finished.out
    assert await letters_left(bus) == 1


async def test_a_letter_is_deleted_only_when_told_to_forget_it(bus: Bus) -> None:
    await given_up(bus, 1, 2)
    url = bus.settings.url
    newest, oldest = (await sightline("dead", "list", "--json", NATS_URL=url)).records
    finished = await sightline("dead", "retry", str(oldest["id"]), "--forget", NATS_URL=url)
    assert finished.code == 0
    assert "; forgotten" in finished.out
    (left,) = (await sightline("dead", "list", "--json", NATS_URL=url)).records
    assert left["id"] == newest["id"]


async def test_a_letter_without_a_frame_is_found_again_by_its_subject(bus: Bus) -> None:
    source = await given_up(bus, 1)
    frame = await source.show(track(1))
    work = f"sightline.work.other.routine.{frame.subject.removeprefix('sightline.frames.')}"
    await bus.publish(
        DeadLetter(stage="other", work_subject=work, reason="no ticket", error="DecodeError", attempts=1)
    )
    listed = await sightline("dead", "list", "--stage", "other", NATS_URL=bus.settings.url)
    assert "nobody knows whose" in listed.out
    finished = await sightline("dead", "retry", "--stage", "other", NATS_URL=bus.settings.url)
    assert (finished.code, "offered again" in finished.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("retry",), "expected either the ID of a dead letter or --stage STAGE"),
        (("retry", "1", "--stage", STAGE), "expected either the ID of a dead letter or --stage STAGE"),
        (("list", "--stage", "a.>"), "--stage: expected letters, digits, - and _, 64 at most, got 'a.>'"),
    ],
)
async def test_a_command_line_that_makes_no_sense_is_explained(
    bus: Bus, words: tuple[str, ...], error: str
) -> None:
    finished = await sightline("dead", *words, NATS_URL=bus.settings.url)
    assert finished.code == 2
    assert error in finished.err
