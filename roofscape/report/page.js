// Draws the figures in the colours of the paper they lie on, and lets the sliders look up what the estimator returned. No law is written here.
"use strict";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const figures = read("figures");
const grids = read("grids");
const colours = read("colours");
const drawn = new Set();

// ---- figures -------------------------------------------------------------------------------------------------------
function paper() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

function themed(layout) {
  const of = paper();
  const result = structuredClone(layout);
  result.font = { ...result.font, color: of("ink") };
  result.hoverlabel = { bgcolor: of("card"), bordercolor: of("line"), align: "left", font: { color: of("ink") } };
  for (const key of Object.keys(result).filter((k) => /^[xy]axis/.test(k))) {
    Object.assign(result[key], { gridcolor: of("grid"), linecolor: of("line"), zerolinecolor: of("faint"), tickcolor: of("line") });
  }
  return result;
}

function fitted(figure, width) {
  // Smaller letters on a phone, and the names of sloping roofs turned to the slope that they have at this width.
  const layout = structuredClone(figure.layout);
  layout.autosize = true;
  if (width < NARROW) layout.font = { ...layout.font, size: 11 };
  const span = (axis) => axis.range[1] - axis.range[0];
  for (const note of layout.annotations || []) {
    if (width < NARROW) note.font = { ...note.font, size: 10 };
    if (note.name !== "along") continue;
    const across = (width - 95) / span(layout.xaxis);
    const up = (layout.height - layout.margin.t - layout.margin.b) / span(layout.yaxis);
    const angle = Math.atan2(up, across);
    note.textangle = (-angle * 180) / Math.PI;
    note.xshift = -10 * Math.sin(angle);
    note.yshift = 10 * Math.cos(angle);
  }
  return layout;
}

const NARROW = 560;
const named = (trace) => trace.mode === "markers+text";
const PLACES = ["bottom center", "bottom right", "bottom left", "middle right", "middle left", "top center", "top right", "top left"];
const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;

function boxed(place, x, y, radius, [width, height]) {
  // Where a name would stand beside its mark.
  const [up, side] = place.split(" ");
  const left = side === "center" ? x - width / 2 : side === "right" ? x + radius : x - radius - width;
  const top = up === "middle" ? y - height / 2 : up === "bottom" ? y + radius : y - radius - height;
  return { left, top, right: left + width, bottom: top + height };
}

