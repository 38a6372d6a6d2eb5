# SPDX-License-Identifier: MIT
"""Synthetic root images: what a system's files look like to a compressor, always the same bytes."""
import itertools
import random

BLOCK = 4096
# In a hundred blocks: text and programs, what is compressed already, and holes.
TEXT, NOISE = 65, 23


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.phrases = [self.random.randbytes(self.random.randint(4, 40)) for _ in range(4096)]
        # As with words, few of them are most of what is said.
        self.weights = list(itertools.accumulate(1 / rank for rank in range(1, 4097)))

    def text(self, size):
        """Phrases of a fixed stock with a few bytes of their own between them."""
        words = self.random.choices(self.phrases, cum_weights=self.weights, k=size // 24)
        own = self.random.randbytes(6 * len(words))
        joined = b"".join(word + own[6 * i:6 * i + 6] for i, word in enumerate(words))
        return (joined + bytes(size))[:size]

    def extent(self, blocks):
        """One file's worth of blocks, all of one kind."""
        kind = self.random.randrange(100)
        if kind < TEXT:
            return self.text(blocks * BLOCK)
        return self.random.randbytes(blocks * BLOCK) if kind < TEXT + NOISE else bytes(blocks * BLOCK)


def write(path, size):
    maker, done = Maker(1), 0
    with open(path, "wb") as out:
        while done < size:
            data = maker.extent(maker.random.randint(1, 64))[:size - done]
            out.write(data)
            done += len(data)


def change(source, target, share):
    """A copy in which that share of the blocks, scattered, has other content of the same kinds."""
    maker = Maker(2)
    with open(source, "rb") as old, open(target, "wb") as new:
        while chunk := old.read(256 * BLOCK):
            data = bytearray(chunk)
            for at in range(0, len(data), BLOCK):
                if maker.random.random() < share:
                    data[at:at + BLOCK] = maker.text(BLOCK)
            new.write(data)
