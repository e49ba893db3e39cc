// Candles with every order on them; an order that is chosen says why it was made.
"use strict";
(() => {
  const { figures, byId, colour, say, element, onTheme } = Rookery;
  const { base, quote, digits, interval, start, at, prices, tracks, labels } = figures.orders;
  const marks = figures.orders.marks.map(
    ([id, candle, side, outcome, facts, costs, probabilities, confidence, gates, features]) =>
      ({ id, candle, side, outcome, facts, costs, probabilities, confidence, gates, features, title: `Order ${id}: ${side}, ${outcome}` }));
  const box = byId("candle-chart");
  const times = at.map((count) => start + count * interval);
  const written = (value, places) =>
    value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places }).replace("-", "−");
  const format = (places) => ({ type: "custom", minMove: 10 ** -places, formatter: (value) => written(value, places) });
  let chart, candles, markers, lines;
  let chosen = -1;

  function place() {
    box.hidden = false;
    box.closest("figure").classList.add("drawn-live");
    box.style.height = `${340 + 116 * tracks.length}px`;
    box.tabIndex = 0;
    box.setAttribute("role", "application");
    box.setAttribute("aria-label", `Price of ${base} in ${quote} with ${marks.length} orders. Arrow keys walk through the orders, plus and minus zoom, Escape shows the whole span.`);
  }

  function draw() {
    chart = LightweightCharts.createChart(box, {
      autoSize: true,
      localization: { locale: "en-GB", timeFormatter: (time) => `${new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC` },
      timeScale: { timeVisible: true, secondsVisible: interval < 60, minBarSpacing: 0.02, rightOffset: 2 },
      crosshair: { mode: 0 },
      // The wheel belongs to the page; buttons, keys, pinch and the axes zoom.
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: false },
    });
    candles = chart.addSeries(LightweightCharts.CandlestickSeries, { priceLineVisible: false, lastValueVisible: false, priceFormat: format(digits) });
    candles.setData(times.map((time, index) => {
      const [open, high, low, close] = prices.map((column) => column[index]);
      return { time, open, high, low, close };
    }));
    candles.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.06 } });
    markers = LightweightCharts.createSeriesMarkers(candles, []);
    lines = tracks.map(drawTrack);
    chart.panes().forEach((pane, index) => pane.setStretchFactor(index ? 1 : 3.2));
    chart.subscribeClick((param) => choose(nearest(param), false));
    paint();
    firstView();
    requestAnimationFrame(nameParts);
    Rookery.candleChart = chart;
  }

  function drawTrack(track, index) {
    const line = chart.addSeries(LightweightCharts.LineSeries, {
      lineWidth: 1, priceLineVisible: false, lastValueVisible: false, crosshairMarkerRadius: 3, priceFormat: format(track.digits), lineType: 1,
    }, index + 1);
    line.setData(times.map((time, row) => (track.values[row] === null ? { time } : { time, value: track.values[row] })));
    line.priceScale().applyOptions({ scaleMargins: { top: 0.28, bottom: 0.08 } });
    const level = track.level === null ? null : line.createPriceLine({ price: track.level, lineWidth: 1, lineStyle: 2 });
    return { line, level };
  }

  function nameParts() {
    const names = [`Price (${quote} per ${base})`, ...tracks.map((track) => track.title + (track.levelName ? `, dashed: ${track.levelName}` : ""))];
    chart.panes().forEach((pane, index) => {
      const name = element("span", names[index], { class: "part-name" });
      name.style.top = `${pane.getHTMLElement().getBoundingClientRect().top - box.getBoundingClientRect().top + 3}px`;
      box.append(name);
    });
  }

  function paint() {
    if (!chart) return;
    const [paper, ink, soft, line, candle] = ["--paper", "--ink", "--soft", "--line", "--candle"].map(colour);
    const fontFamily = getComputedStyle(document.body).fontFamily;
    chart.applyOptions({
      layout: { background: { color: paper }, textColor: soft, fontFamily, fontSize: 12, panes: { separatorColor: line, separatorHoverColor: line, enableResize: false } },
      grid: { vertLines: { visible: false }, horzLines: { color: line } },
      rightPriceScale: { borderVisible: false, entireTextOnly: true },
      timeScale: { borderColor: line },
      crosshair: { vertLine: { color: soft, labelBackgroundColor: ink }, horzLine: { color: soft, labelBackgroundColor: ink } },
    });
    candles.applyOptions({ upColor: paper, downColor: candle, borderUpColor: candle, borderDownColor: candle, wickUpColor: candle, wickDownColor: candle });
    for (const { line: one, level } of lines) {
      one.applyOptions({ color: colour("--blue") });
      level?.applyOptions({ color: colour("--orange-mark"), axisLabelColor: colour("--orange"), axisLabelTextColor: paper });
    }
    paintMarks();
    // The library's link would tell where the page came from.
    const logo = byId("tv-attr-logo");
    if (logo) Object.assign(logo, { href: "https://www.tradingview.com/", rel: "noreferrer" });
  }

  function paintMarks() {
    const [blue, orange, grey] = ["--blue", "--orange-mark", "--grey"].map(colour);
    markers.setMarkers(marks.map((mark, index) => {
      const buy = mark.side === "BUY";
      const refused = mark.outcome === "refused";
      return {
        id: String(index), time: times[mark.candle], position: buy ? "belowBar" : "aboveBar",
        shape: refused ? "square" : buy ? "arrowUp" : "arrowDown", color: refused ? grey : buy ? blue : orange,
        size: index === chosen ? 2.2 : refused ? 0.6 : 1, text: index === chosen ? String(mark.id) : undefined,
      };
    }));
  }

  function list(heading, names, values) {
    const part = element("div", "");
    const rows = element("dl", "");
    names.forEach((name, index) => {
      const row = element("div", "");
      row.append(element("dt", name), element("dd", values[index]));
      rows.append(row);
    });
    part.append(element("h4", heading), rows);
    return part;
  }

  function chances(mark) {
    const part = list("Probabilities (%)", labels.classes, mark.probabilities);
    part.querySelectorAll("dl div").forEach((row, index) => {
      const fill = element("i", "");
      fill.style.width = `${mark.probabilities[index]}%`;
      const bar = element("dd", "", { class: "chance", "aria-hidden": "true" });
      bar.append(fill);
      row.append(bar);
    });
    part.querySelector("dl").append(...list("", ["Confidence", "Threshold"], mark.confidence).querySelectorAll("dl div"));
    return part;
  }

  function explain(mark) {
    const gates = mark.gates.map(([name, , limit]) => `${labels.gates[name]} ${limit}`);
    const columns = [
      [list("Order", labels.facts, mark.facts)],
      [mark.probabilities.length && chances(mark), gates.length && list("Gates", gates, mark.gates.map(([, value, , passed]) => `${value} ${passed ? "passed" : "stopped it"}`))],
      [mark.features.length && list("Features at that time", labels.features, mark.features), mark.costs.length && list("Costs", labels.costs, mark.costs)],
    ];
    const parts = element("div", "", { class: "order-parts" });
    for (const blocks of columns.map((column) => column.filter(Boolean)).filter((column) => column.length)) {
      const column = element("div", "");
      column.append(...blocks);
      parts.append(column);
    }
    byId("order-detail").replaceChildren(element("h3", mark.title), parts);
    byId("order-number").value = mark.id;
  }

  function zoomTo(mark) {
    const range = chart.timeScale().getVisibleLogicalRange();
    const width = Math.min(range.to - range.from, 160);
    const from = Math.max(-2, Math.min(mark.candle - width / 2, times.length + 2 - width));
    chart.timeScale().setVisibleLogicalRange({ from, to: from + width });
  }

  function choose(index, move) {
    Rookery.drawNow(box);
    if (index < 0 || index >= marks.length) return;
    chosen = index;
    const mark = marks[index];
    paintMarks();
    explain(mark);
    if (move) zoomTo(mark);
    // The chart moves at its next frame; a place asked for before that would be the old one.
    requestAnimationFrame(() => chart.setCrosshairPosition(prices[3][mark.candle], times[mark.candle], candles));
    say(`${mark.title}. ${mark.facts.slice(0, 5).map((fact, order) => `${labels.facts[order]}: ${fact}`).join(", ")}`);
  }

  function nearest(param) {
    if (param.hoveredObjectId !== undefined) return Number(param.hoveredObjectId);
    if (param.logical === undefined) return -1;
    // An arrow is wider than its candle: the nearest within ten pixels is meant.
    const reach = 10 / chart.timeScale().options().barSpacing;
    let best = -1;
    marks.forEach((mark, index) => {
      const distance = Math.abs(mark.candle - param.logical);
      if (distance <= reach && (best < 0 || distance < Math.abs(marks[best].candle - param.logical))) best = index;
    });
    return best;
  }

  function zoom(factor) {
    const { from, to } = chart.timeScale().getVisibleLogicalRange();
    const half = ((to - from) * factor) / 2;
    chart.timeScale().setVisibleLogicalRange({ from: (from + to) / 2 - half, to: (from + to) / 2 + half });
  }

  const whole = () => chart.timeScale().fitContent();

  function firstView() {
    // More orders than one per four pixels would hide the price: then the last ones are shown first.
    const most = Math.floor(box.clientWidth / 4);
    if (marks.length <= most) return whole();
    chart.timeScale().setVisibleLogicalRange({ from: marks[marks.length - most].candle, to: times.length + 2 });
  }

  const actions = {
    ArrowRight: () => choose(Math.min(chosen + 1, marks.length - 1), true),
    ArrowLeft: () => choose(chosen < 0 ? marks.length - 1 : Math.max(chosen - 1, 0), true),
    Home: () => choose(0, true),
    End: () => choose(marks.length - 1, true),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    Escape: whole,
  };
  box.addEventListener("keydown", (event) => {
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
  byId("order-before")?.addEventListener("click", actions.ArrowLeft);
  byId("order-after")?.addEventListener("click", actions.ArrowRight);
  byId("candles-reset")?.addEventListener("click", whole);
  byId("order-number")?.addEventListener("change", (event) => choose(marks.findIndex((mark) => String(mark.id) === event.target.value), true));
  Rookery.showOrder = (id) => {
    choose(marks.findIndex((mark) => mark.id === id), true);
    byId("decisions").scrollIntoView();
    box.focus({ preventScroll: true });
  };
  onTheme(paint);
  place();
  Rookery.drawSoon(box, draw);
})();
