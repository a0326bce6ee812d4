"""What sweep.py says to mistakes, and when it fails: with a stand-in for `compare` whose times are made up."""

import contextlib
import io
import json
import os
import pathlib
import tempfile
import unittest

import sweep

# A `call` of smarm takes SMARM_COST ns, tokio's 200; each setting of the interval adds its own.
STAND_IN = """#!/bin/sh
case $1 in
list) echo 'call servers 1000 1000 smarm,tokio' ; echo 'alone general 1000 1000 smarm' ;;
sample) case $2 in
    smarm) echo "smarm call 1 1000 0 $((${SMARM_COST:-100} * 1000 + ${SMARM_ALLOC_INTERVAL:-0})) 50000" ;;
    *) echo 'tokio call 1 1000 0 200000 200000' ;;
    esac ;;
esac
"""


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.program = self.folder / "compare"
        self.program.write_text(STAND_IN)
        self.program.chmod(0o755)
        self.addCleanup(os.environ.pop, "SMARM_COST", None)

    def call(self, *words):
        """The exit code and all that was printed."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                code = sweep.main([str(word) for word in words])
            except SystemExit as end:
                code = end.code
        return code, printed.getvalue()

    def on_stand_in(self, command, *words):
        return self.call(command, "--program", self.program, "--rounds", 3, *words)

    def keep_baseline(self):
        path = self.folder / "baseline.json"
        code, _ = self.on_stand_in("run", "--save-baseline", path)
        self.assertEqual(code, 0)
        return path

    def test_bad_arguments_get_a_sentence(self):
        for words, sentence in [
            ([], "the following arguments are required"),
            (["dance"], "invalid choice: 'dance'"),
            (["run", "--rounds", "0"], "'0' is not a whole number above 0"),
            (["run", "--rounds", "x"], "'x' is not a whole number above 0"),
            (["run", "--scale", "nan"], "'nan' is not a number above 0"),
            (["run", "--program", "/nowhere"], "cannot run /nowhere: No such file or directory"),
        ]:
            code, said = self.call(*words)
            self.assertEqual(code, 2, words)
            self.assertIn(sentence, said)
            self.assertNotIn("Traceback", said)

    def test_an_unknown_workload_is_named(self):
        code, said = self.on_stand_in("run", "--only", "dance")
        self.assertEqual((code, "no workload is called 'dance'; there are call, alone" in said), (2, True))

    def test_a_missing_baseline_says_how_to_take_one(self):
        code, said = self.on_stand_in("regress", "--baseline", self.folder / "none.json")
        self.assertEqual(code, 2)
        self.assertIn("`sweep.py run --save-baseline` takes one", said)

    def test_something_else_is_no_baseline(self):
        for text in ["{", "[]", '{"workloads": {"call": 7}}']:
            path = self.folder / "other.json"
            path.write_text(text)
            code, said = self.on_stand_in("regress", "--baseline", path)
            self.assertEqual((code, "is no baseline" in said), (2, True), text)

    def test_a_baseline_of_other_sizes_is_refused(self):
        code, said = self.on_stand_in("regress", "--scale", 2, "--baseline", self.keep_baseline())
        self.assertEqual(code, 2)
        self.assertIn("taken with --scale 0.2", said)

    def test_the_baseline_has_the_medians(self):
        kept = json.loads(self.keep_baseline().read_text())["workloads"]
        self.assertEqual(kept, {"call": {"rival": "tokio", "ratio": 0.5, "smarm_ns": 100, "rival_ns": 200}})

    def test_the_clock_can_be_the_processors(self):
        path = self.folder / "cpu.json"
        self.on_stand_in("run", "--clock", "cpu", "--save-baseline", path)
        self.assertEqual(json.loads(path.read_text())["workloads"]["call"]["ratio"], 0.25)
        self.assertEqual(self.on_stand_in("regress", "--baseline", path)[0], 2, "another clock")

    def test_more_than_a_tenth_slower_fails(self):
        path = self.keep_baseline()
        os.environ["SMARM_COST"] = "109"
        self.assertEqual(self.on_stand_in("regress", "--baseline", path)[0], 0)
        os.environ["SMARM_COST"] = "112"
        code, said = self.on_stand_in("regress", "--baseline", path)
        self.assertEqual(code, 1)
        self.assertIn("slower: call: 0.50 of tokio before, 0.56 now", said)

    def test_a_sweep_keeps_every_figure_and_draws_them(self):
        table, drawing = self.folder / "all.csv", self.folder / "all.svg"
        code, said = self.on_stand_in("sweep", "--only", "call", "--save-csv", table, "--picture", drawing)
        self.assertEqual(code, 0, said)
        self.assertEqual(len(table.read_text().splitlines()), 1 + 3 * len(sweep.GRID))
        self.assertIn("</svg>", drawing.read_text())
        self.assertEqual(len(sweep.GRID), 10)


if __name__ == "__main__":
    unittest.main()
