"""Reports opened in a browser: what is drawn, what the controls do, and that a page is on its own."""

import json
import re
import unittest
from pathlib import Path

import browser
import runs

ARTEFACTS = runs.ROOT / "build" / "artefacts"
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"


class PageTest(unittest.TestCase):
    browser = None

    @classmethod
    def setUpClass(cls):
        if browser.find() is None:
            raise unittest.SkipTest("there is no chromium")
        cls.browser = browser.Browser()

    @classmethod
    def tearDownClass(cls):
        if cls.browser:
            cls.browser.close()

    def open(self, run, file="report.html", **how):
        page = self.browser.open(Path(run) / file, **how)
        self.addCleanup(page.close)
        return page

    def assert_sound(self, page):
        self.assertEqual(page.problems, [])
        self.assertEqual(page.requests, [page.address])

    def drawn(self, page):
        """(metric, split) -> number of points of each curve's path, as the path itself has them."""
        paths = page.run("[...document.querySelectorAll('path.curve')].filter((p) => !p.classList.contains('smooth'))"
                         ".map((p) => [p.dataset.metric, p.dataset.split, (p.getAttribute('d').match(/[ML]/g) || []).length])")
        return {(metric, split): points for metric, split, points in paths}

    def ticks(self, page, chart, axis):
        anchor = {"x": "middle", "y": "end"}[axis]
        return page.run(f"[...document.querySelectorAll('figure[data-metric=\"{chart}\"] svg text[text-anchor={anchor}]')].map((t) => Number(t.textContent))")

    # -- what is drawn

    def test_every_curve_has_all_its_records(self):
        page = self.open(runs.cnn())
        self.assert_sound(page)
        expected = {key: sum(v is not None for v in values) for key, values in runs.curves(runs.cnn()).items()}
        self.assertIn(("loss", "train"), expected)
        self.assertIn(("grad_norm", "train"), expected)
        self.assertEqual(self.drawn(page), expected)
        metrics = page.run("[...document.querySelectorAll('figure.chart')].map((f) => f.dataset.metric)")
        self.assertEqual(metrics, ["loss", "accuracy", "lr", "grad_norm", "samples_per_s"])

    def test_curves_stay_inside_their_frames(self):
        page = self.open(runs.cnn())
        outside = page.run("""[...document.querySelectorAll('figure.chart')].flatMap((figure) => {
          const [, , width, height] = figure.querySelector('svg').getAttribute('viewBox').split(' ').map(Number);
          return [...figure.querySelectorAll('path.curve')].flatMap((p) => p.getAttribute('d').match(/[ML][^ML]+/g))
            .map((part) => part.slice(1).split(' ').map(Number)).filter(([x, y]) => !(x >= 0 && x <= width && y >= 0 && y <= height));
        })""")
        self.assertEqual(outside, [])

    def test_confusion_matrix_is_that_of_the_accuracy(self):
        page = self.open(runs.cnn())
        table = page.run("[...document.querySelectorAll('table.matrix tbody tr')].map((r) => [...r.querySelectorAll('td:not(.aside)')].map((c) => Number(c.textContent)))")
        self.assertEqual([len(row) for row in table], [10] * 10)
        total = sum(map(sum, table))
        self.assertEqual(total, 360)
        accuracy = json.loads((runs.cnn() / "run.json").read_text())["metrics"]["test"]["accuracy"]
        self.assertAlmostEqual(sum(table[i][i] for i in range(10)) / total, accuracy, places=9)

    def test_samples_of_a_classifier(self):
        page = self.open(runs.cnn())
        self.assertEqual(page.run("document.querySelectorAll('.sample.right canvas, .sample.wrong canvas').length"),
                         page.run("document.querySelectorAll('.sample').length"))
        wrong = page.run("[...document.querySelectorAll('.sample.wrong')].filter((s) => !s.previousSibling).length")
        self.assertGreaterEqual(wrong, 1)
        pixels = page.run("(() => { const c = document.querySelector('.sample canvas'); return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0); })()")
        self.assertEqual((len(pixels), min(pixels), max(pixels)), (64, 0, 255))

    def test_language_model(self):
        page = self.open(runs.language())
        self.assert_sound(page)
        text = page.run("[...document.querySelectorAll('.sequence')].map((s) => s.textContent).join('|')")
        source = (runs.folder() / "text.txt").read_text()
        sequences = text.split("|")
        self.assertEqual(len(sequences), 6)
        for sequence in sequences:
            self.assertIn(sequence.replace("\u21b5", ""), source)
        title = page.run("document.querySelector('.sequence span').title")
        self.assertRegex(title, r'^".+": probability [<> \d.]+ %; predicted ".+" with [<> \d.]+ %; after ".+"$')

    def test_regression(self):
        page = self.open(runs.regression())
        self.assert_sound(page)
        self.assertEqual(page.run("document.querySelectorAll('.scatter circle').length"), 250)
        points = json.loads((runs.regression() / "predictions.json").read_text())["points"]
        mae = json.loads((runs.regression() / "run.json").read_text())["metrics"]["test"]["mae"]
        self.assertAlmostEqual(sum(abs(a - b) for a, b, _ in points) / len(points), mae, places=3)

    def test_values_that_are_not_finite_are_gaps(self):
        made = [{"step": i, "epoch": i / 10, "split": "train", "loss": None if i in (3, 4) else 1 / (i + 1)} for i in range(10)]
        page = self.open(runs.made_up("gaps", made))
        self.assert_sound(page)
        self.assertEqual(page.run("document.querySelector('path.curve').getAttribute('d').match(/M/g).length"), 2)
        self.assertEqual(self.drawn(page), {("loss", "train"): 8})

    def test_long_curves_are_thinned_without_losing_peaks(self):
        made = [{"step": i, "split": "train", "loss": 1 + 0.001 * (i % 7) + (50 if i == 123456 else 0)} for i in range(200_000)]
        run = runs.made_up("long", made)
        self.assertLess((run / "report.html").stat().st_size, 1_000_000)
        page = self.open(run)
        self.assert_sound(page)
        self.assertLess(self.drawn(page)[("loss", "train")], 5000)
        self.assertIn("thinned", page.run("document.querySelector('.thinned').textContent"))
        self.assertGreaterEqual(max(self.ticks(page, "loss", "y")), 40)
        values = page.run("JSON.parse(document.getElementById('data').textContent).runs[0].series[0].value")
        self.assertEqual(values.count(51.004), 1)

    def test_a_run_that_was_killed_within_a_record(self):
        text = "".join(json.dumps({"step": i, "epoch": i, "split": "train", "loss": 2.0 - i / 10}) + "\n" for i in range(5))
        page = self.open(runs.made_up("cut", [text, '{"step": 5, "epoch": 5, "spl'], run={"status": "running", "name": "cut"}))
        self.assert_sound(page)
        self.assertEqual(self.drawn(page), {("loss", "train"): 5})
        self.assertEqual(page.run("document.querySelector('.status').textContent"), "killed")
        self.assertIn("cut off while it wrote", page.run("document.querySelector('.notes').textContent"))

    # -- what the controls do

    def path(self, page, metric="loss"):
        return page.run(f"document.querySelector('figure[data-metric={metric}] path.curve').getAttribute('d')")

    def test_log_switch(self):
        page = self.open(runs.cnn())
        linear, before = self.ticks(page, "loss", "y"), self.path(page)
        accuracy = self.path(page, "accuracy")
        page.click("figure[data-metric=loss] button.log")
        self.assertEqual(page.run("document.querySelector('figure[data-metric=loss] button.log').getAttribute('aria-pressed')"), "true")
        ticks = self.ticks(page, "loss", "y")
        self.assertNotEqual(ticks, linear)
        # The ticks of a logarithmic scale are 1, 2 and 5 times powers of ten.
        self.assertTrue(all(re.fullmatch(r"[125]e[+-]\d+", f"{t:.0e}") and t > 0 for t in ticks), ticks)
        self.assertNotEqual(self.path(page), before)
        self.assertEqual(self.path(page, "accuracy"), accuracy)
        page.click("figure[data-metric=loss] button.log")
        self.assertEqual(self.path(page), before)
        self.assert_sound(page)

    def test_dragging_zooms_all_charts_and_double_click_resets(self):
        page = self.open(runs.cnn())
        before, other, ticks = self.path(page), self.path(page, "accuracy"), self.ticks(page, "loss", "x")
        self.assertTrue(page.run("document.querySelector('button.reset').disabled"))
        page.drag("figure[data-metric=loss] svg", 0.5, 0.75)
        zoomed = self.ticks(page, "loss", "x")
        self.assertGreater(min(zoomed), min(ticks))
        self.assertLess(max(zoomed), max(ticks))
        self.assertNotEqual(self.path(page), before)
        self.assertNotEqual(self.path(page, "accuracy"), other)
        self.assertFalse(page.run("document.querySelector('button.reset').disabled"))
        page.click("figure[data-metric=loss] svg", count=2)
        self.assertEqual(self.path(page), before)
        page.drag("figure[data-metric=loss] svg", 0.5, 0.75)
        page.click("button.reset")
        self.assertEqual(self.path(page), before)
        self.assert_sound(page)

    def test_the_wheel_zooms_a_chart_that_was_clicked(self):
        page = self.open(runs.cnn(), height=600)
        before = self.path(page)
        left, top, width, height = page.box("figure[data-metric=loss] svg")
        page.mouse("mouseWheel", left + width / 2, top + height / 2, deltaX=0, deltaY=-200)
        page.settle()
        self.assertEqual(self.path(page), before)
        page.click("figure[data-metric=loss] svg")
        left, top, width, height = page.box("figure[data-metric=loss] svg")
        page.mouse("mouseWheel", left + width / 2, top + height / 2, deltaX=0, deltaY=-200)
        page.settle()
        self.assertNotEqual(self.path(page), before)
        page.key("Escape")
        self.assertEqual(self.path(page), before)

    def test_pointing_shows_values_and_keys_move(self):
        page = self.open(runs.cnn())
        left, top, width, height = page.box("figure[data-metric=accuracy] svg")
        page.mouse("mouseMoved", left + width - 16, top + height / 2)
        page.settle()
        tip = page.run("document.querySelector('figure[data-metric=accuracy] .tip').innerText")
        last = [r for r in runs.records(runs.cnn()) if r["split"] == "val"][-1]
        self.assertIn(f"step {last['step']}", tip)
        self.assertIn(f"{last['accuracy']:.5g}", tip)
        page.run("document.querySelector('figure[data-metric=loss] svg').focus()")
        page.key("ArrowLeft")
        first = page.run("document.querySelector('figure[data-metric=loss] .heard').textContent")
        page.key("ArrowRight")
        self.assertIn("at step", first)
        self.assertNotEqual(page.run("document.querySelector('figure[data-metric=loss] .heard').textContent"), first)

    def test_smoothing_and_axis_and_legend(self):
        page = self.open(runs.cnn())
        page.run("(() => { const s = document.querySelector('.smoothing'); s.value = '0.8'; s.dispatchEvent(new Event('input')); })()")
        self.assertEqual(page.run("document.querySelectorAll('figure[data-metric=lr] path.smooth').length"), 1)
        steps = max(self.ticks(page, "loss", "x"))
        page.run("(() => { const s = document.querySelector('.controls select'); s.value = 'epoch'; s.dispatchEvent(new Event('change')); })()")
        self.assertLessEqual(max(self.ticks(page, "loss", "x")), 8)
        self.assertGreater(steps, 100)
        page.click("figure[data-metric=loss] .legend button")
        self.assertNotIn(("loss", "train"), self.drawn(page))
        self.assertIn(("loss", "val"), self.drawn(page))
        self.assert_sound(page)

    # -- pages as such

    def test_hostile_names_are_text(self):
        made = [{"step": i, "epoch": i, "split": split, "loss": 1.0, HOSTILE: 2.0, "constructor": 1, "__proto__": 3} for i in range(3) for split in ("train", HOSTILE)]
        run = {"status": HOSTILE[:39], "name": HOSTILE, "config": HOSTILE, "host": HOSTILE, "error": HOSTILE, "data": {HOSTILE: HOSTILE},
               "metrics": {HOSTILE: {HOSTILE: 1.0}}, "best": {"metric": HOSTILE, "value": 1, "step": 1}, "expect": [{"name": HOSTILE, "value": 1, "met": False}],
               "higher_is_better": [HOSTILE], "steps": "many", "seconds": -1, "params": 1e300}
        path = runs.folder() / "hostile"
        runs.made_up("hostile", made, config=f"name: {HOSTILE}\n# <!-- {HOSTILE}\n\"{HOSTILE}\": '{HOSTILE}'\n", run=run)
        (path / "log.txt").write_text(f"warning: {HOSTILE}\n\x1b[31m\x00error: {HOSTILE}\n")
        (path / "predictions.json").write_text(json.dumps(
            {"split": HOSTILE, "step": HOSTILE, "kind": "classes", "loss": HOSTILE, "samples": 2, "labels": [HOSTILE, HOSTILE], "confusion": [[1, 2], [3, 4]],
             "form": "samples", "first": [{"index": HOSTILE, "true": 0, "predicted": 1, "confidence": HOSTILE, "input": {"tokens": [HOSTILE]}}]}))
        runs.dlbench("report", "hostile", "--quiet")
        page = self.open(path)
        self.assert_sound(page)
        self.assertIsNone(page.run("window.broken"))
        self.assertEqual(page.run("document.images.length + document.querySelectorAll('script').length"), 2)
        text = page.run("document.body.innerText")
        for place in ("#yaml", "#results", "#environment", "#messages", "#samples", "figcaption strong"):
            self.assertIn("window.broken = 1", page.run(f"[...document.querySelectorAll('{place}')].map((e) => e.innerText + e.textContent).join()"), place)
        self.assertIn("window.broken", text)
        self.assertEqual(self.drawn(page)[("__proto__", "train")], 3)

    def test_predictions_of_a_wrong_form_leave_the_rest(self):
        for n, predictions in enumerate(({"form": "samples", "first": 3, "confusion": "x"}, {"form": "masks", "first": [{}]}, {"points": [[1], None, [1, 2]]},
                                         {"form": "images", "first": [{"true": {"height": 1e9, "width": -3, "data": "%%"}}]}, {"confusion": [[1, 2], 3], "labels": None})):
            run = runs.made_up(f"odd-{n}", [{"step": 1, "split": "train", "loss": 1.0}])
            (run / "predictions.json").write_text(json.dumps(predictions))
            runs.dlbench("report", run.name, "--quiet")
            page = self.open(run)
            self.assertEqual(self.drawn(page), {("loss", "train"): 1})
            self.assertEqual(page.requests, [page.address])

    def test_nothing_points_outside(self):
        runs.dlbench("compare", runs.cnn().name, runs.other_cnn().name, "--html", "both.html", "--quiet")
        for file in (runs.cnn() / "report.html", runs.folder() / "both.html"):
            text = file.read_text()
            self.assertEqual(re.findall(r"""(?:src|href|action)\s*=\s*["'](?!#)[^"']*""", text), [])
            self.assertEqual([u for u in re.findall(r"https?://[^\s\"'<]+", text) if u != "http://www.w3.org/2000/svg"], [])
            self.assertNotRegex(text, r"@import|url\((?!#)(?!`)")

    def test_comparison_overlays_curves(self):
        runs.dlbench("compare", runs.cnn().name, runs.other_cnn().name, "--html", "overlaid.html", "--quiet")
        page = self.open(runs.folder(), "overlaid.html")
        self.assert_sound(page)
        paths = page.run("[...document.querySelectorAll('figure[data-metric=loss] path.curve')].map((p) => [p.dataset.run, p.dataset.split, Number(p.dataset.points)])")
        expected = [[run.name, split, len(values)] for run in (runs.cnn(), runs.other_cnn())
                    for (metric, split), values in runs.curves(run).items() if metric == "loss"]
        self.assertCountEqual(paths, expected)
        page.screenshot(ARTEFACTS / "compare.png")

    def test_labels_for_those_who_do_not_see(self):
        page = self.open(runs.cnn())
        self.assertEqual(page.run("[...document.querySelectorAll('svg, canvas')].filter((e) => e.getAttribute('role') !== 'img' || !e.getAttribute('aria-label')).length"), 0)
        self.assertEqual(page.run("[...document.querySelectorAll('table')].filter((t) => !t.caption || !t.querySelector('th[scope=col]')).length"), 0)
        self.assertEqual(page.run("[...document.querySelectorAll('input, select')].filter((e) => !e.labels.length).length"), 0)
        self.assertRegex(page.run("document.querySelector('figure[data-metric=loss] svg').getAttribute('aria-label')"), r"^loss by step: train from [\d.]+ to [\d.]+; val")
        self.assertEqual(page.run("document.documentElement.lang"), "en")

    def test_without_scripts_the_numbers_are_there(self):
        text = re.sub(r"<script.*?</script>", "", (runs.cnn() / "report.html").read_text(), flags=re.S)
        result = json.loads((runs.cnn() / "run.json").read_text())
        for needed in (f"{result['metrics']['test']['accuracy']:.6g}", result["params_hash"], "conv2d", result["host"]):
            self.assertIn(needed, text)

    def test_screenshots_in_light_and_dark_and_on_paper(self):
        colours = set()
        for name, run, dark in (("report", runs.cnn(), False), ("report-dark", runs.cnn(), True), ("report-language", runs.language(), False),
                                ("report-regression", runs.regression(), True)):
            page = self.open(run, dark=dark)
            page.screenshot(ARTEFACTS / f"{name}.png")
            self.assertGreater((ARTEFACTS / f"{name}.png").stat().st_size, 20_000)
            colours.add(page.run("getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(len(colours), 2)
        page = self.open(runs.cnn(), media="print", width=794)
        self.assertEqual(page.run("getComputedStyle(document.querySelector('nav')).display"), "none")
        page.screenshot(ARTEFACTS / "report-print.png")

    def test_narrow_windows_do_not_scroll_sideways(self):
        page = self.open(runs.cnn(), width=390, height=800)
        self.assertLessEqual(page.run("document.documentElement.scrollWidth"), 390)
        self.assertEqual(self.drawn(page)[("loss", "val")], 8)
