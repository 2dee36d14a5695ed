"""What all sources of frames share: when a picture is a frame, what it shows, how it is published."""
