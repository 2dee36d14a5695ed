"""A worker fails, a picture is broken, a model is busy: that frame alone pays for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sightline import imaging
from sightline.bus import Bus
from sightline.errors import CredentialError, DecodeError, RateLimitedError, RetryableError
from sightline.messages import Answer, Caption, EncodedImage, Frame, Question, Trigger
from sightline.subjects import ask
from sightline.worker import VisionWorker
from support.frames import BLUE, jpeg, plain
from support.stage import PICTURE, STAGE, Looker, Source, captions, dead_letters, replica, track

GOOD, BAD = track(1), track(2)


class Failing(Looker):
    """Does something else for frames of the bad track."""

    def __init__(self, fail: Callable[[Frame], object], times: int = 1000) -> None:
        super().__init__()
        self._fail = fail
        self._times = times

    async def process(self, frame: Frame) -> Caption | None:
        caption = await super().process(frame)
        if frame.track == BAD and self._times > 0:
            self._times -= 1
            return self._fail(frame)  # type: ignore[return-value]
        return caption


def raising(error: Exception) -> Callable[[Frame], object]:
    def fail(_frame: Frame) -> object:
        raise error

    return fail


@pytest.mark.parametrize(
    ("fail", "error", "says"),
    [
        (raising(ValueError("no such layer")), "WorkerError", "ValueError: no such layer"),
        (raising(DecodeError("odd")), "DecodeError", "odd"),
        (lambda _frame: "a string", "WorkerError", "it returned str"),
        (lambda _frame: [Caption(text="x"), 3], "WorkerError", "it returned int"),
    ],
)
async def test_a_worker_that_breaks_its_contract_costs_one_dead_letter(
    bus: Bus, fail: Callable[[Frame], object], error: str, says: str
) -> None:
    worker, source = Failing(fail), Source(bus)
    async with replica(worker, bus), captions(bus) as found, dead_letters(bus) as dead:
        shown = await source.show(BAD)
        (letter,) = await dead.has(1)
        await source.show(GOOD)
        await found.has(1)
    assert (letter.error, letter.attempts, letter.frame.id) == (error, 1, shown.id)
    assert says in letter.reason
    assert [caption.frame.track for caption in found.messages] == [GOOD]


@pytest.mark.parametrize(
    "data",
    [
        PICTURE[: len(PICTURE) // 2],
        b"\x00random bytes",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" * 9,
    ],
    ids=["cut in half", "random", "svg", "gif"],
)
async def test_a_broken_picture_is_a_dead_letter_without_retry_and_the_next_frame_is_served(
    bus: Bus, data: bytes
) -> None:
    worker, source = Looker(), Source(bus)
    async with replica(worker, bus), captions(bus) as found, dead_letters(bus) as dead:
        await source.show(BAD, data)
        (letter,) = await dead.has(1)
        await source.show(BAD)
        await found.has(1)
    assert (letter.error, letter.attempts) == ("DecodeError", 1)
    assert [frame.sequence for frame in worker.seen] == [2]


async def test_a_picture_that_claims_too_many_pixels_is_refused_from_its_header(bus: Bus) -> None:
    data = bytearray(PICTURE)
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = (12_000).to_bytes(2, "big") * 2
    assert imaging.MAX_PIXELS < 12_000 * 12_000
    worker, source = Looker(), Source(bus)
    async with replica(worker, bus), dead_letters(bus) as dead:
        await source.show(BAD, bytes(data))
        (letter,) = await dead.has(1)
    assert letter.error == "DecodeError"
    assert "12,000" in letter.reason or "12000" in letter.reason
    assert worker.seen == []


async def test_a_failure_that_may_pass_is_tried_again_and_succeeds(bus: Bus) -> None:
    worker, source = Failing(raising(RetryableError("500")), times=2), Source(bus)
    async with replica(worker, bus), captions(bus) as found, dead_letters(bus) as dead:
        await source.show(BAD)
        await found.has(1)
    assert len(worker.seen) == 3
    assert dead.messages == []


async def test_a_failure_that_does_not_pass_is_given_up_after_three_attempts(bus: Bus) -> None:
    worker, source = Failing(raising(RetryableError("reset by peer"))), Source(bus)
    async with replica(worker, bus), captions(bus) as found, dead_letters(bus) as dead:
        await source.show(BAD)
        (letter,) = await dead.has(1)
        await source.show(GOOD)
        await found.has(1)
    assert (letter.error, letter.attempts, letter.reason) == ("RetryableError", 3, "reset by peer")
    assert len([frame for frame in worker.seen if frame.track == BAD]) == 3


async def test_a_worker_that_hangs_is_cut_off_at_its_deadline_and_its_slot_is_free_again(bus: Bus) -> None:
    cancelled = asyncio.Event()

    class Hanging(Looker):
        deadline = 0.2

        async def until_let(self, frame: Frame) -> None:
            if frame.track == BAD:
                try:
                    await asyncio.Event().wait()
                finally:
                    cancelled.set()

    worker, source = Hanging(), Source(bus)
    async with replica(worker, bus), captions(bus) as found, dead_letters(bus) as dead:
        await source.show(BAD)
        await cancelled.wait()
        await source.show(GOOD)
        await found.has(1)
        (letter,) = await dead.has(1)
    assert (letter.error, letter.attempts) == ("DeadlineError", 3)
    assert [caption.frame.track for caption in found.messages] == [GOOD]


async def test_a_rate_limit_holds_all_slots_for_as_long_as_told_and_costs_no_attempt(bus: Bus) -> None:
    left: list[float] = []

    class Limited(Looker):
        async def process(self, frame: Frame) -> Caption | None:
            left.append(runner._replica.pause.seconds)
            if len(left) == 1:
                raise RateLimitedError("429", retry_after=0.5)
            return await super().process(frame)

    worker, source = Limited(slots=3), Source(bus)
    async with replica(worker, bus) as runner, captions(bus) as found, dead_letters(bus) as dead:
        for number in range(8):
            await source.show(track(number))
        await found.has(8)
    # Calls already under way when the 429 came aside, nobody called during the pause.
    assert left[3:] == [0.0] * len(left[3:])
    assert dead.messages == []


async def test_a_refused_key_fails_readiness_until_a_call_succeeds(bus: Bus) -> None:
    worker, source = (
        Failing(raising(CredentialError("MOONDREAM_API_KEY was refused (401)")), times=1),
        Source(bus),
    )
    async with replica(worker, bus) as runner, captions(bus) as found, dead_letters(bus) as dead:
        await source.show(BAD)
        (letter,) = await dead.has(1)
        assert (letter.error, letter.attempts) == ("CredentialError", 1)
        assert runner.health.problems == {STAGE: "MOONDREAM_API_KEY was refused (401)"}
        await source.show(GOOD)
        await found.has(1)
    assert runner.health.problems == {}


async def test_a_ticket_that_is_none_is_a_dead_letter(bus: Bus) -> None:
    class Odd(Answer):
        @property
        def subject(self) -> str:
            return f"sightline.work.{STAGE}.routine.demo.p1.TR_1"

    worker, source = Looker(), Source(bus)
    async with replica(worker, bus), captions(bus) as found, dead_letters(bus) as dead:
        await bus.publish(Odd(text="not a ticket"))
        (letter,) = await dead.has(1)
        await source.show(GOOD)
        await found.has(1)
    assert letter.error == "DecodeError"
    assert "sightline.ticket.v1" in letter.reason


async def test_captions_lose_their_control_characters(bus: Bus) -> None:
    class Rude(VisionWorker):
        async def process(self, frame: Frame) -> Caption:
            return Caption(text="a\x1b[31mred\x00 cat\x07\nand a dog")

    source = Source(bus)
    async with replica(Rude(), bus), captions(bus) as found:
        await source.show(GOOD)
        (caption,) = await found.has(1)
    assert caption.text == "a [31mred  cat \nand a dog"


async def test_a_worker_may_return_several_results_or_none(bus: Bus) -> None:
    class Several(Looker):
        async def process(self, frame: Frame):  # type: ignore[no-untyped-def]
            await super().process(frame)
            if frame.track == BAD:
                return None
            image = EncodedImage(profile="tiny", width=1, height=1, data=b"x", content_type="image/png")
            return [image, Caption(text="one")]

    worker, source = Several(), Source(bus)
    async with replica(worker, bus), captions(bus) as found, dead_letters(bus) as dead:
        await source.show(BAD)
        await worker.has_seen(lambda seen: len(seen) == 1)
        shown = await source.show(GOOD)
        (caption,) = await found.has(1)
        image = await bus.newest(EncodedImage, f"sightline.images.demo.{GOOD.participant}.{GOOD.id}.tiny")
    assert caption.frame == shown.info
    assert image is not None
    assert image.message.frame == shown.info
    assert dead.messages == []


class Answering(Looker):
    async def ask(self, frame: Frame, question: str) -> str:
        if question == "fail":
            raise RetryableError("the model is away")
        return f"{question} {tuple(int(value) for value in frame.pixels.mean(axis=(0, 1)).round(-1))}"


async def test_a_question_is_answered_about_the_newest_frame(bus: Bus) -> None:
    source = Source(bus)
    async with replica(Answering(), bus), captions(bus) as found:
        await source.show(GOOD)
        shown = await source.show(GOOD, jpeg(plain(BLUE, 64, 48)), Trigger.USER_REQUEST)
        await found.has(1)
        answer = await bus.request(ask(STAGE), Question(track=GOOD, question="which colour?"), Answer)
    assert answer.frame == shown.info
    assert answer.text == f"which colour? {tuple(round(value, -1) for value in BLUE)}"


async def test_a_question_that_cannot_be_answered_says_why(bus: Bus) -> None:
    source = Source(bus)
    async with replica(Answering(), bus), captions(bus) as found:
        await source.show(GOOD)
        await found.has(1)
        failed = await bus.request(ask(STAGE), Question(track=GOOD, question="fail"), Answer)
        unknown = await bus.request(ask(STAGE), Question(track=BAD, question="?"), Answer)
    assert failed.error == "the model is away"
    assert "no frame of this track" in unknown.error
