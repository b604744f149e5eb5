"""Reads sessions and what is exported from them with programs that others have written.

    python -m pip install jsonschema==4.26.0 asciinema==2.4.0
    python read_elsewhere.py EMUCHAT FOLDER OUTPUT

Run with Python 3.11, tmux 3.3a and Chromium (`chromium` in PATH; its part is left out where there is none). FOLDER holds
sessions; OUTPUT gets a picture of each as HTML, to be looked at.

Every session has to be valid by session.schema.json, and invalid once a field is changed. asciinema plays each
recording in tmux, whose screen then holds the last words. PyPI's asciinema ends with 2.4.0, which knows version 2 of
the format: version 3 has to have the same header, words and times.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import jsonschema

emuchat, folder, output = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
output.mkdir(parents=True, exist_ok=True)
schema = json.loads((pathlib.Path(__file__).parents[3] / "sessions/session.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, **options).stdout


def export(name, form):
    return run(emuchat, "sessions", "export", name, "--to", form, "--sessions", folder)


def validate(path):
    session = json.loads(path.read_text())
    validator.validate(session)
    for key, value in [("version", "2"), ("created", "yesterday"), ("messages", {}), ("title", None)]:
        assert not validator.is_valid(session | {key: value}), f"{path.name}: {key} = {value!r} is valid"
    session["messages"][0]["role"] = "robot"
    assert not validator.is_valid(session), f"{path.name}: a role of any name is valid"


def events(recording):
    lines = [json.loads(line) for line in recording.splitlines()]
    return lines[0], lines[1:]


def compare_versions(name):
    old, new = events(export(name, "asciicast-v2")), events(export(name, "asciicast"))
    assert (old[0]["version"], new[0]["version"]) == (2, 3)
    assert new[0]["term"] == {"cols": old[0]["width"], "rows": old[0]["height"]} and new[0]["title"] == old[0]["title"]
    seconds, played = 0, []
    for interval, code, text in new[1]:
        seconds += interval
        played.append([round(seconds, 3), code, text])
    assert played[:-1] == old[1] and played[-1][1:] == ["x", "0"], f"{name}: the versions differ"


def play(name, last_words):
    recording = output / f"{name}.cast"
    recording.write_text(export(name, "asciicast-v2"))
    socket = ["tmux", "-L", f"read-elsewhere-{name}", "-f", "/dev/null"]
    player = pathlib.Path(sys.executable).parent / "asciinema"
    run(*socket, "new-session", "-d", "-x", 80, "-y", 24, f"'{player}' play -s 50 -i 0.5 '{recording}'; echo ended; cat")
    try:
        for _ in range(300):
            screen = run(*socket, "capture-pane", "-p", "-J")
            if "ended" in screen:
                break
            time.sleep(0.1)
    finally:
        run(*socket, "kill-server")
    shown = " ".join(re.sub("▌", " ", screen).split())
    assert last_words in shown, f"{name}: not on the screen: {last_words}\n{screen}"


def photograph(name):
    page = output / f"{name}.html"
    page.write_text(export(name, "html"))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=900,1400"]
    run("chromium", *options, f"--screenshot={output / name}.png", page.as_uri())
    return run("chromium", *options, "--dump-dom", page.as_uri())


for path in sorted(folder.glob("*.json")):
    if path.name == "session.schema.json":
        continue
    name = path.stem
    validate(path)
    compare_versions(name)
    messages = json.loads(export(name, "openai"))["messages"]
    last = messages[-1]["content"]
    last = last if isinstance(last, str) else last[-1]["text"]
    play(name, " ".join(last.split()[-6:]))
    done = "valid, played"
    if shutil.which("chromium"):
        text = " ".join(re.sub("<[^>]*>", " ", photograph(name)).split())
        assert " ".join(last.split()[:4]) in text, f"{name}: not on the page: {last}"
        done += ", photographed"
    print(f"{name}: {len(messages)} messages, {done}")
