// Line charts on canvas: one cursor and one zoom per group, read out to who cannot see them.
"use strict";
(() => {
  const { figures, byId, colour, say, element, onTheme } = Rookery;
  // Whole pixels: uPlot scales a font by its digits before "px".
  const FONT = `12px ${getComputedStyle(document.body).fontFamily}`;
  const LOOKS = {
    agent: ["--blue", 2.2], validation: ["--blue", 2.2], flat: ["--grey", 1.4], random: ["--grey", 1.4, [1.5, 3]],
    buy_and_hold: ["--orange-mark", 1.7, [7, 4]], teacher: ["--ink", 1.4, [8, 3, 2, 3]], train: ["--orange-mark", 1.5, [5, 3]],
    other: ["--ink", 1.4, [3, 2]],
  };
  const groups = new Map();

  const written = (value, digits) =>
    value == null ? "–" : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
  const whole = (value) => Math.abs(value - Math.round(value)) < 1e-6;
  const decimals = (step) => [0, 1, 2, 3, 4, 5, 6, 7].find((digits) => whole(step * 10 ** digits)) ?? 8;
  const pad = (number) => String(number).padStart(2, "0");
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  function when(spec, value) {
    return spec.kind === "time" ? `${new Date(value).toISOString().slice(0, 16).replace("T", " ")} UTC` : `${spec.xTitle} ${value}`;
  }

  function timeLabels(splits, step) {
    return splits.map((at) => {
      const date = new Date(at);
      const midnight = date.getUTCHours() + date.getUTCMinutes() + date.getUTCSeconds() === 0;
      if (step >= 28 * 864e5) return `${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
      if (midnight) return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
      return `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}${step < 6e4 ? `:${pad(date.getUTCSeconds())}` : ""}`;
    });
  }

  function roundSplits(low, high) {
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => power * factor >= rough);
    const splits = [];
    for (let at = Math.ceil(low / step); at * step <= high; at += 1) splits.push(at * step);
    return splits;
  }

  function series(spec) {
    const drawn = spec.lines.map((line) => {
      const [name, width, dash] = LOOKS[line.role];
      return {
        label: line.name, width, dash, stroke: () => colour(name), points: { show: spec.x.length === 1 },
        ...(line.filled ? { fill: () => colour("--blue-wash"), fillTo: () => 0 } : {}),
      };
    });
    const edges = spec.band ? [{ label: "low", width: 0 }, { label: "high", width: 0 }] : [];
    // Drawn from last to first: the agent, first in the record, lies on top.
    return [{}, ...[...drawn, ...edges].reverse()];
  }

  function shade(u, spec) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.font = FONT.replace("12px", `${12 * uPlot.pxRatio}px`);
    ctx.textBaseline = "bottom";
    spec.segments.forEach(([name, start, end], order) => {
      const left = Math.max(bbox.left, u.valToPos(start, "x", true));
      const right = Math.min(bbox.left + bbox.width, u.valToPos(end, "x", true));
      if (right - left < 2) return;
      if (order % 2 === 0) {
        ctx.fillStyle = colour("--segment");
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
      }
      ctx.fillStyle = colour("--soft");
      if (right - left > ctx.measureText(name).width + 8) ctx.fillText(name, left + 4, bbox.top - 3);
    });
    if (spec.rule) {
      const x = Math.round(u.valToPos(spec.rule[0], "x", true));
      ctx.strokeStyle = ctx.fillStyle = colour("--soft");
      ctx.setLineDash([3, 3]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.textAlign = "center";
      ctx.fillText(spec.rule[1], x, bbox.top - 3);
    }
    ctx.restore();
  }

  function axes(spec, log) {
    const look = { stroke: () => colour("--soft"), font: FONT, labelFont: FONT, labelGap: 4, labelSize: 20, ticks: { show: false } };
    const grid = { stroke: () => colour("--line"), width: 1 };
    const time = spec.kind === "time";
    return [
      { ...look, label: spec.xTitle, size: 28, gap: 6, grid: { show: false },
        values: (u, splits, axis, space, step) => (time ? timeLabels(splits, step) : splits.map((at) => (Number.isInteger(at) ? at : ""))) },
      { ...look, label: spec.yTitle || undefined, size: spec.group === "equity" ? 60 : 48, gap: 6, grid,
        ...(log ? { splits: (u, axis, low, high) => roundSplits(low, high), filter: (u, splits) => splits } : {}),
        values: (u, splits) => splits.map((at) => written(at, splits.length > 1 ? decimals(splits[1] - splits[0]) : spec.digits)) },
    ];
  }

  function range(log) {
    if (log) return (u, low, high) => [low / 1.005, high * 1.005];
    return (u, low, high) => {
      const room = 0.04 * (high - low) || Math.abs(high) * 0.01 || 1;
      return [low === 0 ? 0 : low - room, high === 0 ? 0 : high + room];
    };
  }

  function draw(spec, box, log) {
    const count = spec.y.length;
    const options = {
      width: box.clientWidth, height: spec.height, ms: 1, legend: { show: false },
      padding: [18, 22, 0, 0],
      tzDate: (at) => uPlot.tzDate(new Date(at), "Etc/UTC"),
      cursor: { y: false, sync: { key: spec.group, scales: ["x", null] }, drag: { x: true, y: false }, points: { size: 7 } },
      scales: { x: { time: spec.kind === "time" }, y: { distr: log ? 3 : 1, range: range(log) } },
      axes: axes(spec, log),
      series: series(spec),
      bands: spec.band ? [{ series: [1, 2], fill: () => colour("--blue-wash") }] : [],
      hooks: { drawClear: [(u) => shade(u, spec)], setCursor: [() => readOut(spec.group)] },
    };
    const chart = new uPlot(options, [spec.x, ...spec.y.slice().reverse()], box);
    return { spec, box, chart, count, log };
  }

  const column = (one, line) => one.count - line;
  const reset = (group) => groups.get(group).forEach(({ chart, spec }) => chart.setScale("x", { min: spec.x[0], max: spec.x.at(-1) }));

  function values(group, line, at) {
    return groups.get(group)
      .map(({ spec, chart }) => written(chart.data[spec.y.length - line][at(chart)], spec.digits) + spec.suffix)
      .join(" · ");
  }

  function readOut(group) {
    const list = document.querySelector(`.legend[data-group="${group}"]`);
    const charts = groups.get(group);
    if (!list || !charts) return;
    const { chart, spec } = charts[0];
    const idle = chart.cursor.idx == null;
    const at = (one) => one.cursor.idx ?? one.data[0].length - 1;
    list.querySelector(".when").textContent = when(spec, spec.x[at(chart)]) + (idle ? " (end)" : "");
    list.querySelectorAll("[data-line]").forEach((item, line) => {
      item.querySelector("output").textContent = values(group, line, at);
    });
  }

  function speak({ spec, chart }) {
    const charts = groups.get(spec.group);
    const lines = spec.lines.map((line, index) => {
      const read = charts.map((one) => written(one.chart.data[column(one, index)]?.[one.chart.cursor.idx], one.spec.digits) + one.spec.suffix);
      return `${line.name} ${(spec.group === "training" ? [written(chart.data[spec.y.length - index][chart.cursor.idx], spec.digits)] : read).join(", ")}`;
    });
    say(`${when(spec, spec.x[chart.cursor.idx])}: ${lines.join("; ")}`);
  }

  function onKey(one, event) {
    const { chart, spec } = one;
    const { min, max } = chart.scales.x;
    const now = chart.cursor.idx ?? chart.valToIdx(max);
    const step = event.shiftKey ? 20 : 1;
    const move = { ArrowLeft: now - step, ArrowRight: now + step, Home: chart.valToIdx(min), End: chart.valToIdx(max) }[event.key];
    const zoom = { "+": 0.25, "=": 0.25, "-": 1 }[event.key];
    if (move !== undefined) {
      const index = Math.min(Math.max(move, 0), spec.x.length - 1);
      for (const other of groups.get(spec.group)) other.chart.setCursor({ left: other.chart.valToPos(spec.x[index], "x"), top: 8 });
      speak(one);
    } else if (zoom !== undefined) {
      const middle = spec.x[now];
      const half = (max - min) * zoom;
      const limits = { min: Math.max(spec.x[0], middle - half), max: Math.min(spec.x.at(-1), middle + half) };
      groups.get(spec.group).forEach((other) => other.chart.setScale("x", limits));
    } else if (event.key === "Escape") {
      reset(spec.group);
      say("whole span");
    } else {
      return;
    }
    event.preventDefault();
  }

  function makeLegend(group) {
    const list = document.querySelector(`.legend[data-group="${group}"]`);
    if (!list) return;
    list.querySelectorAll("[data-line]").forEach((item, line) => {
      const button = element("button", "", { type: "button", "aria-pressed": "true", title: "Show or hide" });
      button.append(...item.childNodes, element("output", "", { "aria-live": "off" }));
      item.append(button);
      button.addEventListener("click", () => {
        const show = button.getAttribute("aria-pressed") === "false";
        button.setAttribute("aria-pressed", String(show));
        groups.get(group).forEach((one) => one.chart.setSeries(column(one, line), { show }));
      });
    });
    list.prepend(element("li", "", { class: "when" }));
    readOut(group);
  }

  function place(spec) {
    const box = byId(spec.id);
    let sum = 0;
    spec.x = spec.x.map((step) => (sum += step));
    box.hidden = false;
    box.style.minHeight = `${spec.height}px`;
    box.closest("figure").classList.add("drawn-live");
    box.tabIndex = 0;
    box.setAttribute("role", "application");
    const name = box.parentElement.querySelector("svg.plot").getAttribute("aria-label");
    box.setAttribute("aria-label", `${name}. Arrow keys read values, plus and minus zoom, Escape shows the whole span.`);
    return { spec, box };
  }

  function bring(one) {
    const { spec, box } = one;
    Object.assign(one, draw(spec, box, false));
    box.addEventListener("keydown", (event) => onKey(one, event));
    new ResizeObserver(() => {
      if (box.clientWidth && box.clientWidth !== one.chart.width) one.chart.setSize({ width: box.clientWidth, height: spec.height });
    }).observe(box);
  }

  function bringGroup(group, charts) {
    charts.forEach(bring);
    groups.set(group, charts);
    makeLegend(group);
  }

  const drawn = () => [...groups.values()].flat();
  const planned = new Map();
  for (const spec of figures.charts) planned.set(spec.group, [...(planned.get(spec.group) ?? []), place(spec)]);
  for (const [group, charts] of planned) Rookery.drawSoon(charts[0].box, () => bringGroup(group, charts));
  for (const button of document.querySelectorAll("[data-reset]")) button.addEventListener("click", () => reset(button.dataset.reset));
  for (const button of document.querySelectorAll("[data-log]")) {
    button.hidden = !figures.charts.find((spec) => spec.id === button.dataset.log).log;
    button.addEventListener("click", () => {
      const one = drawn().find(({ spec }) => spec.id === button.dataset.log);
      button.setAttribute("aria-pressed", String(!one.log));
      one.chart.destroy();
      Object.assign(one, draw(one.spec, one.box, !one.log));
      for (const { chart } of groups.get(one.spec.group)) chart.setCursor({ left: -10, top: -10 });
    });
  }
  onTheme(() => drawn().forEach(({ chart }) => chart.redraw(false, false)));
  Rookery.lineCharts = groups;
})();
