"""The texts that tokenizers are compared on: hand-written hard ones, then seeded random ones; 2,000 in all."""

import random

HARD = [
    "", " ", "  ", "   ", "\n", "\n\n", "\n\n\n", "\t", "\t\t", "\r", "\r\n", "\r\n\r\n", " \n", "\n ", "\n  \n", " \t \n \r\n x",
    "a", " a", "a ", "  a", "a  ", "  a  ", "a b", "a  b", "a   b", "a\nb", "a\n b", "a \nb", "a\n\nb", "a \n \n b",
    "Hello, world!", "Hello,world!", "The quick brown fox jumps over the lazy dog.", "What is funny about this image?",
    "1", "12", "123", "1234", "12345678", "3.14159", "1,000,000", "a1b2c3", "x=10;y=-20", "2024-02-29T23:59:60Z", " 1", "  12", "   123",
    "0x1F 0b1010 1e-9 \u00bd \u2167 \u0663\u0664\u0665 \u0be7\u0be8 \u4e09\u5341 \u00b2\u00b3 \u2460\u2461 \U0001d7d9\U0001d7da",
    "I'm you're he's we'll they've I'd can't", "I'M YOU'RE HE'S WE'LL THEY'VE I'D CAN'T", "'s't're've'm'll'd", "' s 't", "''s", "rock'n'roll",
    "it\u2019s \u201cquoted\u201d \u2018text\u2019", "'\u017ftuff '\u017f 's", "'sabc 'rEd 'Vex 'LLama 'l 'r 'v", "don''t", "x's y'S",
    "<|im_start|>user\nHi<|im_end|>\n", "<|endoftext|>", "<s>[INST] <<SYS>>\nBe nice.\n<</SYS>>\n\nHi [/INST] Hello </s>", "<unk>", "<0x0A>", "<|im_start|", "|im_end|>",
    "def f(x):\n    return x ** 2  # square\n\n\nclass A:\n\tpass\n", "if (a&&b||!c) { x->y = z[i++] << 3; } // ok", "#include <stdio.h>\r\nint main(void)\r\n{\r\n\treturn 0;\r\n}\r\n",
    "SELECT * FROM t WHERE a >= 'b''c';", "https://example.com/a/b?c=d&e=%20f#g", "user.name+tag@example.co.uk", "C:\\Windows\\System32\\", "$HOME/.config/*.toml", "{\"a\": [1, 2.5, null], \"b\": \"\\u00e9\\n\"}",
    "Stra\u00dfe, \u00c4pfel, na\u00efve caf\u00e9, \u0141\u00f3d\u017a, \u010desk\u00fd, \u0130stanbul", "e\u0301 a\u0308 n\u0303 o\u0302\u0323", "\u00e9 vs e\u0301",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u041a\u0430\u043a \u0434\u0435\u043b\u0430?", "\u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5 \u039a\u03cc\u03c3\u03bc\u03b5", "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645\u060c \u0643\u064a\u0641\u061f", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u0bb5\u0ba3\u0b95\u0bcd\u0b95\u0bae\u0bcd", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", "\u4f60\u597d\uff0c\u4e16\u754c\uff01", "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c\u3002\u30ab\u30bf\u30ab\u30ca \uff8a\uff9d\uff76\uff78", "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4 \u1112\u1161\u11ab", "\u10d2\u10d0\u10db\u10d0\u10e0\u10ef\u10dd\u10d1\u10d0", "\u0561\u0562\u0563", "\u12a0\u121b\u122d\u129b", "\u1019\u103c\u1014\u103a\u1019\u102c", "\u13a0\u13b3\u13a9", "\U00010400\U00010428 \U00012000 \U00013000",
    "\U0001f600", "\U0001f600\U0001f601\U0001f602", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "\u2764\ufe0f\u200d\U0001f525", "1\ufe0f\u20e3", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "a\U0001f600b", " \U0001f600 ",
    "\u00a0", "a\u00a0b", "a \u00a0 b", "\u2003x\u2009y\u3000z", "\u2028\u2029", "\u0085x", "x\u0085", "\u200b\u200c\u200d\u2060\ufeff", "\u00adsoft\u00adhyphen", "\u180e", "\u1680x", "\u202eabc\u202c",
    "\x00", "a\x00b", "\x01\x02\x03\x04\x05\x06", "\x07\x08\x0b\x0c\x1b[31mred\x1b[0m", "\x13\x14\x16\x1c\x1d\x1e\x1f", "a\x0bb\x0cc", "\x7f", "\x80\x9f", "a\x04b", "l\x04ow",
    "\ufffd", "\uffff", "\ue000", "\U0010ffff", "\ud7ff", "\U0001ffff\U00020000\U0002a6d6", "\U000e0001", "\u0378", "\U00050000", "\U00090000x",
    "\u0e33\u0eb3", "\u0300", " \u0300", "a\u0300\u0301\u0302\u0303", "Z\u0351\u036b\u0343\u036aA\u0334\u0335L\u0341\u0321G\u0322O",
    "_", "__init__", "snake_case_name", "camelCaseName", "UPPER", "MiXeD", "a-b", "a--b", "---", "***", "===", "....", "\u2026", "!!!???", "$$$", "@#%^&*()", "\u20ac100 \u00a33 \u00a55", "50%", "#hashtag @mention", "\u2260\u2264\u221e\u2211\u222b", "\u2192\u21d2", "\u2581", "\u2581a\u2581b", " \u2581 ", "a\u2581", "\u0120a", "\u010a",
    "x" * 100, "ab" * 200, " " * 100, "\n" * 100, " \n" * 50, "a " * 100, "1" * 100, "!" * 100, "\U0001f600" * 50, "\u4f60" * 100, "a" * 2000, "The " * 200,
    "!\n", "!\n\n", " !\n", "a!\r\n\r\nb", ".\n\n\n  x", "?! \n", "\n!", " \n\n  \n  x", "x  \n  y", "x \t\n\t y", "\t\tif x:\n\t\t\ty\n", "   leading", "trailing   ", "\u3000\n\u3000x", "\r\r\n\n\r", "a\rb", "9\n9", "9 \n 9", "  9", "\n9", "9!", "!9", "!a", " !a", "!!a", " !!a", "\ta", "\t a", " \ta", "\u00a0a", " \u00a0a", ".a.b.c", "(a)(b)", "\"a\"", "a\"b", "\u00bfQu\u00e9?", "\u00a1Hola!",
]

