// Draws the charts of report.html with D3 (d3.min.js). Everything drawn stands in a table too, so that the page
// says the same without this script. Colours come from the style sheet, so a change of theme needs no redrawing.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("charts").textContent);
  const shapes = [
    d3.symbolCircle, d3.symbolSquare, d3.symbolTriangle, d3.symbolDiamond, d3.symbolCross, d3.symbolWye, d3.symbolStar,
    d3.symbolCircle,
  ];
  const tone = (number) => `t${number ?? 7}`;
  const mark = (number, size) => d3.symbol(shapes[number ?? 7], size)();

  function canvas(figure, width, height, label) {
    const plot = d3.select(figure).select(".plot");
    plot.selectAll("*").remove();
    return plot.append("svg").attr("width", width).attr("height", height).attr("viewBox", [0, 0, width, height])
      .attr("role", "img").attr("aria-label", label);
  }

  // Text that ends before `room`; what was cut off shows on hovering, and in the table.
  function write(parent, x, y, text, kind, room) {
    const node = parent.append("text").attr("x", x).attr("y", y).attr("class", kind).text(text);
    if (room && node.node().getComputedTextLength() > room) {
      let [short, long] = [0, text.length];
      while (long - short > 1) {
        const middle = (short + long) >> 1;
        node.text(`${text.slice(0, middle)}…`);
        if (node.node().getComputedTextLength() > room) long = middle; else short = middle;
      }
      node.text(`${text.slice(0, short)}…`).append("title").text(text);
    }
    return node;
  }

  function legend(figure) {
    const list = d3.select(figure).select(".legend");
    list.selectAll("*").remove();
    for (const [name, number] of data.legend) {
      const item = list.append("li");
      item.append("svg").attr("width", 14).attr("height", 14).attr("viewBox", [-7, -7, 14, 14]).attr("aria-hidden", "true")
        .attr("class", tone(number)).append("path").attr("class", "mark").attr("d", mark(number, 60));
      item.append("span").text(name);
    }
  }

  // --- routes ---------------------------------------------------------------------------------------------

  const BOX = { least: 190, most: 320, high: 46, gap: 30, apart: 14 };

  // The hops of a lane as they are drawn: those that are lost keep their place.
  function steps(lane, down) {
    const whole = lane.hops ?? [];
    const now = down ? lane.down?.[down] ?? whole : whole;
    const at = new Map(now.map((hop) => [hop[0], hop]));
    const before = new Set(whole.map((hop) => hop[0]));
    const kept = whole.map((hop) => (at.has(hop[0]) ? { hop: at.get(hop[0]) } : { hop, lost: true }));
    return [...kept, ...now.filter((hop) => !before.has(hop[0])).map((hop) => ({ hop }))];
  }

  function drawRoutes(figure, width) {
    const down = document.getElementById("down").value;
    const stacked = width < 560;
    const left = stacked ? 0 : Math.min(170, width * .2);
    const longest = d3.max(data.routes.flatMap((lane) => (lane.hops ?? []).map((hop) => hop[0].length))) ?? 0;
    const least = Math.max(BOX.least, Math.min(BOX.most, 64 + longest * 7.4)); // about as long as the longest name
    const across = Math.max(1, Math.floor((width - left + BOX.gap) / (least + BOX.gap)));
    const lanes = data.routes.map((lane) => ({ lane, steps: steps(lane, down) }));
    const most = Math.min(across, Math.max(1, ...lanes.map((one) => one.steps.length)));
    const wide = Math.min(stacked ? width - 18 : BOX.most, (width - left - BOX.gap * (most - 1) - (stacked ? 18 : 0)) / most);
    let y = 4;
    for (const one of lanes) {
      one.y = y;
      one.top = stacked ? y + 26 : y;
      one.rows = Math.max(1, Math.ceil(one.steps.length / most));
      y = one.top + (one.rows + (one.lane.canary ? 1 : 0)) * (BOX.high + BOX.apart) + (stacked ? 12 : 4);
    }
    const svg = canvas(figure, width, y, `${describe(lanes, down)} The table below has every route.`);
    const place = { left: stacked ? 18 : left, wide, most, stacked };
    for (const one of lanes) drawLane(svg, one, place, width, down);
    document.getElementById("told").textContent = describe(lanes, down);
  }

  function describe(lanes, down) {
    if (!down) return "Every provider is up.";
    const first = (one) => one.steps.find((step) => !step.lost)?.hop[0];
    const refused = lanes.filter((one) => !first(one) && one.lane.hops).length;
    const moved = lanes.filter((one) => first(one) && first(one) !== one.lane.hops?.[0][0]).length;
    const rest = lanes.length - refused - moved;
    return `While ${down} is down: ${moved} of ${lanes.length} strategies answered by another model, ${refused} refused, `
      + `${rest} by the same model.`;
  }

  function drawLane(svg, one, place, width, down) {
    const { lane } = one;
    const group = svg.append("g");
    const middle = one.top + BOX.high / 2;
    const room = place.stacked ? width - 70 : place.left - 34;
    write(group, 0, place.stacked ? one.y + 15 : middle + (lane.default ? -2 : 4), lane.name, "name", room);
    if (lane.default) {
      if (place.stacked) write(group, width, one.y + 15, "default", "soft").attr("text-anchor", "end");
      else write(group, 0, middle + 14, "default", "soft");
    }
    const spots = one.steps.map((_, index) => ({
      x: place.left + (index % place.most) * (place.wide + BOX.gap),
      y: one.top + Math.floor(index / place.most) * (BOX.high + BOX.apart),
    }));
    enter(group, place, one.top, one.top, false);
    spots.forEach((spot, index) => {
      if (index) join(group, spots[index - 1], spot, place);
      box(group, spot, place.wide, one.steps[index], order(one.steps, index));
    });
    if (!one.steps.some((step) => !step.lost)) {
      const last = spots.length ? spots.at(-1) : { x: place.left - place.wide - BOX.gap, y: one.top };
      const beside = last.x + place.wide + 12;
      const fits = beside + 60 < width;
      write(group, fits ? beside : last.x + place.wide - 66, last.y + (fits ? 27 : 17), "refused", "bad");
    }
    if (lane.canary) {
      const spot = { x: place.left, y: one.top + one.rows * (BOX.high + BOX.apart) };
      enter(group, place, one.top, spot.y, true);
      const [model, providers, number, share] = lane.canary;
      const lost = providers.every((provider) => provider === down);
      const step = { hop: [model, `canary for ${share} of users, then 1; ${providers.join(" or ")}`, number], trial: true, lost };
      box(group, spot, Math.min(width - place.left, Math.max(place.wide, 300)), step, "");
    }
  }

  const order = (found, index) => (found[index].lost ? "" : String(found.slice(0, index + 1).filter((step) => !step.lost).length));

  function enter(group, place, start, top, trial) {
    const y = top + BOX.high / 2;
    const kind = trial ? "arrow trial" : "arrow";
    if (place.stacked) group.append("path").attr("class", kind).attr("d", `M6,${start - 8}V${y}H${place.left - 4}`);
    else if (trial) group.append("path").attr("class", kind).attr("d", `M${place.left - 22},${start + BOX.high / 2}V${y}H${place.left - 4}`);
    else group.append("path").attr("class", kind).attr("d", `M${place.left - 28},${y}H${place.left - 4}`);
    head(group, place.left - 2, y, 0);
  }

  function join(group, from, to, place) {
    const line = group.append("path").attr("class", "arrow");
    if (from.y === to.y) {
      const y = from.y + BOX.high / 2;
      line.attr("d", `M${from.x + place.wide + 2},${y}H${to.x - 4}`);
      head(group, to.x - 2, y, 0);
      return;
    }
    const [start, turn, end] = [from.y + BOX.high, (from.y + BOX.high + to.y) / 2, to.x + 16];
    line.attr("d", from.x === to.x ? `M${end},${start}V${to.y - 4}` : `M${from.x + 16},${start}V${turn}H${end}V${to.y - 4}`);
    head(group, end, to.y - 1, 90);
  }

  const head = (group, x, y, turn) => group.append("path").attr("class", "head").attr("d", "M0,0L-7,-3.5V3.5Z")
    .attr("transform", `translate(${x},${y}) rotate(${turn})`);

  function box(group, spot, wide, step, number) {
    const [model, providers, provider] = step.hop;
    const inside = group.append("g").attr("transform", `translate(${spot.x},${spot.y})`);
    inside.append("rect").attr("class", `box${step.lost ? " gone" : ""}${step.trial ? " trial" : ""}`)
      .attr("width", wide).attr("height", BOX.high).attr("rx", 3);
    inside.append("path").attr("class", `mark ${step.lost ? "hollow " : ""}${tone(provider)}`).attr("d", mark(provider, 62))
      .attr("transform", "translate(16,15)");
    write(inside, 30, 19, model, step.lost ? "lost" : "name", wide - 40 - (number ? 16 : 0));
    write(inside, 30, 36, step.lost ? "down" : providers, "soft", wide - 40);
    if (number) write(inside, wide - 8, 19, number, "soft").attr("text-anchor", "end");
  }

  function offerOutages(draw) {
    const choice = document.getElementById("down");
    choice.append(new Option("none", ""), ...data.outages.map((name) => new Option(name, name)));
    choice.addEventListener("change", draw);
  }

  // --- price and quality ----------------------------------------------------------------------------------

  function ticks(low, high, room) {
    const steps = room < 420 ? [1, 3] : [1, 2, 5];
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      for (const step of steps) {
        const value = step * 10 ** power;
        if (value >= low * .999 && value <= high * 1.001) found.push(value);
      }
    }
    return found;
  }

  const dollars = (value) => `$${value >= 1 ? Math.round(value) : value >= .1 ? value.toFixed(2) : Number(value.toPrecision(2))}`;

  function drawPrice(figure, width) {
    const { points } = data;
    const height = Math.max(320, Math.min(480, width * .62));
    const edge = { left: 40, right: 16, top: 26, bottom: 46 };
    const paid = points.map((point) => point.usd).filter((value) => value > 0);
    const [low, high] = paid.length ? [Math.min(...paid) / 1.5, Math.max(...paid) * 1.5] : [.5, 2];
    const grades = points.map((point) => point.quality ?? 0);
    const x = d3.scaleLog([low, high], [edge.left, width - edge.right]);
    const y = d3.scaleLinear([Math.max(0, Math.min(...grades) - 6), Math.min(104, d3.max(grades) + 5)], [height - edge.bottom, edge.top]);
    const svg = canvas(figure, width, height, `${points.length} models by price and quality. The table of models has the numbers.`);
    svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - edge.bottom})`)
      .call(d3.axisBottom(x).tickValues(ticks(low, high, width)).tickFormat(dollars).tickSizeOuter(0));
    svg.append("g").attr("class", "axis").attr("transform", `translate(${edge.left},0)`)
      .call(d3.axisLeft(y).ticks(6).tickSizeOuter(0));
    write(svg, width - edge.right, height - 8, "USD per million tokens, 3 read to 1 written (log scale)", "soft").attr("text-anchor", "end");
    write(svg, 4, 12, "quality, of 100", "soft");
    const windows = points.map((point) => point.window ?? 0).filter((tokens) => tokens > 0);
    const area = d3.scaleLog([Math.min(...windows, 1e6), Math.max(...windows, 1e6 + 1)], [45, 230]).clamp(true);
    const spots = points.map((point) => ({
      ...point, x: point.usd > 0 ? x(point.usd) : edge.left, y: y(point.quality ?? 0), area: point.window ? area(point.window) : 60,
    }));
    const best = frontier(spots);
    svg.append("path").attr("class", "edge").attr("d", d3.line((spot) => spot.x, (spot) => spot.y).curve(d3.curveStepAfter)(best));
    for (const spot of spots) {
      svg.append("path").attr("class", `mark ${tone(spot.tone)}${spot.used ? "" : " hollow"}`).attr("d", mark(spot.tone, spot.area))
        .attr("transform", `translate(${spot.x},${spot.y})`)
        .append("title").text(`${spot.model} (${spot.via}): quality ${spot.quality ?? 0}, $${spot.usd ?? 0} per million tokens`);
    }
    name(svg, spots, best, width, height - edge.bottom);
  }

  // The models than which none is both cheaper and at least as good, by price.
  function frontier(spots) {
    let top = -1;
    const order = [...spots].sort((a, b) => a.x - b.x || a.y - b.y);
    return order.filter((spot) => {
      const grade = spot.quality ?? 0;
      if (grade <= top) return false;
      top = grade;
      return true;
    });
  }

  // Names beside the points, where there is room: first those on the edge, then those that strategies use.
  function name(svg, spots, best, width, floor) {
    const taken = spots.map((spot) => around(spot));
    const rank = (spot) => (best.includes(spot) ? 0 : spot.used ? 1 : 2);
    const here = new Map(spots.map((spot) => [`${spot.x} ${spot.y}`, []]));
    for (const spot of spots) here.get(`${spot.x} ${spot.y}`).push(spot);
    for (const spot of [...spots].sort((a, b) => rank(a) - rank(b) || a.y - b.y)) {
      const together = here.get(`${spot.x} ${spot.y}`);
      if (together.length > 2 && together[0] !== spot) continue;
      const short = spot.model.length > 34 ? `${spot.model.slice(0, 33)}…` : spot.model;
      const text = together.length > 2 ? `${short} and ${together.length - 1} more` : short;
      const node = write(svg, 0, 0, text, `soft halo`);
      const long = node.node().getComputedTextLength();
      const r = Math.sqrt(spot.area) * .62 + 5;
      const places = [[r, 4], [-r - long, 4], [-long / 2, -r - 3], [-long / 2, r + 11], [r - 3, -9], [r - 3, 17], [3 - r - long, -9], [3 - r - long, 17]];
      const found = places.map(([dx, dy]) => ({ left: spot.x + dx, right: spot.x + dx + long, top: spot.y + dy - 10, bottom: spot.y + dy + 3, dy }))
        .find((area) => area.left > 42 && area.right < width && area.top > 14 && area.bottom < floor
          && !taken.some((other) => area.left < other.right && other.left < area.right && area.top < other.bottom && other.top < area.bottom));
      if (!found) {
        node.remove();
        continue;
      }
      node.attr("x", found.left).attr("y", found.bottom - 3);
      taken.push(found);
    }
  }

  function around(spot) {
    const r = Math.sqrt(spot.area) * .6;
    return { left: spot.x - r, right: spot.x + r, top: spot.y - r, bottom: spot.y + r };
  }

  // --- costs ----------------------------------------------------------------------------------------------

  function drawBars(figure, width, rows, compare) {
    const stacked = width < 620;
    const left = stacked ? 0 : Math.round(width * .34);
    const high = stacked ? 66 : 42;
    const height = rows.length * high + 6;
    const after = stacked ? 0 : 200;
    const most = d3.max(rows, (row) => row.usd) || 1;
    const x = d3.scaleLinear([0, most], [0, width - left - after]);
    const band = d3.scaleBand(rows.map((_, index) => index), [0, rows.length * high]);
    const svg = canvas(figure, width, height, `${rows.map((row) => `${row.label}: ${row.text}`).join("; ")}.`);
    const today = compare ? left + x(rows[0].usd) : 0;
    rows.forEach((row, index) => {
      const top = band(index);
      const label = write(svg, 0, top + (row.note || stacked ? 15 : 25), row.label, "name halo", stacked ? width * .6 : left - 14);
      if (row.note && !stacked) write(svg, 0, top + 32, row.note, "soft", left - 14);
      if (row.note && stacked) write(svg, label.node().getComputedTextLength() + 10, top + 15, row.note, "soft halo", width - label.node().getComputedTextLength() - 10);
      const y = stacked ? top + 22 : top + 11;
      const long = Math.max(row.usd > 0 ? 1.5 : 0, x(row.usd));
      svg.append("rect").attr("class", `bar ${tone(row.tone)}`).attr("x", left).attr("y", y).attr("width", long).attr("height", stacked ? 11 : 18);
      if (compare && index) {
        svg.append("line").attr("class", "today").attr("x1", today).attr("x2", today).attr("y1", y - 5).attr("y2", y + (stacked ? 16 : 23));
      }
      write(svg, stacked ? 0 : Math.max(left + long, today) + 7, stacked ? y + 27 : y + 14, row.text, stacked ? "soft halo" : "halo");
    });
  }

  // --- dates, by the reader's clock -----------------------------------------------------------------------

  function judgeDates() {
    const now = Date.now();
    for (const time of document.querySelectorAll("time")) {
      const days = Math.ceil((Date.parse(`${time.dateTime}T00:00:00Z`) - now) / 864e5);
      if (days <= 0) time.after(" (passed)");
      else if (days <= 365) time.after(days === 1 ? " (in 1 day)" : ` (in ${days} days)`);
    }
  }

  // --- the page -------------------------------------------------------------------------------------------

  const charts = [
    ["chart-routes", data.routes, drawRoutes],
    ["chart-lines", data.lines, (figure, width) => drawBars(figure, width, data.lines, false)],
    ["chart-models", data.models, (figure, width) => drawBars(figure, width, data.models, false)],
    ["chart-months", data.months, (figure, width) => drawBars(figure, width, data.months, true)],
    ["chart-price", data.points, drawPrice],
  ].map(([id, rows, draw]) => ({ figure: document.getElementById(id), rows, draw })).filter((one) => one.figure && one.rows?.length);

  function drawAll(width) {
    for (const { figure, draw } of charts) draw(figure, Math.floor(width ?? figure.clientWidth));
  }

  offerOutages(() => drawRoutes(charts[0].figure, charts[0].figure.clientWidth));
  for (const { figure } of charts) {
    figure.hidden = false;
    legend(figure);
  }
  const folded = [...document.querySelectorAll("details.data")];
  for (const details of folded) details.open = false;
  judgeDates();
  drawAll();

  let drawnAt = charts[0]?.figure.clientWidth;
  addEventListener("resize", () => requestAnimationFrame(() => {
    const width = charts[0]?.figure.clientWidth;
    if (width && width !== drawnAt) drawAll();
    drawnAt = width;
  }));
  let shut = [];
  addEventListener("beforeprint", () => {
    shut = folded.filter((details) => !details.open);
    for (const details of shut) details.open = true;
    drawAll(900); // wider than a page: a drawing shrinks to it
  });
  addEventListener("afterprint", () => {
    for (const details of shut) details.open = false;
    drawAll();
  });
})();
