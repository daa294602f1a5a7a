"""The vocabulary: keys that stay what they are, one place that parses, names that are found or mended."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from bench import digest, registry
from bench.errors import StoreError, UnavailableError, UsageError
from bench.spec import load, parse
from bench.store import Store
from bench.store_tables import PLAN

MINIMAL = '[footage]\npath = "v"\n[[systems]]\nmemory = "constant"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "spec.toml"
    path.write_text(text, encoding="utf-8")
    return path


# -- keys --------------------------------------------------------------------------------------------------


def test_keys_are_frozen() -> None:
    """If this fails, every store in the world is computed anew: raise KEY_VERSION in runners/plan.py and say why."""
    assert digest.key("memory", encoder="mean", clip="abc", decode={"width": 416, "fps": None}) == (
        "db790e9da33893a5014dc9e2ef55d977"
    )


@pytest.mark.parametrize(("one", "other"), [(64, 64.0), (64, "64"), (1, True), (None, "null"), ([1, 2], [2, 1])])
def test_typed_values_have_different_keys(one: object, other: object) -> None:
    assert digest.key("x", value=one) != digest.key("x", value=other)


def test_what_cannot_be_addressed_is_refused() -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        digest.key("x", value=Path("a"))
    with pytest.raises(ValueError, match="Out of range float"):
        digest.key("x", value=float("nan"))


# -- spec --------------------------------------------------------------------------------------------------


def test_a_sweep_is_one_system_per_value(tmp_path: Path) -> None:
    swept = """
        [[systems]]
        name = "h264"
        memory = "codec"
        args = { codec = "h264" }
        sweep = { bitrate_kbps = [50, 100] }
    """
    spec = load(write(tmp_path, MINIMAL + swept))
    assert [s.name for s in spec.systems] == ["constant", "h264 50 kbps", "h264 100 kbps"]
    assert [s.curve for s in spec.systems] == [None, "h264", "h264"]
    assert spec.systems[2].args == {"codec": "h264", "bitrate_kbps": 100}


def test_overrides_are_toml_literals(tmp_path: Path) -> None:
    spec = load(write(tmp_path, MINIMAL), ("suite.args.moments=4", "decode.fps=12", 'name="x"'))
    assert (spec.suite.args["moments"], spec.decode.fps, spec.name) == (4, 12.0, "x")
    with pytest.raises(UsageError, match=r"not a TOML value.*\n.*quotes"):
        load(write(tmp_path, MINIMAL), ("name=x",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "[decoed]\nwidth = 3", r"unknown key 'decoed'.*Did you mean 'decode'"),
        (MINIMAL + "[decode]\nwidht = 3", r"unknown key 'decode.widht'.*Did you mean 'width'"),
        (MINIMAL.replace("memory", "memroy"), r"systems.0.*memroy.*Did you mean 'memory'"),
        (MINIMAL + "[decode]\nwidth = 3", r"decode.width: Input should be greater than or equal to 16"),
        ("[footage]\n[[systems]]\nmemory = 'constant'", r"footage: give either path"),
        (MINIMAL + MINIMAL.partition("\n[[")[0].replace("[footage]", "[footage.x]"), r"unknown key"),
        (MINIMAL + "[[systems]]\nmemory = 'constant'", r"two systems are called 'constant'"),
        ("x = = 1", r"is not TOML.*line 1"),
    ],
)
def test_a_wrong_spec_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(write(tmp_path, text))


def test_a_typed_path_is_relative_to_where_it_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    spec = load(write(tmp_path, MINIMAL), ('footage.path="videos"',))
    assert spec.footage.path == str(tmp_path / "here" / "videos")


def test_paths_are_relative_to_the_spec(tmp_path: Path) -> None:
    spec = parse({"footage": {"path": "v"}, "systems": [{"memory": "./mine.py:Mine"}]}, source="test", folder=tmp_path)
    assert spec.footage.path == str(tmp_path / "v")
    assert spec.systems[0].memory == f"{tmp_path / 'mine.py'}:Mine"


# -- registry ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(registry.BUILT_IN))
def test_every_built_in_name_resolves(kind: str) -> None:
    for name in registry.BUILT_IN[kind]:
        assert registry.resolve(kind, name).__doc__


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("keyframe", "Did you mean 'keyframes'"),
        ("nowhere.at_all:X", "no importable module"),
        ("bench.memories.constant:Colour", "has no 'Colour'.*\n.*Did you mean 'ConstantColour'"),
        ("./nowhere.py:X", "no file"),
    ],
)
def test_a_wrong_name_is_mended(ref: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        registry.resolve("memory", ref)
    with pytest.raises(UnavailableError, match="hub"):
        registry.resolve("memory", "hub:a/b@c")


class _Takes:
    def __init__(self, *, every_s: float = 2.0, budget: int | None = None) -> None:
        pass


def test_bind_completes_and_checks_arguments() -> None:
    assert registry.bind(_Takes, {"every_s": 2}) == registry.bind(_Takes, {})
    assert isinstance(registry.bind(_Takes, {"every_s": 3})["every_s"], float)
    with pytest.raises(UsageError, match=r"no argument 'every'.*\n.*Did you mean 'every_s'"):
        registry.bind(_Takes, {"every": 1})
    with pytest.raises(UsageError, match="every_s = 'often' is wrong"):
        registry.bind(_Takes, {"every_s": "often"})


def test_a_plugin_file_that_does_not_import_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(UsageError, match=r"bad\.py does not import: ModuleNotFoundError"):
        registry.resolve("memory", f"{tmp_path}/bad.py:X")


# -- store -------------------------------------------------------------------------------------------------


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "r")
    (tmp_path / "r" / "store.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(StoreError, match=r"newer Keepframe \(schema 99.*\n.*pip install -U"):
        Store(tmp_path / "r")


def test_a_folder_of_something_else_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(StoreError, match="not a Keepframe store"):
        Store(tmp_path)
    with pytest.raises(StoreError, match="quickstart"):
        Store.existing(tmp_path / "nothing")


@pytest.mark.parametrize("damage", [b"", b"garbage", b"PAR1 nothing PAR1"])
def test_a_damaged_table_is_named_whoever_reads_it(tmp_path: Path, damage: bytes) -> None:
    store = Store(tmp_path / "r")
    store.save_run("k", {"name": "n", "sessions": [{"started_at": 1.0}]}, PLAN.empty_table())
    store.add("scores", [{"score_key": "s", "moment": 0, "value": 31.5}])
    file = next(store.root.glob("scores/*.parquet"))
    file.write_bytes(damage)
    for read in (store.results, lambda: store.connect("k"), lambda: store.rows("scores", ["s"])):
        with pytest.raises(StoreError, match=rf"{file.name} cannot be read.*\n  Delete that file and run"):
            read()


def test_a_damaged_plan_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "r")
    store.save_run("k", {"name": "n", "sessions": [{"started_at": 1.0}]}, PLAN.empty_table())
    (store.root / "runs/k/plan.parquet").write_bytes(b"garbage")
    with pytest.raises(StoreError, match=r"plan\.parquet cannot be read.*\n  Delete its folder and run"):
        store.results()


def test_compacting_changes_no_row_and_doubles_count_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "r[1] 'x'")
    row = dict.fromkeys(PLAN.names) | {
        "case": "a",
        "group": "a",
        "file": "a",
        "system": "s",
        "metric": "psnr",
        "score_key": "k",
        "case_key": "c",
        "prediction_key": "p",
        "memory_key": "m",
    }
    store.save_run(
        "key", {"name": "n", "spec": {}, "sessions": [{"started_at": 1}]}, pa.Table.from_pylist([row], schema=PLAN)
    )
    for moment in range(5):
        store.add("scores", [{"score_key": "k", "moment": moment, "value": 30.0 + moment}])
    store.add("scores", [{"score_key": "k", "moment": 0, "value": 30.0}])
    before = store.results().scores.sort_by("moment")
    assert before["value"].to_pylist() == [30.0, 31.0, 32.0, 33.0, 34.0]
    store.compact("scores", most=3)
    assert len(list((store.root / "scores").glob("*.parquet"))) == 1
    assert store.results().scores.sort_by("moment").equals(before)


def test_what_failed_again_says_why_it_failed_last(tmp_path: Path) -> None:
    store = Store(tmp_path / "r")
    rows = [
        dict.fromkeys(PLAN.names)
        | {"case": case, "system": "s", "metric": "m", "score_key": f"score {case}", "prediction_key": case}
        for case in ("a", "b")
    ]
    store.save_run(
        "key", {"name": "n", "spec": {}, "sessions": [{"started_at": 1}]}, pa.Table.from_pylist(rows, schema=PLAN)
    )
    for k, message in enumerate(["banana", "unreachable", "no answer"]):
        for address in ("score a", "b"):  # one metric of one case, all of the other
            failure = {"key": address, "stage": f"{k}", "error": "Error", "message": message, "session": "s"}
            store.add("failures", [failure])
        found = {row["case"]: (row["stage"], row["message"]) for row in store.results().failures.to_pylist()}
        assert found == {"a": (f"{k}", message), "b": (f"{k}", message)}
    store.compact("failures", most=2)
    assert {row["message"] for row in store.results().failures.to_pylist()} == {"no answer"}


def test_runs_are_found_by_digits_name_or_latest(tmp_path: Path) -> None:
    store = Store(tmp_path / "r")
    for at, key in enumerate(["abc1", "abd2"]):
        store.save_run(key, {"name": "same", "spec": {}, "sessions": [{"started_at": at}]}, PLAN.empty_table())
    assert store.find()["key"] == "abd2"
    assert store.find("abc")["key"] == "abc1"
    assert store.find("same")["key"] == "abd2"
    with pytest.raises(UsageError, match="matches several"):
        store.find("ab")
    with pytest.raises(UsageError, match=r"matches no run.*\n.*abc1 \(same\)"):
        store.find("zz")


# -- what may be imported ----------------------------------------------------------------------------------

HELP = """
import sys
sys.argv = ["keepframe", "--help"]
from bench.cli import main
try:
    main()
except SystemExit as stop:
    assert stop.code == 0
"""
CHECK = """
import sys
heavy = {"torch", "cv2", "av", "pyarrow", "duckdb", "pydantic", "altair", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("program", ["import bench", HELP])
def test_neither_the_vocabulary_nor_help_loads_heavy_things(program: str) -> None:
    subprocess.run([sys.executable, "-c", program + CHECK], check=True, stdout=subprocess.DEVNULL)
