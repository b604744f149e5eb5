"""What training adds to the usual: it must not change what the model computes, nor mistake where things lie."""

import random
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

try:
    import numpy as np
    import torch
    from gguf import GGUFWriter
    from torch.nn import functional

    from emuchat_nano.batches import IGNORED, PICTURE_ROWS, SequenceMaker, collate
    from emuchat_nano.language import Projection
    from emuchat_nano.mentions import Mentions, brought_to_mind, mentioned
    from emuchat_nano.naming import name_memory
    from emuchat_nano.nano import Nano, WhitenedProjection
    from emuchat_nano.places import COLOUR, NAME, NUMBER, Words, covered
    from emuchat_nano.spread import Spread, normed
except ModuleNotFoundError as missing:
    raise unittest.SkipTest(f"needs requirements.txt: {missing}") from missing

WIDTH, HIDDEN, VOCABULARY = 576, 32, 40
STAR = {"words": ["red", "star"], "x": 40.0, "y": 100.0, "radius": 20.0}
RING = {"words": ["blue", "ring"], "x": 180.0, "y": 130.0, "radius": 20.0}


def tiny_decoder(file: Path) -> None:
    """A LLaMA of two layers with random weights, as wide as the projection's embeddings."""
    chance = np.random.default_rng(1)
    writer = GGUFWriter(file, "llama")
    writer.add_block_count(2)
    writer.add_head_count(9)
    writer.add_head_count_kv(3)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000)
    shapes = {"attn_q": (576, 576), "attn_k": (192, 576), "attn_v": (192, 576), "attn_output": (576, 576)}
    shapes |= {"ffn_gate": (HIDDEN, 576), "ffn_up": (HIDDEN, 576), "ffn_down": (576, HIDDEN)}
    tensors = {"token_embd": chance.normal(size=(VOCABULARY, WIDTH)), "output_norm": np.ones(WIDTH)}
    for layer in range(2):
        tensors |= {f"blk.{layer}.{name}": chance.normal(size=shape) / shape[1] ** 0.5 for name, shape in shapes.items()}
        tensors |= {f"blk.{layer}.{name}": np.ones(WIDTH) for name in ("attn_norm", "ffn_norm")}
    for name, values in tensors.items():
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Letters:
    """Stands for the tokenizer: a token for each letter."""

    before = (1, 2, 3)

    def encode(self, text: str) -> list[int]:
        return [ord(letter) % (VOCABULARY - 1) for letter in text]

    def question(self, text: str, separator: str = "") -> list[int]:
        return [*self.encode(separator + text), VOCABULARY - 1]

    def follow_up(self, text: str) -> list[int]:
        return [0, *self.question(text)]

    def answer(self, text: str) -> list[int]:
        return [*self.encode(text), 0]


class Branches(unittest.TestCase):
    """The loss of several conversations that share a picture and the prompt."""

    def setUp(self):
        torch.manual_seed(1)
        with tempfile.TemporaryDirectory() as folder:
            tiny_decoder(Path(folder) / "tiny.gguf")
            self.nano = Nano(Path(folder) / "tiny.gguf", 4, 4, torch.float32)
        for name, parameter in self.nano.named_parameters():
            if "lora_b" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        self.picture = torch.randn(1, PICTURE_ROWS, WIDTH)
        self.conversations = [[("what", "this"), ("why", "so")], [("how many", "two")], [("is it", "yes")]]

    def batch(self, conversations):
        return collate([SequenceMaker(Letters(), self.Plain()).make(0, conversations)])

    def losses(self, conversations):
        with torch.no_grad():
            return self.nano.loss(self.batch(conversations), self.picture, len(Letters.before))

    class Plain(random.Random):
        """Draws what leaves a sequence plain."""

        def random(self):
            return 0.9

        def choice(self, options):
            return options[0]

    def test_prompt_computed_once_leaves_the_loss(self):
        batch = self.batch(self.conversations)
        with torch.no_grad():
            hidden = self.nano.decoder(self.nano.embed(batch.ids, self.picture, batch.starts), batch.positions, batch.mask)
            wanted = batch.targets != IGNORED
            whole = functional.cross_entropy(self.nano.decoder.logits(hidden[wanted]), batch.targets[wanted], reduction="none")
        once = self.losses(self.conversations)
        self.assertGreater(len(whole), 10)
        torch.testing.assert_close(whole, once, rtol=1e-4, atol=1e-5)

    def test_conversations_do_not_see_one_another(self):
        together = self.losses(self.conversations)
        alone = torch.cat([self.losses([one]) for one in self.conversations])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)

    def test_first_blocks_alone_leave_their_output(self):
        batch, shared = self.batch(self.conversations), len(Letters.before)
        with torch.no_grad():
            whole, part = {0: torch.empty(0)}, {0: torch.empty(0)}
            self.nano.states(batch, self.picture, shared, whole)
            self.nano.states(batch, self.picture, shared, part, blocks=1)
        self.assertEqual(whole[0].shape, (1, batch.ids.shape[1] - shared, WIDTH))
        torch.testing.assert_close(whole[0], part[0])


