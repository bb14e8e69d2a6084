"""Texts that branch, by numpy: what a token sees and where it lies is kept for each token, and logits are always those of
one forward over everything. An answer of our own to what strategies with groups give."""
import copy

import numpy as np

import strategies


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        low, high = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [high >> 32 ^ c[1] ^ k[0], high & 0xFFFFFFFF, low >> 32 ^ c[3] ^ k[1], low & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


class Text:
    """Tokens, where they lie, and what each of them sees."""

    def __init__(self, prompt, count, stops=(), seed=0, number=0):
        self.tokens, self.prompt, self.most, self.stops = [], len(prompt), len(prompt) + count, stops
        self.positions, self.seen, self.behind, self.chosen = [], [], 0, []
        self.seed, self.number, self.ended = seed, number, False
        for token in prompt:
            self.append(token)

    def append(self, token, seen=None, position=None, chosen=False):
        self.tokens.append(token)
        self.chosen.append(chosen)
        self.seen.append(list(range(len(self.tokens))) if seen is None else seen)
        self.positions.append(self.behind if position is None else position)
        self.behind = max(self.behind, self.positions[-1] + 1)

    def spent(self):
        return self.ended or len(self.tokens) >= self.most

    def all_logits(self, tensors):
        """After each token, by one forward over everything."""
        mask = np.zeros((len(self.tokens),) * 2, bool)
        for token, seen in enumerate(self.seen):
            mask[token, seen] = True
        return strategies.logits_of(tensors, self.tokens, self.positions, mask)

    def logits(self, tensors):
        return self.all_logits(tensors)[-1]

    def check_flat(self, tensors):
        """What was chosen, in branches and behind them, is what one forward over the joined text says there."""
        logits = self.all_logits(tensors)
        for token, seen in enumerate(self.seen):
            assert not self.chosen[token] or np.argmax(logits[seen[-2]]) == self.tokens[token], token

    def draw(self, tensors, temperature):
        logits = self.logits(tensors)
        if temperature == 0:
            return int(np.argmax(logits))
        weights = np.exp((logits - logits.max()) / temperature)
        # Each token arrives after an exponentially distributed time in proportion to 1 / weight.
        words = [word for block in range(-(-len(weights) // 4)) for word in self.numbers(block << 8)]
        times = -np.log1p(-(np.array(words[:len(weights)]) // 2 + 0.5) * 2.0**-31)
        return int(np.argmin(times / weights))

    def numbers(self, purpose):
        return philox([self.behind, purpose, self.number & 0xFFFFFFFF, self.number >> 32],
                      [self.seed & 0xFFFFFFFF, self.seed >> 32])

    def put(self, tokens):
        for token in tokens:
            if not self.spent():
                self.append(token)

    def go_on(self, steps, tensors, temperature):
        for _ in range(steps):
            if self.spent():
                return
            self.append(self.draw(tensors, temperature), chosen=True)
            self.ended = self.tokens[-1] in self.stops

    def branch(self, begins, length):
        members = []
        for number, begin in enumerate(begins):
            member = copy.deepcopy(self)
            member.most = min(self.most, len(self.tokens) + length)
            if number:
                words = self.numbers(4 | number << 8)
                member.number = words[2] | words[3] << 32
            member.put(begin)
            members.append(member)
        return members

    def join(self, members, place, then):
        joined, begin = copy.deepcopy(self), len(self.tokens)
        for member in members:
            at = len(joined.tokens)
            end = len(member.tokens) - member.ended
            for token in range(begin, end):
                if joined.spent():
                    continue
                if place == "behind":
                    joined.append(member.tokens[token])
                    continue
                # What it saw when it was made, wherever that lies now.
                seen = [other if other < begin else other - begin + at for other in member.seen[token]]
                joined.append(member.tokens[token], seen, member.positions[token], member.chosen[token])
        for token in then:
            if not joined.spent():
                joined.append(token)
        return joined


def fork_join(start, tensors, temperature, place, length=6, more=4):
    text = start
    while not text.spent():
        members = text.branch([[5], [6], [7]], length)
        for member in members:
            member.go_on(length, tensors, temperature)
        text = text.join(members, place, [8])
        text.go_on(more, tensors, temperature)
    if place == "beside" and temperature == 0:
        text.check_flat(tensors)
    return text.tokens[text.prompt:]


def nested(start, tensors, temperature, length, is_joined):
    text = start
    while not text.spent():
        members = text.branch([[5], [6]], length)
        for number, member in enumerate(members):
            inner = member.branch([[7], [8]], 3)
            for one in inner:
                one.go_on(3, tensors, temperature)
            members[number] = member.join(inner, "beside", [9])
            members[number].go_on(9, tensors, temperature)
        if is_joined:
            text = text.join(members, "beside", [10])
        else:  # of two votes the first one wins, unless both are the same
            members[0].most, text = text.most, members[0]
        text.go_on(3, tensors, temperature)
    return text.tokens[text.prompt:]
