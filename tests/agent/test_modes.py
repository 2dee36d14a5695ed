"""What a turn is shown: per agent and per request; how images are given, and how they decay."""

from __future__ import annotations

import asyncio

from livekit.agents import function_tool

from sightline.bus import Bus
from sightline.messages import EncodedImage
from sightline_agent import VisionAgent
from sightline_agent.settings import Mode
from sightline_agent.showing import showing
from support.agents import completions, now_shows, users_words
from support.frames import RED, jpeg, plain
from support.model_servers import OpenAIServer
from support.sessions import talking
from support.sights import BOB, caption, frame, image
from support.tool_calls import CallingServer


def picture(bus: Bus, sequence: int = 1, data: bytes = b"pixels") -> EncodedImage:
    return image(frame(sequence, bus.now()), data=data)


async def test_one_request_is_shown_images_by_an_agent_that_is_shown_captions(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus) as talk:
        await bus.publish(picture(bus))
        await talk.shows(bus, now_shows(bus, "a red mug"))
        await talk.says("One")
        with showing("images"):
            handle = talk.session.generate_reply(user_input="Two")
        await handle
        await talk.says("Three")
    one, two, three = completions(model)
    assert (one.images, two.images, three.images) == ([], [b"pixels"], [])
    assert '"a red mug"' not in users_words(two)[1]
    assert [record.mode for record in talk.records] == ["captions", "images", "captions"]


async def test_one_request_is_shown_nothing(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug"))
        with showing("off"):
            await talk.says("What is the capital of France?")
        await talk.says("What do I hold?")
    first, second = completions(model)
    assert users_words(first) == ["What is the capital of France?"]
    assert users_words(second)[0] == "What is the capital of France?"
    assert '"a red mug"' in users_words(second)[1]


async def test_requests_at_the_same_time_are_each_shown_their_own(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug"))
        with showing("off"):
            blind = talk.session.generate_reply(user_input="One")
        seeing = talk.session.generate_reply(user_input="Two")
        await asyncio.gather(blind, seeing)
    assert {record.question: record.mode for record in talk.records} == {"One": "off", "Two": "captions"}


async def test_a_reply_that_the_agent_begins_is_shown_what_it_is_to_be_shown(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus) as talk:
        await bus.publish(picture(bus))
        await talk.shows(bus, now_shows(bus, "a red mug"))
        with showing("images"):
            await talk.reply(instructions="Say what you see.")
        await talk.says("And now?")
    first, second = completions(model)
    assert (first.images, second.images) == ([b"pixels"], [])
    assert '"a red mug"' in users_words(second)[0]


class Careful(VisionAgent):
    """Looks closely where it is asked to."""

    def mode_of_turn(self, words: str) -> Mode:
        return "both" if "closely" in words else super().mode_of_turn(words)

    @function_tool
    async def look_up(self) -> str:
        """Look something up."""
        return "found"


async def test_an_agent_chooses_by_the_users_words(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus, Careful) as talk:
        await bus.publish(picture(bus))
        await talk.shows(bus, now_shows(bus, "a red mug"))
        await talk.says("What do I hold?")
        await talk.says("Look closely: what do I hold?")
    plain_turn, close = completions(model)
    assert (plain_turn.images, close.images) == ([], [b"pixels"])
    assert '"a red mug"' in users_words(close)[1]


async def test_what_a_request_is_shown_holds_after_its_tools(bus: Bus) -> None:
    async with CallingServer(look_up={}) as model, talking(model, bus, Careful) as talk:
        await bus.publish(picture(bus))
        await talk.shows(bus, now_shows(bus, "a red mug"))
        with showing("images"):
            await talk.says("What do I hold?")
    assert [request.images for request in completions(model)] == [[b"pixels"], [b"pixels"]]
    assert [record.mode for record in talk.records] == ["images", "images"]


async def test_where_an_image_shows_one_camera_a_caption_tells_of_the_other(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus, mode="images") as talk:
        await talk.shows(
            bus,
            picture(bus),
            now_shows(bus, "a red mug"),
            caption(frame(1, bus.now(), BOB), "a bicycle"),
        )
        record = await talk.says("What do you see?")
    [request] = completions(model)
    assert request.images == [b"pixels"]
    assert "a red mug" not in request.text
    assert "bob's camera, " in request.text
    assert '"a bicycle"' in request.text
    assert [(shown.kind, shown.participant) for shown in record.shown] == [
        ("caption", "bob"),
        ("image", "alice"),
    ]


async def test_how_closely_an_image_is_looked_at_is_a_setting(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus, mode="images", image_detail="low") as talk:
        await talk.shows(bus, picture(bus))
        record = await talk.says("What do I hold?")
    [part] = [part for part in completions(model)[0].messages[-1]["content"] if part["type"] == "image_url"]
    assert part["image_url"]["detail"] == "low"
    assert 85 <= record.view_tokens < 120


async def test_an_image_may_be_handed_over_as_pixels(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus, mode="images", image_form="pixels") as talk:
        await talk.shows(bus, picture(bus, data=jpeg(plain(RED, 64, 48))))
        record = await talk.says("What do I hold?")
    [request] = completions(model)
    assert request.pixels.shape == (48, 64, 3)
    assert request.pixels[24, 32, 0] > 200
    [url] = [part["image_url"]["url"] for part in record.messages[-1]["content"] if "image_url" in part]
    assert url.startswith("data:image/jpeg;base64,(")


async def test_what_is_no_picture_is_left_out_where_pixels_are_wanted(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus, mode="images", image_form="pixels") as talk:
        await talk.shows(bus, picture(bus, data=b"no picture"))
        record = await talk.says("What do I hold?")
    assert record.error == ""
    assert [(left.kind, left.reason) for left in record.left_out] == [("image", "not_showable")]


async def test_so_many_images_of_earlier_turns_are_still_shown_and_no_more(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus, mode="images", max_images_in_history=2) as talk:
        for number in range(1, 5):
            await talk.shows(
                bus, now_shows(bus, f"thing {number}", number), picture(bus, number, b"%d" % number)
            )
            await talk.says(f"Question {number}")
    requests = completions(model)
    assert [request.images for request in requests] == [
        [b"1"],
        [b"1", b"2"],
        [b"1", b"2", b"3"],
        [b"2", b"3", b"4"],
    ]
    # The one that decayed is told by its caption; those that are shown are as they were.
    assert '"thing 1"' in users_words(requests[3])[0]
    assert requests[3].messages[3] == requests[2].messages[3]
