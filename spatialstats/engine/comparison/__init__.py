"""Two models or two attacks on the same images: pairing, map of differences, table of effects, words."""