SCRIPTS = [
    (0x20, 0x7E, 30), (0xA0, 0xFF, 6), (0x100, 0x24F, 6), (0x300, 0x36F, 2), (0x370, 0x3FF, 4), (0x400, 0x4FF, 6), (0x530, 0x58F, 1), (0x590, 0x5FF, 3),
    (0x600, 0x6FF, 4), (0x900, 0x97F, 4), (0xB80, 0xBFF, 2), (0xE00, 0xE7F, 2), (0x10A0, 0x10FF, 1), (0x1100, 0x11FF, 1), (0x1E00, 0x1EFF, 2), (0x2000, 0x206F, 4),
    (0x2070, 0x209F, 1), (0x20A0, 0x20CF, 1), (0x2100, 0x218F, 2), (0x2190, 0x22FF, 2), (0x2460, 0x24FF, 1), (0x2500, 0x27BF, 2), (0x3000, 0x30FF, 5), (0x4E00, 0x9FFF, 8),
    (0xAC00, 0xD7A3, 4), (0xE000, 0xF8FF, 1), (0xF900, 0xFAFF, 1), (0xFE00, 0xFE0F, 1), (0xFF00, 0xFFEF, 2), (0x10000, 0x100FF, 1), (0x1D400, 0x1D7FF, 2), (0x1F300, 0x1F6FF, 5),
    (0x1F900, 0x1F9FF, 2), (0x20000, 0x2A6DF, 1), (0xE0000, 0xE007F, 1), (0x0, 0x1F, 1),
]

WORDS = (
    "the of and a to in is you that it he was for on are as with his they I at be this have from or one had by word but not what all "
    "were we when your can said there use an each which she do how their if will up other about out many then them these so some her would "
    "make like him into time has look two more write go see number no way could people my than first water been call who oil its now find "
    "Photosynthesis quantum electromagnetism supercalifragilisticexpialidocious antidisestablishmentarianism tokenizer Transformer JavaScript "
    "don't can't it's I'm we've you'll she'd über façade résumé Москва привет мир 日本語 中文 한국어 שלום مرحبا नमस्ते ∑ ≠ 👍 🎉 3.14 42 1999 0xFF"
).split(" ")
SPACES = [" "] * 20 + ["  ", "   ", "\n", "\n\n", "\t", "\r\n", " \n", "\u00a0", "\u3000", "", "", "-", "_", ", ", ". ", "! ", "? ", "; ", ": ", "'", "\"", " (", ") ", "/", "\\", "…", "—"]


def scalar(random_source):
    low, high, _ = random_source.choices(SCRIPTS, weights=[weight for _, _, weight in SCRIPTS])[0]
    return chr(random_source.randint(low, high))


def texts(count=2000, seed=20240607):
    source = random.Random(seed)
    result = list(HARD)
    while len(result) < count:
        kind = source.random()
        if kind < 0.4:
            parts = []
            for _ in range(source.randint(1, 24)):
                parts += [source.choice(WORDS), source.choice(SPACES)]
            result.append("".join(parts))
        elif kind < 0.6:
            result.append("".join(scalar(source) for _ in range(source.randint(1, 40))))
        elif kind < 0.75:
            low, high, _ = source.choice(SCRIPTS)
            result.append("".join(chr(source.randint(low, high)) if source.random() < 0.85 else source.choice(SPACES) for _ in range(source.randint(1, 40))))
        elif kind < 0.9:
            result.append("".join(source.choice(" \n\r\t!.,'aAsStT09_-\u00a0é中") for _ in range(source.randint(1, 24))))
        else:
            result.append(" ".join(source.choice(HARD)[:60] for _ in range(source.randint(2, 4))))
    return result[:count]