function place(div, figure) {
  // On a narrow page a name stands where it touches neither an edge nor another name, the heaviest operator's first, or nowhere: the table has them all.
  const { xaxis, yaxis, _size: area, font } = div._fullLayout;
  const frame = div.getBoundingClientRect();
  const [edge, base] = [frame.left + area.l, frame.top + area.t];
  const taken = [...div.querySelectorAll(".annotation-text")].map((words) => words.getBoundingClientRect());
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${font.size}px ${font.family}`;
  const marks = figure.data.flatMap((trace, t) => (named(trace) ? trace.text.map((words, i) => ({ t, i, words, size: trace.marker.size[i] })) : []));
  const [texts, places] = ["text", "textposition"].map((key) => figure.data.map((trace) => (named(trace) ? [...trace[key]] : null)));
  for (const { t, i, words, size } of marks.filter((mark) => mark.words).sort((a, b) => b.size - a.size)) {
    const lines = words.split(", ");
    const room = [Math.max(...lines.map((line) => pen.measureText(line).width)) + 4, lines.length * font.size * 1.35];
    const [x, y] = [edge + xaxis.d2p(figure.data[t].x[i]), base + yaxis.d2p(figure.data[t].y[i])];
    const free = PLACES.find((where) => {
      const box = boxed(where, x, y, size / 2, room);
      return box.left >= edge && box.right <= edge + area.w && box.top >= base && box.bottom <= base + area.h && taken.every((other) => apart(box, other));
    });
    if (free) taken.push(boxed(free, x, y, size / 2, room));
    texts[t][i] = free ? lines.join("<br>") : "";
    places[t][i] = free || places[t][i];
  }
  const which = figure.data.map((_, t) => t).filter((t) => texts[t]);
  return Plotly.restyle(div, { text: which.map((t) => texts[t]), textposition: which.map((t) => places[t]) }, which);
}

function draw(div) {
  const figure = figures[div.dataset.figure];
  const layout = themed(fitted(figure, div.clientWidth));
  drawn.add(div);
  const done = Plotly.react(div, figure.data, layout, { responsive: true, displayModeBar: false });
  return div.clientWidth < NARROW && figure.data.some(named) ? done.then(() => place(div, figure)) : done;
}

const visible = (div) => !div.closest("[hidden]") && (!div.closest("details") || div.closest("details").open);
const drawAll = () => document.querySelectorAll(".figure[data-figure]").forEach((div) => visible(div) && draw(div));

function redraw() {
  document.querySelectorAll(".figure[data-figure]").forEach((div) => drawn.has(div) && draw(div));
  document.querySelectorAll(".what-if").forEach((panel) => panel.redraw && panel.redraw());
}

let asked;
addEventListener("resize", () => { clearTimeout(asked); asked = setTimeout(redraw, 150); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

function printing(on) {
  // Figures are drawn anew for paper: its width and its colours are not the screen's.
  document.documentElement.classList.toggle("printing", on);
  redraw();
}
addEventListener("beforeprint", () => printing(true));
addEventListener("afterprint", () => printing(false));
matchMedia("print").addEventListener("change", (query) => printing(query.matches));

// ---- numbers as people read them ---------------------------------------------------------------------------------------
const PREFIXES = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "u"], [1e-9, "n"]];

function show(value, unit) {
  if (!Number.isFinite(value) || value === 0) return `${value} ${unit}`;
  const small = unit === "s";
  const [scale, prefix] = PREFIXES.find(([s]) => value >= 0.9995 * s && (small ? s <= 1 : s >= 1)) || [1, ""];
  const digits = Math.max(0, 2 - Math.floor(Math.log10(value / scale)));
  return `${Number((value / scale).toFixed(digits))} ${prefix}${unit}`.replace(/\s+/g, " ").trimEnd();
}

// ---- what-if -------------------------------------------------------------------------------------------------------------
function unpack(text, Type) {
  return new Type(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}

function opened(grid) {
  // The grid with its columns unpacked, and the stride of each axis (the last runs fastest).
  const columns = Object.fromEntries(Object.entries(grid.outputs).map(([name, text]) => [name, unpack(text, Float64Array)]));
  const shares = Object.fromEntries(Object.entries(grid.shares).map(([name, text]) => [name, unpack(text, Uint8Array)]));
  const ends = Object.fromEntries(Object.entries(grid.ends).map(([name, pair]) => [name, pair.map((text) => unpack(text, Uint16Array))]));
  const sizes = grid.axes.map((axis) => axis.texts.length);
  const strides = sizes.map((_, i) => sizes.slice(i + 1).reduce((a, b) => a * b, 1));
  const [feasible, extrapolated] = [grid.feasible, grid.extrapolated].map((text) => unpack(text, Uint8Array));
  return { ...grid, columns, shares, ends, feasible, extrapolated, bound: unpack(grid.bound, Uint8Array), strides };
}

function start(panel) {
  const grid = opened(grids[panel.dataset.grid]);
  const inputs = [...panel.querySelectorAll("input[type=range]")];
  const curve = panel.querySelector(".curve");
  let last = Number(panel.dataset.axis);

  const row = (at) => at.reduce((sum, place, i) => sum + place * grid.strides[i], 0);
  const places = () => inputs.map((input) => Number(input.value));

  function update() {
    const at = places();
    const index = row(at);
    inputs.forEach((input, i) => {
      const words = grid.axes[i].texts[at[i]];
      input.parentElement.querySelector("output").textContent = words;
      input.setAttribute("aria-valuetext", words);
    });
    panel.querySelectorAll("[data-output]").forEach((field) => {
      const value = grid.columns[field.dataset.output][index];
      field.dataset.value = String(value);
      field.textContent = show(value, field.dataset.unit);
      const base = grid.columns[field.dataset.output][row(grid.axes.map((axis) => axis.at))];
      const change = value / base - 1;
      field.parentElement.querySelector(".change").textContent = Math.abs(change) < 5e-4 ? "as estimated" : `${change > 0 ? "+" : "−"}${Math.abs(change * 100).toFixed(1)} %`;
    });
    panel.querySelectorAll("[data-ends]").forEach((field) => {
      const value = grid.columns[field.dataset.ends][index];
      const [below, above] = grid.ends[field.dataset.ends].map((ratio) => ratio[index] / 65535);
      const [low, high] = [value * below, value / above].map((end) => show(end, field.dataset.unit));
      field.textContent = `90 %: ${low} to ${high}${grid.extrapolated[index] ? " (extrapolated)" : ""}`;
    });
    const name = grid.resources[grid.bound[index]];
    panel.querySelector("[data-bound]").textContent = name;
    const fit = panel.querySelector("[data-feasible]");
    fit.textContent = grid.feasible[index] ? "yes" : "no";
    fit.parentElement.className = `card ${grid.feasible[index] ? "good" : "bad"}`;
    stack(index);
    plot(at);
  }

  function stack(index) {
    const bar = panel.querySelector(".stack");
    const parts = grid.resources.map((name) => [name, grid.shares[name][index] / 255]).filter(([, share]) => share > 0.002);
    bar.replaceChildren(...parts.sort((a, b) => b[1] - a[1]).map(([name, share]) => {
      const span = document.createElement("span");
      span.style.cssText = `flex: 0 1 ${share * 100}%; background: ${colours[name]}`;
      span.title = `${name} ${(share * 100).toFixed(0)} %`;
      span.textContent = share * bar.clientWidth > 85 ? span.title : "";
      return span;
    }));
  }

  function plot(at) {
    const axis = grid.axes[last];
    const output = panel.dataset.main;
    const of = paper();
    const line = axis.texts.map((_, i) => row(at.map((place, j) => (j === last ? i : place))));
    const values = line.map((i) => grid.columns[output][i]);
    const [scale, unit] = [[1, "s"], [1e-3, "ms"], [1e-6, "us"]].find(([s]) => Math.max(...values) >= s) || [1e-9, "ns"];
    const here = at[last];
    const plotted = {
      x: axis.texts, y: values.map((v) => v / scale), mode: "lines+markers", cliponaxis: false, line: { color: of("accent"), width: 2 }, hoverinfo: "text",
      hovertext: line.map((i, k) => `${axis.label} ${axis.texts[k]}: ${show(values[k], "s")}, ${grid.resources[grid.bound[i]]}${grid.feasible[i] ? "" : ", infeasible"}`),
      marker: {
        size: line.map((_, k) => (k === here ? 14 : 8)), color: line.map((i) => colours[grid.resources[grid.bound[i]]]),
        symbol: line.map((i) => (grid.feasible[i] ? "circle" : "x")), line: { width: line.map((_, k) => (k === here ? 2 : 0)), color: of("ink") },
      },
    };
    const layout = themed({
      height: 230, margin: { l: 8, r: 12, t: 10, b: 46 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, dragmode: false,
      font: figures.font, autosize: true,
      xaxis: { type: "category", automargin: true, fixedrange: true, tickfont: { size: curve.clientWidth < 560 ? 10 : 13 }, title: { text: axis.label, standoff: 6 } },
      yaxis: { rangemode: "tozero", automargin: true, fixedrange: true, title: { text: `${panel.dataset.mainName} [${unit}]`, standoff: 6 } },
    });
    Plotly.react(curve, [plotted], layout, { responsive: true, displayModeBar: false });
  }

  inputs.forEach((input, i) => input.addEventListener("input", () => { last = i; update(); }));
  panel.querySelector(".reset").addEventListener("click", () => { inputs.forEach((input, i) => { input.value = grid.axes[i].at; }); update(); });
  panel.redraw = () => plot(places());
  panel.started = true;
  update();
}

const startAll = () => document.querySelectorAll(".what-if").forEach((panel) => visible(panel) && !panel.started && start(panel));

// ---- one design at a time --------------------------------------------------------------------------------------------------
const chooser = document.getElementById("design");
if (chooser) {
  chooser.addEventListener("change", () => {
    document.querySelectorAll("article.design").forEach((article) => { article.hidden = article.id !== chooser.value; });
    drawAll();
    startAll();
  });
}
drawAll();
startAll();
document.documentElement.dataset.ready = "yes";
