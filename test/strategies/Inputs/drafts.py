"""What parts that draft say, by numpy: greedy texts, and the rounds that they take, of strategies
with a recurrent head, a layer that predicts one token further, prompt tokens and masks, the first layers, and taps."""
import numpy as np

import strategies


class Drafter:
    """Of the tensors of a model and of its parts, in float64."""

    def __init__(self, tensors):
        self.model = {name: np.asarray(value, np.float64) for name, value in tensors.items()}
        self.embedding = self.model["model.embed_tokens.weight"]
        self.clover, self.mtp = strategies.within(tensors, "clover."), strategies.within(tensors, "mtp.")

    def top(self, logits, count):
        return [int(token) for token in np.argsort(-logits, kind="stable")[:count]]

    def hidden(self, text):
        return strategies.hidden_of(self.model, self.embedding[text])

    def after_clover(self, text, widths):
        """Candidates of each depth after `text`, of which the last token is pending."""
        w, state, token, found = self.clover, self.hidden(text[:-1])[-1], text[-1], []
        for width in widths:
            change = w["hidden"] @ state + w["token"] @ self.embedding[token] + w["token.bias"]
            state = state + change / (1 + np.exp(-change))
            found.append(self.top(w["lm_head"] @ state, width))
            token = found[-1][0]
        return found

    def after_exit(self, text, layers, count):
        """A chain by the first layers, the final norm and the head."""
        text = list(text)
        for _ in range(count):
            state = strategies.hidden_of(self.model, self.embedding[text], layers)[-1]
            text += self.top(self.model["lm_head.weight"] @ state, 1)
        return [[token] for token in text[len(text) - count:]]

    def after_skip(self, text, skip, count):
        """A chain by the model without some layers or sublayers, from the last token on."""
        text, first = list(text), len(text) - 1
        for _ in range(count):
            state = strategies.skipping_of(self.model, self.embedding[text], first, skip)[-1]
            text += self.top(self.model["lm_head.weight"] @ state, 1)
        return [[token] for token in text[len(text) - count:]]

    def after_taps(self, text, width):
        """By a recurrent head from the first layer on, by the head behind the third, and by the former's head of the
        final hidden states."""
        w, x = self.clover, self.embedding[text[:-1]]
        state = strategies.residual_of(self.model, x, 1)[-1]
        change = w["hidden"] @ state + w["token"] @ self.embedding[text[-1]] + w["token.bias"]
        logits = [w["lm_head"] @ (state + change / (1 + np.exp(-change))),
                  self.model["lm_head.weight"] @ strategies.hidden_of(self.model, x, 3)[-1],
                  w["lm_head"] @ strategies.hidden_of(self.model, x)[-1]]
        return [self.top(row, width) for row in logits]

    def after_mtp(self, text, widths):
        w, states, tokens, found = self.mtp, self.hidden(text[:-1]), list(text[1:]), []
        for width in widths:
            both = np.concatenate([strategies.norm(self.embedding[tokens], w["enorm"]),
                                   strategies.norm(states, w["hnorm"])], -1)
            state = strategies.layer_of(w, both @ w["eh_proj"].T)[-1]
            logits = self.model["lm_head.weight"] @ strategies.norm(state, w["shared_head.norm"])
            found.append(self.top(logits, width))
            tokens.append(found[-1][0])
            states = np.concatenate([states, state[None]])
        return found

    def after_prompts(self, text, widths, count, mask=None, together=1):
        """Of `count` prompts behind the last token that is not pending, of which so many see each other."""
        prompts = self.model["prompt_tokens.weight"][:count] if mask is None else self.embedding[[mask] * count]
        before, size = len(text) - 1, len(text) - 1 + count
        seen = np.tril(np.ones((size, size), bool))
        for first in range(before, size, together):
            seen[first:first + together, first:first + together] = True
        states = strategies.hidden_of(self.model, np.concatenate([self.embedding[text[:-1]], prompts]), mask=seen)
        logits = states[len(text) - 1:] @ self.model["lm_head.weight"].T
        return [self.top(row, width) for row, width in zip(logits, widths)] + [[]] * (len(widths) - count)


def decode(tensors, prompt, count, widths, tree_of, draft, first=None):
    """The greedy text, and its rounds. `tree_of(candidates)` gives the parents of the block's nodes,
    `draft(text, node, tree)` the candidates after a round whose last accepted node that is. `first`: those that
    there are before."""
    text, found, rounds = list(prompt), first or [[] for _ in widths], 0
    while len(text) < len(prompt) + count:
        tree = tree_of(found)
        children = {}
        for node, parent in enumerate(tree[1:], 1):
            children.setdefault(parent, []).append(node)
        node, depth = 0, 0
        while True:
            token = int(np.argmax(strategies.logits_of(tensors, text)[-1]))
            text.append(token)
            drafted = found[depth] if depth < len(found) else []
            place = drafted.index(token) if token in drafted else len(drafted)
            if place >= min(len(children.get(node, [])), len(drafted)):
                break
            node, depth = children[node][place], depth + 1
        rounds += 1
        found = draft(text, node, tree)
    return text[len(prompt):len(prompt) + count], rounds


def expected(tensors, name, prompt, count, values):
    """Tokens and rounds of the strategy `name` with these parameters."""
    drafter = Drafter(tensors)
    if name in ("mtp", "clover"):
        widths = [values["width"]] * 3
        after = {"mtp": drafter.after_mtp, "clover": drafter.after_clover}[name]
        return decode(tensors, prompt, count, widths, lambda found: values["tree"], lambda text, node, tree: after(text, widths))
    if name in ("early_exit", "swift"):
        def chain(text):
            if name == "swift":
                return drafter.after_skip(text, values["skip"], values["k"])
            return drafter.after_exit(text, values["exit"] + 1, values["k"])

        return decode(tensors, prompt, count, [], lambda found: list(range(-1, values["k"])),
                      lambda text, node, tree: chain(text), chain(prompt))
    if name == "taps":
        return decode(tensors, prompt, count, [0] * 3, lambda found: values["tree"],
                      lambda text, node, tree: drafter.after_taps(text, values["width"]))
    if name == "ppd":
        widths, mask, together = [values["first"], values["second"]], None, 1
        trees = [(values[f"tree{i}"], values[f"prompts{i}"]) for i in range(3)]
    else:
        widths, mask, together = [values["width"]] * 3, values["mask"], values["together"]
        trees = [([-1], values["start"]), (values["tree"], values["prompts"])]

    def number(found):
        known = next((i for i, tokens in enumerate(found) if not tokens), len(found))
        return min(known, len(trees) - 1)

    used = []

    def tree_of(found):
        used.append(number(found))
        return trees[used[-1]][0]

    return decode(tensors, prompt, count, widths, tree_of,
                  lambda text, node, tree: drafter.after_prompts(text, widths, trees[used[-1]][1][node], mask, together))