class MentionsOfThings(unittest.TestCase):
    """Where words for things stand, and what they should bring to mind."""

    def made(self, *things):
        line = {"layout": {"things": list(things)}}
        nouns = [word for word, _ in mentioned(line)]
        conversations = [[("where is the ring?", "the ring is right")], [("the star", "yes")]]
        return line, collate([SequenceMaker(Letters(), Branches.Plain()).make(0, conversations, nouns)])

    def test_mentions_end_the_words(self):
        _, batch = self.made(STAR, RING)
        ends = [(batch.ids[row, column].item(), place) for row, column, place in batch.mentions]
        self.assertEqual(sorted(ends), sorted([(Letters().encode("r")[0], 0), *[(Letters().encode("g")[0], 1)] * 2]))
        self.assertTrue(all(column > batch.starts[0] + PICTURE_ROWS for _, column, _ in batch.mentions))

    def test_what_is_brought_to_mind_is_that_of_the_layout(self):
        below = RING | {"x": 50.0, "y": 200.0}
        self.assertEqual(brought_to_mind(STAR, [STAR, RING]), {"colour": "red", "side": "left"})
        self.assertEqual(brought_to_mind(RING, [STAR, RING]), {"colour": "blue", "side": "right"})
        self.assertEqual([brought_to_mind(thing, [STAR, below])["side"] for thing in (STAR, below)], ["above", "below"])
        self.assertEqual(brought_to_mind(STAR, [STAR] * 3), {"colour": "red", "number": "three"})
        self.assertEqual(brought_to_mind({"words": ["owl"]}, [{"words": ["owl"]}]), {"number": "one"})
        self.assertEqual([word for word, _ in mentioned({"layout": {"things": [STAR, STAR]}})], ["star", "stars"])

    def test_a_state_that_says_the_colour_and_the_side_costs_least(self):
        line, batch = self.made(STAR, RING)
        chance = torch.Generator().manual_seed(8)

        class Decoder:
            norm, epsilon, embedding = torch.ones(WIDTH), 1e-5, torch.randn(VOCABULARY, WIDTH, generator=chance)

        words = {" red": 1, " blue": 2, " left": 3, " right": 4}

        class Words:
            """A token for each word that is asked for; others share some."""

            def encode(self, text):
                return [words.get(text, 5 + len(text))]

        mentions = Mentions(Decoder, Words())
        hidden = torch.zeros(1, batch.ids.shape[1], WIDTH)
        for row, column, place in batch.mentions:
            for word in ((" red", " left"), (" blue", " right"))[place]:
                hidden[row, column] += Decoder.embedding[words[word]]
        told = mentions.losses(hidden, batch, [line], 0)
        swapped = mentions.losses(hidden, batch, [{"layout": {"things": [STAR | {"words": ["blue", "star"]}, RING]}}], 0)
        self.assertEqual({group: len(found) for group, found in told.items()}, {"colour": 3, "side": 3})
        self.assertLess(max(found.max() for found in told.values()), 0.1)
        self.assertGreater(swapped["colour"].max(), 1)


