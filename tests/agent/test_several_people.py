"""A room with three people, one of whom shows a camera and a screen: each caption is somebody's."""

from __future__ import annotations

import re

from sightline.bus import Bus
from sightline.messages import Source, Track
from support.agents import completions, users_words
from support.model_servers import OpenAIServer
from support.recorded import Recorded
from support.sessions import Talk, talking
from support.sights import ALICE, ALICES_SCREEN, BOB, caption, ended, frame, image

CAROL = Track(room="demo", participant="carol", id="TR_c", source=Source.CAMERA)

SHOWN = {
    ALICE: "A woman holds a red mug.",
    ALICES_SCREEN: "A slide titled Roadmap.",
    BOB: "A man rides a bicycle.",
    CAROL: "An empty chair.",
}


def answer(request: Recorded) -> str:
    """A model that reads: it looks up whose camera or screen the question is about."""
    view, _, question = users_words(request)[-1].rpartition("</camera-view>")
    whose = re.search(r"(\w+)'s (camera|screen)", question)
    assert whose is not None
    line = re.search(rf'{whose[1]}\'s {whose[2]}, [^:]+: "(.*)"', view)
    return line[1] if line else "I do not see that."


async def everybody_shows(talk: Talk, bus: Bus) -> None:
    for sequence, (track, text) in enumerate(SHOWN.items(), 1):
        await talk.shows(bus, caption(frame(sequence, bus.now(), track), text))


async def test_each_question_is_answered_from_the_right_track(bus: Bus, model: OpenAIServer) -> None:
    model.answer = answer
    async with talking(model, bus) as talk:
        await everybody_shows(talk, bus)
        answers = {
            track: (await talk.says(f"What is on {track.participant}'s {track.source.value}?")).reply
            for track in SHOWN
        }
    assert answers == SHOWN


async def test_who_has_left_is_not_in_view(bus: Bus, model: OpenAIServer) -> None:
    model.answer = answer
    async with talking(model, bus) as talk:
        await everybody_shows(talk, bus)
        await bus.publish(ended(99, ALICES_SCREEN))
        eyes = talk.agent.eyes
        assert eyes is not None
        assert await eyes.until(lambda: len(eyes.context.in_view) == 3, 10)
        screen = await talk.says("What is on alice's screen?")
        camera = await talk.says("What is on alice's camera?")
    assert screen.reply == "I do not see that."
    assert camera.reply == SHOWN[ALICE]


async def test_images_of_several_tracks_are_numbered_and_each_is_somebodys(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus, mode="images", max_images=4) as talk:
        for sequence, track in enumerate(SHOWN, 1):
            await talk.shows(bus, image(frame(sequence, bus.now(), track), data=track.id.encode()))
        await talk.says("Who holds a mug?")
    [request] = completions(model)
    labels = re.findall(r"\[image (\d): (.*), [0-9.]+ s ago]", request.text)
    whose = {name: request.images[int(number) - 1] for number, name in labels}
    assert whose == {
        "alice's camera": b"TR_a",
        "alice's screen": b"TR_s",
        "bob's camera": b"TR_b",
        "carol's camera": b"TR_c",
    }
