"""Plays the terminal for terminal-probe and compares what it holds with the frames that `view` returned.

Usage: python emulate.py PROBE SESSIONS SEED

Written for Python 3.11 with PyPI's pyte 0.8.2 (an independent emulator of the Linux console) and its wcwidth 0.9.4.
Each session sends seeded random keys, pastes, resizes and streamed pieces of answers to the real driver in a
pseudo-terminal. After every step the emulator's cells, bold and reverse, and the cursor have to be those of the frame;
and no byte may have come that is neither text nor a control sequence which the terminal's description holds.
"""

import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time
import unicodedata

import pyte

MARK = re.compile(rb"\x1b\]777;(\d+)\x07")
# What terminfo's `linux` is made of, and bracketed paste.
ALLOWED = re.compile(
    rb"\x1b\[[0-9;]*[ABCDGHJKLMPXdhlmr@]|\x1b\[\?[0-9;]*[chl]|\x1b[78cM]|\x1b\][PR][0-9a-fA-F]*|\x1b[()][0AB]|\r|\n|\x08|\x0e|\x0f"
)
F9, F10, F12 = b"\x1b[20~", b"\x1b[21~", b"\x1b[24~"
KEYS = [
    b"a", b"b c", "é".encode(), "犬".encode(), "🐩".encode(), b"/help", b"/set", b"\r", b"\r", b"\x1b\r", b"\x7f", b"\x01",
    b"\x05", b"\x02", b"\x17", b"\x0b", b"\x19", b"\x1f", b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[5~", b"\x1b[5~",
    b"\x1b[6~", b"\x1b<", b"\x1b>", b"\x0c", b"\x1b[3~", b"\x1bb", b"\x1bf", b"\x1b[?1;2c", b"\x1b]11;rgb:1/2/3\x07",
    b"\x1b[<0;3;4M", b"\x1b[11~", b"\xff", b"\x1b[12;3R",
]
PASTES = [
    "two\nlines", "\x1b[31mred", "漢字 👩‍🚀 e\u0301", "long " * 60, "\u202eback", "\x00\x07\t|", "/nowhere/at all.png",
]


class Screen(pyte.Screen):
    """pyte keeps no rows that are blank, and moves none of them when lines are deleted: what stood there stays."""

    def delete_lines(self, count=None):
        for row in range(self.lines):
            self.buffer[row]  # makes it
        super().delete_lines(count)


class Session:
    def __init__(self, probe, seed):
        self.random = random.Random(seed)
        self.size = (80, 24)
        self.log = tempfile.NamedTemporaryFile()
        self.screen = Screen(*self.size)
        self.stream = pyte.ByteStream(self.screen)
        self.stream.use_utf8 = True
        self.asked = 0
        self.pending = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            environment = {"TERM": "linux", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
            for name in ("LD_LIBRARY_PATH", "ASAN_OPTIONS"):
                if name in os.environ:
                    environment[name] = os.environ[name]
            # Whoever started this may have signals blocked.
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execve(probe, [probe, str(seed), self.log.name], environment)
        self.set_size()
        # Before the driver has the terminal, the terminal would echo what is typed.
        end = time.monotonic() + 60
        while not self.pending:
            if time.monotonic() > end:
                raise SystemExit("the probe shows nothing within a minute")
            self.receive(0.05)

    def set_size(self):
        columns, rows = self.size
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data):
        while data:
            data = data[os.write(self.master, data[:512]):]
            self.receive(0)

    def receive(self, timeout):
        while select.select([self.master], [], [], timeout)[0]:
            try:
                self.pending += os.read(self.master, 65536)
            except OSError:
                raise SystemExit("the probe has ended")
            timeout = 0

    def ask(self):
        """The frame as of now, once the emulator has seen all that was sent for it."""
        self.asked += 1
        self.send(F12)
        end = time.monotonic() + 60
        while True:
            found = MARK.search(self.pending)
            if found and int(found[1]) == self.asked:
                break
            if time.monotonic() > end:
                raise SystemExit(f"no frame {self.asked} within a minute")
            self.receive(0.05)
        data, self.pending = self.pending[: found.start()], self.pending[found.end():]
        rest = ALLOWED.sub(b"", data)
        if any(byte < 0x20 or byte == 0x7F for byte in rest) or any(0x80 <= ord(c) < 0xA0 for c in rest.decode(errors="surrogateescape")):
            raise SystemExit(f"bytes that no terminal should get: {rest!r}")
        self.stream.feed(data)
        with open(self.log.name) as lines:
            return json.loads(lines.readlines()[-1])

    def resize(self):
        self.size = self.random.choice([(80, 24), (40, 12), (200, 50), (41, 13), (59, 18), (20, 5), (100, 30), (3, 2)])
        # The emulator first: what the driver sends for the new size must not wrap at the old one.
        self.drained_resize()

    def drained_resize(self):
        self.compare("before a resize")
        columns, rows = self.size
        self.screen.resize(rows, columns)
        self.set_size()
        for _ in range(500):
            frame = self.ask()
            if (frame["columns"], frame["rows"]) == self.size:
                return
            time.sleep(0.01)
        raise SystemExit(f"no resize to {self.size}")

    def step(self):
        kind = self.random.random()
        if kind < 0.40:
            for _ in range(self.random.randint(1, 4)):
                self.send(F9)
            return "stream"
        if kind < 0.75:
            keys = [self.random.choice(KEYS) for _ in range(self.random.randint(1, 4))]
            self.send(b"".join(keys))
            return f"keys {keys}"
        if kind < 0.83:
            text = self.random.choice(PASTES)
            self.send(b"\x1b[200~" + text.encode() + b"\x1b[201~")
            return f"paste {text[:20]!r}"
        if kind < 0.88:
            self.send(F10)
            return "open"
        if kind < 0.94:
            # A lone Esc is known by the silence after it.
            self.send(b"\x1b")
            time.sleep(0.06)
            return "escape"
        self.resize()
        return f"resize {self.size}"

    def compare(self, step):
        frame = self.ask()
        columns = frame["columns"]
        for row in range(frame["rows"]):
            for column in range(columns):
                # The emulator keeps no variation selectors.
                wanted = unicodedata.normalize("NFC", frame["cells"][row * columns + column].replace("\ufe0f", ""))
                cell = self.screen.buffer[row][column]
                attributes = frame["attributes"][row * columns + column]
                held = unicodedata.normalize("NFC", cell.data)
                if {wanted, held} == {"", " "}:
                    # Characters that it takes for wider or narrower than the frame does, such as flags, are written
                    # where they belong; the half that is too much or too little is blank either way.
                    continue
                if held != wanted or (wanted and (cell.bold, cell.reverse) != (attributes & 1 == 1, attributes & 2 == 2)):
                    shown = "".join(frame["cells"][row * columns:(row + 1) * columns])
                    raise SystemExit(
                        f"after {step}: row {row}, column {column} holds {held!r} (bold {cell.bold}, reverse"
                        f" {cell.reverse}), the frame {wanted!r} ({attributes})\nframe: {shown}\nheld:  "
                        + "".join(self.screen.buffer[row][c].data for c in range(columns)))
        cursor, wanted = self.screen.cursor, frame.get("cursor")
        if wanted and [cursor.x, cursor.y] != wanted:
            raise SystemExit(f"after {step}: the cursor is at {cursor.x},{cursor.y}, the frame's at {wanted}")
        if cursor.hidden != (wanted is None):
            raise SystemExit(f"after {step}: the cursor's visibility differs")

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        ended = False
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                self.receive(0.05)
            except SystemExit:
                ended = True
                break
        if not ended:
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        if not ended:
            raise SystemExit("the probe does not end on SIGTERM")
        os.close(self.master)


def main():
    probe, sessions, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    steps = 0
    for number in range(sessions):
        session = Session(probe, seed + number)
        history = []
        try:
            for _ in range(session.random.randint(10, 40)):
                history.append(session.step())
                session.compare(history[-1])
                steps += 1
        except SystemExit as problem:
            os.kill(session.pid, signal.SIGKILL)
            sys.exit(f"session {seed + number}, step {len(history)} of {history[-4:]}: {problem}")
        session.close()
    print(f"{sessions} sessions, {steps} steps: every screen was the frame")


main()
