"""The village page: figures with small counts withheld, and playback of what happened. Pure rules."""
