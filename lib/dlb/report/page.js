"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const runs = Array.isArray(data.runs) ? data.runs : [];
  const SVG = "http://www.w3.org/2000/svg";

  // Elements are made and text is set as text, never as HTML: names come from files.
  const fill = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== undefined && value !== null) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };
  const html = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

  const number = (value) => {
    if (!Number.isFinite(value)) return "not finite";
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e7 || size < 1e-4) return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
    return String(Number(value.toPrecision(size >= 1000 ? 7 : 5)));
  };
  // What would not be seen is shown by a sign for it.
  const visible = (text) => (/^\s*$/.test(text) ? [...text].map((c) => ({ " ": "\u2423", "\n": "\u21b5", "\t": "\u21e5" })[c] || "\u2423").join("") || "(empty)" : text);
  const clip = (text, most) => (text.length > most ? text.slice(0, most - 1) + "\u2026" : text);

  // ---- curves -------------------------------------------------------------------------------------------------

  const SPLITS = ["train", "val", "test"];
  const state = { axis: "step", zoom: null, smooth: 0, hover: null };
  const charts = [];

  const curvesOf = () => {
    const byMetric = new Map();
    runs.forEach((run, index) => {
      for (const s of run.series || []) {
        if (!byMetric.has(s.metric)) byMetric.set(s.metric, []);
        const known = SPLITS.indexOf(s.split);
        const color = runs.length > 1 ? index % 8 : known >= 0 ? known : 3;
        byMetric.get(s.metric).push({
          run, split: s.split, step: s.step, epoch: s.epoch && s.epoch.length === s.step.length ? s.epoch : null, value: s.value,
          records: s.records, thinned: s.thinned, css: `c${color}`, thin: false, hidden: false,
          label: runs.length > 1 ? `${run.name} \u00b7 ${s.split}` : s.split || s.metric,
        });
      }
    });
    // Beside evaluations of several runs, what was measured in training stands back.
    for (const curves of byMetric.values()) {
      const evaluated = curves.some((curve) => curve.split !== "train");
      for (const curve of curves) curve.thin = runs.length > 1 && evaluated && curve.split === "train";
    }
    return byMetric;
  };

  const xOf = (curve) => (state.axis === "epoch" && curve.epoch ? curve.epoch : curve.step);

  // The mean with weights that fall by `smooth` from point to point, corrected for its start.
  const smoothed = (values, smooth) => {
    let mean = 0, weight = 0;
    return values.map((value) => {
      if (value === null) return null;
      mean = smooth * mean + (1 - smooth) * value;
      weight = smooth * weight + (1 - smooth);
      return mean / weight;
    });
  };

  const niceTicks = (low, high, count) => {
    const span = high - low;
    if (!(span > 0)) return [low];
    const raw = span / count, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].find((m) => m * power >= raw) * power;
    const ticks = [];
    for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9 && ticks.length < 50; ++i) ticks.push(i * step);
    return ticks.map((t) => Number(t.toPrecision(12)));
  };
  const logTicks = (low, high) => {
    const ticks = [], many = Math.floor(high) - Math.ceil(low) >= 2;
    for (let power = Math.floor(low); power <= Math.ceil(high); ++power) {
      for (const m of many ? [1] : [1, 2, 5]) {
        const at = Math.log10(m) + power;
        if (at >= low - 1e-9 && at <= high + 1e-9) ticks.push(m * 10 ** power);
      }
    }
    const every = Math.ceil(ticks.length / 8);
    return ticks.filter((_, i) => i % every === 0);
  };

  const wholeRange = () => {
    let low = Infinity, high = -Infinity;
    for (const chart of charts) {
      for (const curve of chart.curves) {
        for (const x of xOf(curve)) {
          if (x === null) continue;
          if (x < low) low = x;
          if (x > high) high = x;
        }
      }
    }
    if (!(low <= high)) return [0, 1];
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  };
  const redraw = () => {
    for (const chart of charts) chart.draw();
    reset.disabled = state.zoom === null;
  };
  const setZoom = (low, high) => {
    const whole = wholeRange();
    const from = Math.max(low, whole[0]), to = Math.min(high, whole[1]);
    if (!(to - from > (whole[1] - whole[0]) * 1e-6)) return;
    state.zoom = from <= whole[0] && to >= whole[1] ? null : [from, to];
    redraw();
  };
  const resetZoom = () => {
    state.zoom = null;
    redraw();
  };

  const MARGIN = { left: 56, right: 14, top: 10, bottom: 24 };
  let charted = 0;

  class Chart {
    constructor(metric, curves) {
      this.metric = metric;
      this.curves = curves;
      this.log = false;
      this.id = `plot-${charted++}`;
      this.logButton = html("button", { type: "button", class: "toggle log", "aria-pressed": "false", title: "logarithmic scale (key: l)",
        onclick: () => this.toggleLog() }, "log");
      this.plot = svg("svg", { tabindex: "0", role: "img" });
      this.tip = html("div", { class: "tip", hidden: "" });
      this.heard = html("div", { class: "heard", "aria-live": "polite" });
      this.legend = html("div", { class: "legend" });
      this.figure = html("figure", { class: "chart", "data-metric": metric },
        html("figcaption", {}, html("strong", {}, metric), this.logButton), this.plot, this.legend, this.tip, this.heard);
      this.makeLegend();
      this.listen();
    }

    makeLegend() {
      for (const curve of this.curves) {
        const finite = curve.value.filter((v) => v !== null);
        const last = finite.length ? ` ${number(finite[finite.length - 1])}` : "";
        const note = curve.thinned ? `, ${curve.records} records, thinned to ${curve.value.length} points that keep lows and highs` : "";
        curve.button = html("button", { type: "button", "aria-pressed": "true", title: `show or hide ${curve.label}${note}`,
          onclick: () => {
            curve.hidden = !curve.hidden;
            curve.button.setAttribute("aria-pressed", String(!curve.hidden));
            this.draw();
          } },
          html("span", { class: `swatch ${curve.css}${curve.thin ? " thin" : ""}` }), html("span", {}, clip(curve.label, 60) + last));
        this.legend.append(curve.button);
      }
    }

    toggleLog() {
      this.log = !this.log;
      this.logButton.setAttribute("aria-pressed", String(this.log));
      this.draw();
    }

    shown(curve) {
      return curve.value.map((value) => (value === null || (this.log && value <= 0) ? null : value));
    }

    draw() {
      const box = this.plot.getBoundingClientRect();
      const width = Math.max(200, box.width || 600), height = Math.max(120, box.height || 240);
      this.width = width;
      this.height = height;
      const [x0, x1] = (this.range = state.zoom || wholeRange());
      let low = Infinity, high = -Infinity;
      const visible = this.curves.filter((curve) => !curve.hidden);
      for (const curve of visible) {
        const xs = xOf(curve);
        this.shown(curve).forEach((y, i) => {
          if (y === null || xs[i] < x0 || xs[i] > x1) return;
          if (y < low) low = y;
          if (y > high) high = y;
        });
      }
      if (!(low <= high)) [low, high] = this.log ? [0.1, 1] : [0, 1];
      if (this.log) [low, high] = [Math.log10(low), Math.log10(high)];
      const pad = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.05, this.log ? 0.3 : 1e-12, high === 0 ? 1 : 0);
      low -= pad;
      high += pad;
      const inner = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
      const px = (x) => inner[0] + ((x - x0) / (x1 - x0)) * (inner[1] - inner[0]);
      const py = (y) => inner[3] - (((this.log ? Math.log10(y) : y) - low) / (high - low)) * (inner[3] - inner[2]);
      Object.assign(this, { px, py, inner });

      const parts = [];
      for (const tick of this.log ? logTicks(low, high) : niceTicks(low, high, 5)) {
        const y = Math.round(py(tick)) + 0.5;
        parts.push(svg("line", { class: "grid", x1: inner[0], x2: inner[1], y1: y, y2: y }),
          svg("text", { x: inner[0] - 6, y: y + 3.5, "text-anchor": "end" }, number(tick)));
      }
      for (const tick of niceTicks(x0, x1, Math.max(2, Math.floor(width / 90)))) {
        parts.push(svg("line", { class: "grid", x1: Math.round(px(tick)) + 0.5, x2: Math.round(px(tick)) + 0.5, y1: inner[2], y2: inner[3] }),
          svg("text", { x: px(tick), y: height - 7, "text-anchor": "middle" }, number(tick)));
      }
      const clipPath = svg("clipPath", { id: this.id }, svg("rect", { x: inner[0] - 6, y: inner[2] - 6, width: inner[1] - inner[0] + 12, height: inner[3] - inner[2] + 12 }));
      const drawn = svg("g", { "clip-path": `url(#${this.id})` });
      for (const curve of visible) this.drawCurve(curve, drawn);
      this.cross = svg("line", { class: "cross", y1: inner[2], y2: inner[3], visibility: "hidden" });
      this.band = svg("rect", { class: "band", y: inner[2], height: inner[3] - inner[2], visibility: "hidden" });
      this.marks = svg("g", {});
      this.plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.plot.setAttribute("aria-label", this.summary());
      this.plot.replaceChildren(svg("defs", {}, clipPath), ...parts, drawn, this.band, this.cross, this.marks);
    }

    drawCurve(curve, into) {
      const xs = xOf(curve), raw = this.shown(curve);
      const path = (values) => {
        let d = "", pen = false;
        values.forEach((y, i) => {
          if (y === null || xs[i] === null) {
            pen = false;
            return;
          }
          d += `${pen ? "L" : "M"}${this.px(xs[i]).toFixed(2)} ${this.py(y).toFixed(2)}`;
          pen = true;
        });
        return d;
      };
      const smooth = state.smooth > 0 && raw.length > 2;
      const thin = curve.thin ? " thin" : "";
      const names = { "data-split": curve.split, "data-run": curve.run.name, "data-metric": this.metric };
      into.append(svg("path", { class: `curve ${curve.css}${smooth ? " raw" : thin}`, d: path(raw), "data-points": raw.filter((y) => y !== null).length, ...names }));
      if (smooth) into.append(svg("path", { class: `curve smooth ${curve.css}${thin}`, d: path(smoothed(raw, state.smooth)), ...names }));
      // A point without neighbours is no line.
      raw.forEach((y, i) => {
        const alone = y !== null && (raw[i - 1] ?? null) === null && (raw[i + 1] ?? null) === null;
        if (alone) into.append(svg("circle", { class: `dot ${curve.css}`, cx: this.px(xs[i]).toFixed(2), cy: this.py(y).toFixed(2), r: 4 }));
      });
      const best = this.bestOf(curve, raw);
      if (best >= 0) {
        into.append(svg("circle", { class: `best ${curve.css}`, cx: this.px(xs[best]).toFixed(2), cy: this.py(raw[best]).toFixed(2), r: 4.5 },
          svg("title", {}, `best ${curve.split} ${this.metric}: ${number(raw[best])} at step ${curve.step[best]}`)));
      }
    }

    /** Where an evaluated metric was best; -1 for what is no result. */
    bestOf(curve, values) {
      if (curve.split === "train" || values.length < 2) return -1;
      const higher = (curve.run.higher || []).includes(this.metric);
      let best = -1;
      values.forEach((value, i) => {
        if (value !== null && (best < 0 || (higher ? value > values[best] : value < values[best]))) best = i;
      });
      return best;
    }

    summary() {
      const lines = this.curves.filter((curve) => !curve.hidden).slice(0, 8).map((curve) => {
        const finite = curve.value.filter((v) => v !== null);
        return finite.length ? `${curve.label} from ${number(finite[0])} to ${number(finite[finite.length - 1])}` : `${curve.label} without values`;
      });
      return `${this.metric} by ${state.axis}: ${lines.join("; ")}`;
    }

    xAt(event) {
      const box = this.plot.getBoundingClientRect();
      const at = ((event.clientX - box.left) / box.width) * this.width;
      const share = Math.min(1, Math.max(0, (at - this.inner[0]) / (this.inner[1] - this.inner[0])));
      return this.range[0] + share * (this.range[1] - this.range[0]);
    }

    nearest(curve, x) {
      const xs = xOf(curve);
      let best = -1;
      this.shown(curve).forEach((y, i) => {
        if (y !== null && (best < 0 || Math.abs(xs[i] - x) < Math.abs(xs[best] - x))) best = i;
      });
      return best;
    }

    point(x, spoken) {
      const rows = [];
      this.marks.replaceChildren();
      for (const curve of this.curves) {
        if (curve.hidden) continue;
        const i = this.nearest(curve, x);
        if (i < 0) continue;
        const raw = curve.value[i];
        const px = this.px(xOf(curve)[i]);
        if (px >= this.inner[0] - 1 && px <= this.inner[1] + 1) this.marks.append(svg("circle", { class: `dot ${curve.css}`, cx: px.toFixed(2), cy: this.py(raw).toFixed(2), r: 3.5 }));
        const mean = state.smooth > 0 ? smoothed(this.shown(curve), state.smooth)[i] : null;
        rows.push({ curve, raw, mean, step: curve.step[i], epoch: curve.epoch ? curve.epoch[i] : null });
      }
      if (!rows.length) return this.leave();
      this.tip.replaceChildren(...rows.slice(0, 16).map((row) => html("div", {}, html("span", { class: `swatch ${row.curve.css}` }),
        html("span", {}, clip(row.curve.label, 40)), html("b", {}, number(row.raw) + (row.mean === null ? "" : ` (${number(row.mean)})`)),
        html("small", {}, `step ${row.step}` + (row.epoch === null ? "" : `, epoch ${number(row.epoch)}`)))));
      this.tip.hidden = false;
      const at = this.px(x) * (this.plot.getBoundingClientRect().width / this.width);
      const right = at > this.plot.clientWidth / 2;
      this.tip.style.top = "2.6rem";
      this.tip.style.left = right ? "" : `${at + 26}px`;
      this.tip.style.right = right ? `${this.figure.clientWidth - at - 2}px` : "";
      if (spoken) this.heard.textContent = rows.map((row) => `${row.curve.label} ${number(row.raw)} at step ${row.step}`).join(", ");
      for (const chart of charts) chart.crossAt(x);
    }

    crossAt(x) {
      const at = x === null ? -1 : this.px(x);
      const inside = at >= this.inner[0] && at <= this.inner[1];
      this.cross.setAttribute("visibility", inside ? "visible" : "hidden");
      if (inside) for (const end of ["x1", "x2"]) this.cross.setAttribute(end, at.toFixed(1));
    }

    leave() {
      this.tip.hidden = true;
      this.marks.replaceChildren();
      for (const chart of charts) chart.crossAt(null);
    }

    zoomBy(factor, around) {
      const [a, b] = this.range;
      setZoom(around - (around - a) * factor, around + (b - around) * factor);
    }

    listen() {
      let drag = null;
      this.plot.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        drag = { x: this.xAt(event), client: event.clientX, pan: event.shiftKey, range: this.range };
        try {
          this.plot.setPointerCapture(event.pointerId);
        } catch (_) { /* a pointer that is gone already */ }
        this.plot.focus({ preventScroll: true });
      });
      this.plot.addEventListener("pointermove", (event) => {
        const x = this.xAt(event);
        if (drag && drag.pan) {
          const shift = ((drag.client - event.clientX) / this.plot.getBoundingClientRect().width) * (drag.range[1] - drag.range[0]);
          setZoom(drag.range[0] + shift, drag.range[1] + shift);
        } else if (drag) {
          const [a, b] = [this.px(Math.min(drag.x, x)), this.px(Math.max(drag.x, x))];
          this.band.setAttribute("x", a);
          this.band.setAttribute("width", b - a);
          this.band.setAttribute("visibility", "visible");
        }
        this.point(x);
      });
      const release = (event) => {
        if (!drag) return;
        const from = drag;
        drag = null;
        this.band.setAttribute("visibility", "hidden");
        if (event.type === "pointerup" && !from.pan && Math.abs(event.clientX - from.client) > 5) {
          const x = this.xAt(event);
          setZoom(Math.min(from.x, x), Math.max(from.x, x));
        }
      };
      this.plot.addEventListener("pointerup", release);
      this.plot.addEventListener("pointercancel", release);
      this.plot.addEventListener("pointerleave", () => this.leave());
      this.plot.addEventListener("dblclick", resetZoom);
      this.plot.addEventListener("wheel", (event) => {
        // A page that is scrolled past a chart must not be caught by it.
        if (!event.ctrlKey && !event.metaKey && document.activeElement !== this.plot) return;
        event.preventDefault();
        this.zoomBy(Math.exp(Math.max(-1, Math.min(1, event.deltaY * 0.002))), this.xAt(event));
      }, { passive: false });
      this.plot.addEventListener("blur", () => this.leave());
      this.plot.addEventListener("keydown", (event) => this.key(event));
    }

    key(event) {
      const middle = (this.range[0] + this.range[1]) / 2;
      if (event.key === "+" || event.key === "=") this.zoomBy(0.6, middle);
      else if (event.key === "-") this.zoomBy(1 / 0.6, middle);
      else if (event.key === "0" || event.key === "Escape") resetZoom();
      else if (event.key === "l") this.toggleLog();
      else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        const curve = this.curves.find((c) => !c.hidden);
        if (!curve) return;
        const xs = xOf(curve);
        let i = this.at === undefined ? this.nearest(curve, middle) : this.at + (event.key === "ArrowRight" ? 1 : -1);
        i = Math.max(0, Math.min(xs.length - 1, i));
        this.at = i;
        this.point(xs[i], true);
      } else return;
      event.preventDefault();
    }
  }

  const reset = html("button", { type: "button", class: "reset", disabled: "", onclick: resetZoom }, "reset zoom");

  const drawCharts = (place) => {
    for (const [metric, curves] of curvesOf()) charts.push(new Chart(metric, curves));
    if (!charts.length) {
      place.append(html("p", { class: "muted" }, "Nothing has been measured yet."));
      return;
    }
    const axis = html("select", { onchange: () => {
      state.axis = axis.value;
      resetZoom();
    } }, html("option", { value: "step" }, "step"), html("option", { value: "epoch" }, "epoch"));
    const output = html("output", {}, "0");
    const smooth = html("input", { type: "range", class: "smoothing", min: "0", max: "0.99", step: "0.01", value: "0", oninput: () => {
      state.smooth = Number(smooth.value);
      output.textContent = smooth.value;
      redraw();
    } });
    const hasEpochs = charts.some((chart) => chart.curves.some((curve) => curve.epoch));
    const grid = html("div", { class: "charts" }, ...charts.map((chart) => chart.figure));
    place.append(html("div", { class: "controls" }, hasEpochs ? html("label", {}, "axis ", axis) : null,
      html("label", {}, "smoothing ", smooth, " ", output), reset,
      html("span", { class: "hint" }, "Drag over a chart to zoom all of them, Shift and drag to move; the wheel zooms a chart that was clicked; double-click resets. Keys: + \u2212 0 l \u2190 \u2192")), grid);
    const thinned = charts.some((chart) => chart.curves.some((curve) => curve.thinned));
    if (thinned) place.append(html("p", { class: "muted thinned" }, "Long curves are thinned: of each stretch the lowest and the highest value are drawn."));
    redraw();
    if (window.ResizeObserver) new ResizeObserver(() => redraw()).observe(grid);
    window.addEventListener("beforeprint", redraw);
  };

  // ---- predictions --------------------------------------------------------------------------------------------

  const list = (value) => (Array.isArray(value) ? value : []);
  const percent = (value) => {
    if (!Number.isFinite(value)) return "";
    if (value > 0.9995 && value < 1) return "> 99.9 %";
    if (value > 0 && value < 0.0005) return "< 0.1 %";
    return value === 1 || value === 0 ? `${100 * value} %` : `${(100 * value).toFixed(1)} %`;
  };

  const bytesOf = (text) => {
    const decoded = atob(String(text));
    return Uint8Array.from(decoded, (c) => c.charCodeAt(0));
  };
  const canvasOf = (height, width, colour, description) => {
    const canvas = html("canvas", { width, height, role: "img", "aria-label": description });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let i = 0; i < height * width; ++i) image.data.set(colour(i), 4 * i);
    context.putImageData(image, 0, 0);
    return canvas;
  };
  const side = (value) => Math.max(1, Math.min(256, Number(value) || 1));
  const picture = (p, description) => {
    const bytes = bytesOf(p.data), colours = p.channels === 3;
    return canvasOf(side(p.height), side(p.width),
      (i) => (colours ? [bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2], 255] : [bytes[i], bytes[i], bytes[i], 255]), description);
  };
  const PALETTE = [[32, 36, 44], [64, 132, 244], [240, 160, 40], [40, 180, 130], [200, 80, 190], [230, 80, 70], [150, 120, 240], [90, 190, 210], [190, 180, 60]];
  const mask = (m, description) => {
    const bytes = bytesOf(m.data);
    return canvasOf(side(m.height), side(m.width), (i) => [...PALETTE[bytes[i] === 0 ? 0 : 1 + ((bytes[i] - 1) % 8)], 255], description);
  };
  const captioned = (canvas, text) => html("figure", {}, canvas, html("figcaption", {}, text));

  const inputOf = (input, description) => {
    if (!input) return null;
    if (input.image) return html("div", { class: "pictures" }, picture(input.image, description));
    if (input.tokens) return html("div", { class: "tokens" }, ...list(input.tokens).map((token) => html("span", {}, clip(String(token), 40) + " ")));
    if (input.values) {
      const values = list(input.values).map((v) => (v === null ? "not finite" : number(v)));
      return html("div", { class: "quiet" }, values.join("  ") + (input.of > values.length ? ` \u2026 (${input.of} numbers)` : ""));
    }
    return null;
  };

  const matrix = (p) => {
    const rows = list(p.confusion), labels = list(p.labels).map((label) => visible(String(label))), size = rows.length;
    const small = size > 20;
    const place = html("div", {});
    const sums = rows.map((row) => list(row).reduce((a, b) => a + b, 0));
    const predicted = rows.map((_, c) => rows.reduce((a, row) => a + (row[c] || 0), 0));
    let shares = false;
    const draw = () => {
      const head = html("tr", {}, html("th", { scope: "col", class: "corner" }, "true \u2193 \u00b7 predicted \u2192"), ...labels.map((label) => html("th", { scope: "col", title: label }, small ? "" : clip(label, 10))),
        small ? null : html("th", { scope: "col", class: "wide", title: "share of the class that is found" }, "recall"), small ? null : html("th", { scope: "col", class: "wide", title: "share of the predictions of the class that are right" }, "precision"));
      const body = rows.map((row, r) => html("tr", {}, html("th", { scope: "row", title: labels[r] }, small && size > 40 ? "" : clip(labels[r] || "", 18)),
        ...list(row).map((count, c) => {
          const share = sums[r] > 0 ? count / sums[r] : 0;
          const cell = html("td", { title: `${count} of ${sums[r]} of class ${labels[r]}, predicted ${labels[c]}` }, small || count === 0 ? "" : shares ? percent(share).replace(" %", "") : String(count));
          cell.style.backgroundColor = count === 0 ? "var(--soft)" : `rgba(var(${r === c ? "--heat" : "--miss"}), ${(0.12 + 0.75 * Math.sqrt(share)).toFixed(3)})`;
          return cell;
        }),
        small ? null : html("td", { class: "aside" }, sums[r] > 0 ? percent(row[r] / sums[r]) : ""),
        small ? null : html("td", { class: "aside" }, predicted[r] > 0 ? percent(row[r] / predicted[r]) : "")));
      const table = html("table", { class: small ? "matrix small" : "matrix" }, html("caption", {}, "Confusion matrix"), html("thead", {}, head), html("tbody", {}, ...body));
      const button = html("button", { type: "button", class: "toggle", "aria-pressed": String(shares), onclick: () => {
        shares = !shares;
        draw();
      } }, "percent of each row");
      place.replaceChildren(html("h3", {}, "Confusion matrix"), small ? "" : button, html("div", { class: "scroll" }, table));
    };
    draw();
    const worst = [];
    rows.forEach((row, r) => list(row).forEach((count, c) => {
      if (r !== c && count > 0) worst.push([count, r, c]);
    }));
    worst.sort((a, b) => b[0] - a[0]);
    const often = worst.length && size > 2 ? html("div", {}, html("h3", {}, "Most often mistaken"), html("table", {}, html("caption", {}, "Most frequent mistakes"),
      html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "true"), html("th", { scope: "col" }, "predicted"), html("th", { scope: "col", class: "number" }, "times"), html("th", { scope: "col", class: "number" }, "of the class"))),
      html("tbody", {}, ...worst.slice(0, 10).map(([count, r, c]) => html("tr", {}, html("th", { scope: "row" }, clip(labels[r] || "", 30)), html("td", {}, clip(labels[c] || "", 30)),
        html("td", { class: "number" }, String(count)), html("td", { class: "number" }, percent(count / sums[r]))))))) : null;
    const both = html("div", { class: "split" }, place, often);
    return small ? html("details", {}, html("summary", {}, `Confusion matrix of ${size} classes`), both) : both;
  };

  const classSample = (s, labels) => {
    const name = (id, own) => clip(visible(String(own ?? labels[id] ?? id)), 60);
    const right = s.true === s.predicted;
    const truth = name(s.true, s.true_label), said = name(s.predicted, s.predicted_label);
    return html("div", { class: `sample ${right ? "right" : "wrong"}`, title: `sample ${s.index}` },
      inputOf(s.input, `sample ${s.index}: true ${truth}, predicted ${said}`),
      html("div", { class: "said" }, html("b", {}, `${right ? "\u2713" : "\u2717"} ${said}`), ` ${percent(s.confidence)}`),
      right ? null : html("div", { class: "quiet" }, `true ${truth}, ${percent(s.true_probability)}`));
  };

  const sequence = (s) => html("div", { class: "sequence tokens", title: `sample ${s.index}` }, ...list(s.positions).map((t) => {
    const p = Number(t.probability) || 0;
    const shown = String(t.true) === "\n" ? "\u21b5\n" : String(t.true);
    const span = html("span", { title: `${JSON.stringify(t.true)}: probability ${percent(p)}; predicted ${JSON.stringify(t.predicted)} with ${percent(Number(t.confidence))}` +
      (t.input === undefined ? "" : `; after ${JSON.stringify(t.input)}`) }, shown);
    const right = t.true === t.predicted;
    span.style.backgroundColor = right ? `rgba(var(--heat), ${(0.1 + 0.4 * p).toFixed(2)})` : `rgba(var(--miss), ${(0.45 * (1 - p)).toFixed(2)})`;
    return span;
  }));

  const scatter = (p) => {
    const points = list(p.points).filter((q) => Array.isArray(q) && Number.isFinite(q[0]) && Number.isFinite(q[1]));
    if (!points.length) return null;
    let low = Infinity, high = -Infinity;
    for (const [a, b] of points) {
      low = Math.min(low, a, b);
      high = Math.max(high, a, b);
    }
    const pad = (high - low || 1) * 0.05;
    low -= pad;
    high += pad;
    const size = 420, left = 54, bottom = 40;
    const px = (v) => left + ((v - low) / (high - low)) * (size - left - 12), py = (v) => size - bottom - ((v - low) / (high - low)) * (size - bottom - 12);
    const parts = [];
    for (const tick of niceTicks(low, high, 5)) {
      parts.push(svg("line", { class: "grid", x1: px(tick), x2: px(tick), y1: py(low), y2: py(high) }), svg("line", { class: "grid", x1: px(low), x2: px(high), y1: py(tick), y2: py(tick) }),
        svg("text", { x: px(tick), y: size - bottom + 16, "text-anchor": "middle" }, number(tick)), svg("text", { x: left - 6, y: py(tick) + 4, "text-anchor": "end" }, number(tick)));
    }
    parts.push(svg("line", { class: "ideal", x1: px(low), y1: py(low), x2: px(high), y2: py(high) }),
      svg("text", { x: (left + size) / 2, y: size - 4, "text-anchor": "middle" }, "true"),
      svg("text", { transform: `translate(11 ${(size - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, "predicted"),
      ...points.map(([a, b, k]) => svg("circle", { class: `point c${(k || 0) % 8}`, cx: px(a).toFixed(1), cy: py(b).toFixed(1), r: 3 }, svg("title", {}, `true ${number(a)}, predicted ${number(b)}${p.outputs > 1 ? `, output ${k}` : ""}`))));
    const errors = points.map(([a, b]) => b - a);
    const mean = errors.reduce((a, b) => a + b, 0) / errors.length, rms = Math.sqrt(errors.reduce((a, b) => a + b * b, 0) / errors.length);
    return html("div", { class: "scatter" }, html("h3", {}, "Predicted against true"), svg("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": `${points.length} predictions against true values, from ${number(low)} to ${number(high)}` }, ...parts),
      html("p", { class: "muted" }, `${points.length} points, spread evenly over the split; their mean error is ${number(mean)}, the root of its mean square ${number(rms)}.`));
  };

  const drawPredictions = (place, p) => {
    const labels = list(p.labels).map(String), first = list(p.first), mistakes = list(p.mistakes);
    place.append(html("p", { class: "muted" }, `Of the split ${p.split} after step ${p.step}, ${p.samples} samples` +
      (p.counted !== undefined && p.counted !== p.samples ? `, ${p.counted} targets` : "") + `; as the loss ${p.loss} reads the model's output.`));
    if (p.confusion && list(p.confusion).length <= 20) place.append(matrix(p));
    if (p.points) place.append(scatter(p) || "");
    if (p.form === "samples") {
      if (mistakes.length) {
        place.append(html("h3", {}, "Mistakes made with the most confidence"), html("div", { class: "wall" }, ...mistakes.map((s) => classSample(s, labels))));
      }
      place.append(html("h3", {}, "First samples"), html("div", { class: "wall" }, ...first.map((s) => classSample(s, labels))));
    } else if (p.form === "sequences") {
      place.append(html("h3", {}, "First samples"), html("p", { class: "muted" }, "The true text. Blue: predicted rightly, the darker the surer; red: another token was thought more probable. Point at a token for details."), ...first.map(sequence));
    } else if (p.form === "masks") {
      place.append(html("h3", {}, "First samples"), html("div", { class: "wall" }, ...first.map((s) => html("div", { class: "sample" }, html("div", { class: "pictures" },
        s.input && s.input.image ? captioned(picture(s.input.image, `input of sample ${s.index}`), "input") : null,
        captioned(mask(s.true, `true mask of sample ${s.index}`), "true"), captioned(mask(s.predicted, `predicted mask of sample ${s.index}`), "predicted"))))));
    } else if (p.form === "images") {
      place.append(html("h3", {}, "First samples"), html("div", { class: "wall" }, ...first.map((s) => html("div", { class: "sample" }, html("div", { class: "pictures" },
        captioned(picture(s.true, `target of sample ${s.index}`), "target"), captioned(picture(s.predicted, `output for sample ${s.index}`), "output"))))));
    }
    if (p.confusion && list(p.confusion).length > 20) place.append(matrix(p));
  };

  // ---- config -------------------------------------------------------------------------------------------------

  const scalar = (text) => {
    const trimmed = text.trim();
    const css = /^(["']).*\1$/.test(trimmed) ? "string" : /^([-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?|true|false|null|~|-?\.inf|\.nan)$/i.test(trimmed) ? "value" : null;
    return css ? html("span", { class: css }, text) : document.createTextNode(text);
  };
  const highlight = (pre) => {
    const lines = pre.textContent.split("\n");
    if (lines.length > 20000) return;
    const out = [];
    for (const line of lines) {
      if (/^\s*#/.test(line)) {
        out.push(html("span", { class: "comment" }, line), "\n");
        continue;
      }
      const match = /^(\s*(?:- )*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s:#"'][^:#]*?)(:)(\s.*|)$/.exec(line);
      if (match) out.push(match[1], html("span", { class: "key" }, match[2]), match[3], scalar(match[4]));
      else {
        const item = /^(\s*(?:- )*)(.*)$/.exec(line);
        out.push(item[1], scalar(item[2]));
      }
      out.push("\n");
    }
    out.pop();
    pre.replaceChildren(...out);
  };

  // One part that cannot be drawn must not take the others with it.
  const attempt = (id, draw) => {
    const place = document.getElementById(id);
    if (!place) return;
    try {
      draw(place);
    } catch (error) {
      console.error(error);
      place.append(html("p", { class: "muted" }, `This part cannot be drawn: ${error.message}`));
    }
  };
  attempt("charts", drawCharts);
  attempt("samples", (place) => drawPredictions(place, data.predictions || {}));
  attempt("yaml", highlight);
})();
