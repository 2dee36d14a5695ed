"""What the bus asks of a room's tracks: "look now", and who speaks.

    control = Control(bus, "demo")
    await control.add("alice", sampler)       # when a track is sampled: alice is served from the first one on
    control.speak("alice", True)              # from LiveKit's active speakers; the bus's word is heard by itself
    await control.remove("alice", sampler)    # when the track is over; nobody answers for alice after the last one
    await control.close()

A participant speaks while either LiveKit or the bus says so. The bus's word is forgotten after
``hold`` seconds: the message that takes it back may be lost. A capture request asks all of the
participant's tracks at once and answers with each frame that was published. Where no track of a
participant is sampled nobody answers, and the asker knows at once.
"""

from __future__ import annotations

from sightline.bus import Bus
from sightline_ingest.sampler import TrackSampler


class Control:
    """The bus side of one room."""

    def __init__(self, bus: Bus, room: str, hold: float = 30.0) -> None:
        """No I/O.

        Args:
            bus: An open bus; it may be disconnected.
            room: The room's name.
            hold: Seconds that the bus's word on who speaks is good for.
        """

    async def add(self, participant: str, sampler: TrackSampler) -> None:
        """Serve one more track of a participant; it learns at once whether they speak.

        Raises:
            SightlineError: The bus does not take the subscription.
        """
        raise NotImplementedError

    async def remove(self, participant: str, sampler: TrackSampler) -> None:
        """The track is over. Unknown ones are no error."""
        raise NotImplementedError

    def speak(self, participant: str, speaking: bool) -> None:
        """LiveKit's word on who speaks. Also for participants who have no track yet."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop serving everybody. Never raises."""
        raise NotImplementedError