class Projections(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(2)
        self.projection = Projection()
        for parameter in self.projection.norm.parameters():
            torch.nn.init.normal_(parameter, mean=0.5)
        self.features = 3 * torch.randn(4, PICTURE_ROWS, 768) + 1
        self.wanted = self.projection(self.features).detach()

    def test_folded_norm_leaves_the_outputs(self):
        self.projection.fold_norm()
        self.assertTrue((self.projection.norm.weight == 1).all() and (self.projection.norm.bias == 0).all())
        torch.testing.assert_close(self.projection(self.features), self.wanted, rtol=1e-3, atol=1e-4)

    def test_basis_leaves_the_outputs(self):
        root = torch.randn(768, 768) / 768**0.5
        basis, middle = root @ root.T + 0.5 * torch.eye(768), torch.randn(768)
        whitened = WhitenedProjection(self.projection, basis, middle)
        torch.testing.assert_close(whitened(normed(self.features.numpy())).detach(), self.wanted, rtol=1e-3, atol=1e-3)
        whitened.fold_into(self.projection)
        torch.testing.assert_close(self.projection(self.features).detach(), self.wanted, rtol=1e-3, atol=1e-3)


class Places(unittest.TestCase):
    def test_patches_under_a_thing(self):
        found = covered({"x": 48.0, "y": 112.0, "radius": 20.0}).reshape(7, 7)
        self.assertEqual(found[3, 1], 1)  # 32 pixels a patch: the middle of the second column and the fourth row
        self.assertEqual(found[:, 3:].sum() + found[0].sum(), 0)
        self.assertAlmostEqual(found.sum() * 32**2, np.pi * 20**2, delta=60)

    def test_words_told(self):
        class Each:
            """A token for each word, in the order in which they come."""

            def __init__(self):
                self.seen = []

            def encode(self, text):
                if text not in self.seen:
                    self.seen.append(text)
                return [self.seen.index(text)]

        words = Words(torch.eye(60), Each(), ("owl", "fox"))
        patches = words.of_patches([STAR, {"words": ["owl"], "x": 180.0, "y": 130.0, "radius": 20.0}]).reshape(7, 7, -1)
        for word, length, row, column in (("star", NAME, 3, 1), ("red", COLOUR, 3, 1), ("owl", NAME, 4, 5)):
            told = patches @ words.known[word]
            self.assertEqual(np.unravel_index(told.argmax(), told.shape), (row, column))
            self.assertGreater(told[row, column], 0.5 * length)
        self.assertTrue((patches[:, 0] @ words.known["left"] > patches[:, 6] @ words.known["left"] + 1).all())
        self.assertTrue((patches[6] @ words.known["below"] > patches[0] @ words.known["below"] + 1).all())
        np.testing.assert_allclose(words.of_class([STAR] * 3)[0], NUMBER * words.known["three"])
        self.assertFalse(words.of_class([STAR, RING]).any() or words.of_class([]).any())


class Spreads(unittest.TestCase):
    """Six nouns of four pictures and a few composed ones; every picture is its noun's direction and something of its own."""

    def setUp(self):
        chance = np.random.default_rng(4)
        self.lines = [{"picture": f"{noun}-{one}", "source": {"noun": noun, "sha256": f"{noun}{one}"}} for noun in "abcdef" for one in range(4)]
        self.lines += [{"picture": f"composed-{one}", "source": None} for one in range(30)]
        of_noun = {noun: chance.normal(size=(1, 768)) for noun in "abcdef"}
        self.features = np.stack(
            [chance.normal(size=(PICTURE_ROWS, 768)) + (of_noun[line["source"]["noun"]] if line["source"] else 0) for line in self.lines]
        ).astype(np.float16)
        self.rows = {line["picture"]: row for row, line in enumerate(self.lines)}
        self.spread = Spread(self.lines, self.rows, self.features)

    def test_differences_of_a_noun_cancel(self):
        differences = torch.stack([self.spread.difference(row) for row in range(4)])
        self.assertLess(differences.sum(0).abs().max(), 1e-3)
        self.assertGreater(differences.abs().mean(), 0.3)

    def test_varied_pictures_keep_their_noun(self):
        chance = random.Random(6)
        varied = torch.stack([self.spread.picture(0, chance) for _ in range(300)])
        own, others = (functional.cosine_similarity(varied.mean(0), self.spread.means[noun], dim=-1).mean() for noun in "ab")
        self.assertGreater(own, others + 0.3)
        self.assertGreater((varied.std(0) > 0.05).float().mean(), 0.99)
        itself, alike = (functional.cosine_similarity(varied.mean(0), normed(self.features[row]), dim=-1).mean() for row in (0, 1))
        self.assertGreater(itself, alike + 0.2)

    def test_composed_pictures_stay_as_they_are(self):
        row = self.rows["composed-3"]
        torch.testing.assert_close(self.spread.picture(row, random.Random(7)), normed(self.features[row]))

    def test_basis_is_symmetric_and_can_be_undone(self):
        basis = self.spread.basis.double()
        torch.testing.assert_close(basis, basis.T, rtol=1e-4, atol=1e-5)
        self.assertLess(torch.linalg.cond(basis), 100)

    def memory(self):
        torch.manual_seed(5)
        embedding = torch.randn(VOCABULARY, WIDTH)
        examples = SimpleNamespace(examples=self.lines, rows=self.rows)
        return name_memory(examples, self.spread, embedding, Letters()), embedding

    def test_class_tokens_are_called_by_their_names(self):
        memory, embedding = self.memory()
        names = torch.stack([embedding[Letters().encode(f" {noun}")].mean(0) for noun in "abcdef"])
        values = memory(normed(self.features[:24, 0]))
        likest = functional.cosine_similarity(values[:, None], names - names.mean(0), dim=-1)
        self.assertEqual(likest.argmax(1).tolist(), [place // 4 for place in range(24)])
        self.assertGreater(likest.amax(1).min(), 0.8)
        composed = memory(normed(self.features[24:, 0]))
        self.assertLess(composed.norm(dim=1).mean(), 0.5 * values.norm(dim=1).mean())

    def test_sorts_of_nothing_are_told_apart(self):
        # Each sort is nearer to a thing than to what the sorts have in common.
        chance = np.random.default_rng(9)
        for sort, thing in (("blank", 0), ("noise", 4)):
            rows = self.features[thing : thing + 4, 0].mean(0) + 0.7 * chance.normal(size=768) + 0.3 * chance.normal(size=(8, PICTURE_ROWS, 768))
            self.lines += [{"picture": f"nothing-{sort}-{one}", "source": None, "asked": [{"right": [sort]}]} for one in range(8)]
            self.features = np.concatenate((self.features, rows.astype(np.float16)))
        self.rows = {line["picture"]: row for row, line in enumerate(self.lines)}
        self.spread = Spread(self.lines, self.rows, self.features)
        memory, _ = self.memory()
        self.assertLess(memory(normed(self.features[-16:, 0])).norm(dim=1).max(), 0.1)

    def test_only_the_class_token_has_a_name_and_a_basis_leaves_it(self):
        projection = Projection()
        for parameter in projection.norm.parameters():
            torch.nn.init.normal_(parameter, mean=0.5)
        features = torch.from_numpy(self.features[:2]).float()
        plain = projection(features)
        projection.memory, _ = self.memory()
        wanted = projection(features).detach()
        named = projection.memory(projection.norm(features[:, 0]))
        torch.testing.assert_close(wanted[:, 0], plain[:, 0] + named)
        torch.testing.assert_close(wanted[:, 1:], plain[:, 1:])
        whitened = WhitenedProjection(projection, self.spread.basis, self.spread.middle)
        torch.testing.assert_close(whitened(normed(self.features[:2])).detach(), wanted, rtol=1e-3, atol=1e-3)
        whitened.fold_into(projection)
        torch.testing.assert_close(projection(features).detach(), wanted, rtol=1e-3, atol=1e-3)


if __name__ == "__main__":
    unittest.main()
