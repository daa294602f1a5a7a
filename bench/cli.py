"""The command line: a table of verbs, each imported only when it is used.

A verb returns its exit code (None is 0): 0 good, 1 crashed or nothing scored, 2 bad usage, 3 regressed, 4 inconclusive,
5 not comparable. Specs are parsed in bench/spec.py and nowhere here.
"""

import sys
from typing import TYPE_CHECKING

from bench import __version__
from bench.errors import KeepframeError

if TYPE_CHECKING:
    from cyclopts import App

HELP = """Measure video memory: how much of a video survives when it is squeezed into a short context.

Start with `keepframe quickstart`: it needs no arguments."""

# verb -> (where it lives, what it is for). Strings, so that `--help` imports nothing of it.
VERBS = {
    "quickstart": (
        "reports.verbs:quickstart",
        "Measure the trivial memories on procedural footage; needs no arguments.",
    ),
    "run": ("reports.verbs:run", "Measure the memories of a spec; running it again finishes what is missing."),
    "score": ("reports.score:score", "Score whole videos without a reference: flicker, motion, drift, who comes back."),
    "compare": ("reports.verbs:compare", "Which memory keeps more, and how sure is that: paired differences, BD-rate."),
    "report": ("reports.verbs:report", "Write one self-contained HTML file about a run."),
    "check": ("reports.gate.verbs:check", "Is this checkpoint worse than that one? Pass, regressed or inconclusive."),
    "calibrate": ("reports.gate.verbs:calibrate", "Measure how far two runs of one system differ: the noise floor."),
    "baseline": ("reports.gate.verbs:baseline", "Show the baselines of the lock file, or make a run the baseline."),
    "cost": ("reports.cost_verbs:cost", "What a memory costs: time, memory and work of every stage; does it fit?"),
    "board": ("leaderboard.serve:board", "Browse the results in a web page on this machine."),
    "study": ("leaderboard.study.verbs:study", "Ask people which of two videos they prefer: new, serve, export, …"),
    "generate": ("runners.generate:generate", "Make a video from a storyboard, or go on from a clip by it."),
    "train": ("runners.train:train", "Train the reference models: vae, dit, stage1, stage2; run again to go on."),
    "status": ("runners.verbs:status", "List the runs of a store and how complete they are."),
    "init": ("runners.verbs:init", "Print a spec to start from."),
    "list": ("runners.verbs:list_plugins", "List the plug-ins that a spec can name."),
    "try": ("runners.verbs:try_plugin", "Check a memory encoder of your own against the contract."),
    "doctor": ("runners.verbs:doctor", "Check this machine: versions, codecs, disk, exactness of the video reader."),
    "isolate": ("runners.isolate:isolate", "Build the environment of a suite that needs one of its own: vbench."),
    "prove": (
        "runners.prove:prove",
        "Put the same random weights into ours and the published code, and compare: vbench.",
    ),
    "weights": ("runners.verbs:weights", "List, fetch, verify the published weights that learned metrics need."),
}


def app(asked: str = "") -> "App":
    """The cyclopts application. The verb that was `asked` for explains itself: its help is its docstring."""
    from cyclopts import App

    # cyclopts would end the process on Ctrl-C before `main` can say that nothing is lost
    application = App(name="keepframe", help=HELP, version=__version__, suppress_keyboard_interrupt=False)
    for verb, (target, help_text) in VERBS.items():
        application.command(target, name=verb, help=None if verb == asked else help_text)
    return application


def main() -> None:
    """Run the command line and exit with the verb's code."""
    try:
        application = app(*sys.argv[1:2])
        code = application(sys.argv[1:], result_action="return_value")
    except KeepframeError as error:
        print(f"keepframe: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\nkeepframe: stopped. What was stored is kept; the same command goes on from there.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `keepframe … | head`
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)
