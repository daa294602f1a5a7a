"""Storyboards: read as they are meant, and refused with the file and the prompt that is wrong."""

import json

import pytest

from bench.errors import UsageError
from bench.types import Prompt
from bench.video import storyboard

TOML = """
[characters]
Mira = "a woman with short red hair"
Jonas = "a man in a blue coat"

[[prompt]]
at_s = 0
text = "{Mira} walks through a park."

[[prompt]]
at_s = 2.5
text = "{Jonas} waves to {Mira}. {Mira} waves back."
"""


def test_toml_with_characters_describes_them_once_a_prompt(tmp_path):
    path = tmp_path / "story.toml"
    path.write_text(TOML)
    assert storyboard.read(path) == (
        Prompt(0.0, "Mira, a woman with short red hair, walks through a park."),
        Prompt(2.5, "Jonas, a man in a blue coat, waves to Mira, a woman with short red hair. Mira waves back."),
    )


def test_json_round_trip(tmp_path):
    prompts = (Prompt(0.0, "Ein Hafen – früh."), Prompt(1.25, "A ship {leaves}."))
    path = tmp_path / "story.json"
    path.write_text(json.dumps(storyboard.dump(prompts)))
    assert storyboard.read(path) == prompts
    path.write_text(json.dumps({"caption": "x", "storyboard": storyboard.dump(prompts)}))
    assert storyboard.read(path) == prompts


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "has no prompts"),
        ({}, "has no prompts"),
        ("text", "must be a list, not str"),
        (7, "must be a list, not int"),
        ([{"at_s": -1, "text": "x"}], "prompt 1 is at -1.0 s"),
        ([{"at_s": float("nan"), "text": "x"}], "prompt 1 is at nan s"),
        ([{"at_s": 0, "text": "x"}, {"at_s": 2, "text": "y"}, {"at_s": 1, "text": "z"}], "prompt 3 is at 1.0 s, not"),
        ([{"at_s": 0, "text": "x"}, {"at_s": 0, "text": "y"}], "prompt 2 is at 0.0 s, not after"),
        ([{"at_s": 0, "text": "  "}], "prompt 1 has no text"),
        ([{"at_s": "0", "text": "x"}], "at_s must be a number of seconds, not '0'"),
        ([{"at_s": True, "text": "x"}], "at_s must be a number"),
        ([{"text": "x"}], "at_s must be a number of seconds, not None"),
        ([{"at_s": 0}], "text must be words"),
        ([{"at_s": 0, "txt": "x"}], "unknown key 'txt'\n  Did you mean 'text'"),
        (["x"], "prompt 1 is 'x'"),
        ({"prompts": []}, "unknown key 'prompts'\n  Did you mean 'prompt'"),
        ({"characters": {"Mira": ""}, "prompt": []}, "characters must be a table"),
        (
            {"characters": {"Mira": "a woman"}, "prompt": [{"at_s": 0, "text": "{Mirra} waves."}]},
            "no character is named 'Mirra'\n  Did you mean 'Mira'",
        ),
    ],
)
def test_mistakes_are_named(data, says):
    with pytest.raises(UsageError) as caught:
        storyboard.parse(data, where="story.toml")
    assert says in str(caught.value)
    assert "story.toml" in str(caught.value)


@pytest.mark.parametrize(("name", "text"), [("a.toml", "at_s = "), ("a.json", "{"), ("a.json", "\xff")])
def test_what_is_not_toml_or_json_is_named(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"a\.(toml|json): is not a storyboard"):
        storyboard.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.toml: cannot be read: No such file"):
        storyboard.read(tmp_path / "none.toml")
