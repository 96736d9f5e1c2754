"use strict";
// Everything that a person sees here is set as text, never as HTML: names of jobs are data of strangers.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const A = data.attempts, S = data.segments, T = data.texts;
  const COUNT = A.job.length;
  const BEGIN = data.begin, END = Math.max(data.end, data.begin + 1);
  const PHASES = data.phases, STATES = data.states;
  const [PRE, QUEUED, DELAY, RUNNING, , HELD, POST] = PHASES.keys();

  // ---- what is derived of the columns ----
  const first = new Uint32Array(COUNT + 1);
  for (let i = 0; i < COUNT; i++) first[i + 1] = first[i] + A.segments[i];
  const began = new Float64Array(COUNT), ended = new Float64Array(COUNT);
  for (let i = 0; i < COUNT; i++) {
    const last = first[i + 1] - 1;
    began[i] = first[i] <= last ? S.begin[first[i]] : Infinity;
    ended[i] = first[i] <= last ? S.begin[last] + S.seconds[last] : Infinity;
  }
  const secondsOf = (i, phase) => {
    let sum = 0;
    for (let s = first[i]; s < first[i + 1]; s++) if (S.phase[s] === phase) sum += S.seconds[s];
    return sum;
  };

  // ---- words ----
  const pad = (number) => String(number).padStart(2, "0");
  function duration(seconds) {
    if (!Number.isFinite(seconds)) return "";
    return seconds < 100 ? `${Math.round(seconds * 10) / 10} s` : hours(seconds);
  }
  function hours(seconds) {
    const whole = Math.round(seconds), days = Math.floor(whole / 86400);
    const rest = `${Math.floor((whole % 86400) / 3600)}:${pad(Math.floor((whole % 3600) / 60))}:${pad(whole % 60)}`;
    return days ? `${days} d ${rest}` : rest;
  }
  const clock = (seconds) => {
    const when = new Date((BEGIN + seconds) * 1000);
    return `${when.getFullYear()}-${pad(when.getMonth() + 1)}-${pad(when.getDate())} ${pad(when.getHours())}:${pad(when.getMinutes())}:${pad(when.getSeconds())}`;
  };
  const megabytes = (kb) => (kb === null ? "" : kb < 1024 ? `${kb} kB` : kb < 1048576 ? `${Math.round(kb / 1024)} MB` : `${(kb / 1048576).toFixed(1)} GB`);
  const ended_with = (code) => (code === null ? "" : code < 0 ? `signal ${-code}` : String(code));
  function make(tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  // ---- colours: those of the style sheet, light or dark ----
  const root = document.documentElement;
  const NAMES = ["pre", "queued", "delay", "running", "suspended", "held", "post"];
  let colours = {};
  function readColours() {
    const style = getComputedStyle(root);
    for (const name of [...NAMES, "ground", "panel", "line", "ink", "faint", "mark", "select", "critical", "inner", "good", "bad"])
      colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
  function setTheme(name) {
    root.dataset.theme = name;
    byId("theme").textContent = name === "dark" ? "Light" : "Dark";
    readColours();
    redraw();
  }

  // ---- canvases ----
  const drawers = new Map();
  const waiting = new Set();
  function redraw(canvas) {
    for (const one of canvas ? [canvas] : drawers.keys()) waiting.add(one);
    requestAnimationFrame(() => {
      const now = [...waiting];
      waiting.clear();
      for (const one of now) paint(one);
    });
  }
  function paint(canvas) {
    const width = canvas.clientWidth, height = canvas.clientHeight, scale = window.devicePixelRatio || 1;
    if (!width || !height) return;
    const wide = Math.round(width * scale), high = Math.round(height * scale);
    if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "12px system-ui, Helvetica, Arial, 'DejaVu Sans', sans-serif";
    drawers.get(canvas)(pen, width, height);
  }
  const sizes = new ResizeObserver((entries) => entries.forEach((entry) => redraw(entry.target)));
  function drawn(canvas, draw) {
    drawers.set(canvas, draw);
    sizes.observe(canvas);
  }

  // ---- axes ----
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
  function timeAxis(pen, from, to, left, right, top, bottom) {
    const room = Math.max(1, Math.floor((right - left) / 90));
    const step = STEPS.find((one) => (to - from) / one <= room) || Math.ceil((to - from) / room / 604800) * 604800;
    pen.textAlign = "center"; pen.textBaseline = "top";
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      const x = left + ((at - from) / (to - from)) * (right - left);
      pen.fillStyle = colours.line; pen.fillRect(x, top, 1, bottom - top);
      pen.fillStyle = colours.faint; pen.fillText(to < 100 ? `${at} s` : hours(at), Math.min(x, right - 24), bottom + 4);
    }
  }
  function countAxis(pen, most, left, right, top, bottom) {
    let step = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
    for (const part of [0.5, 0.4, 0.5]) if (most / step < 3 && step * part >= 1) step *= part;
    step = Math.max(1, Math.round(step));
    pen.textAlign = "right"; pen.textBaseline = "middle";
    for (let at = 0; at <= most; at += step) {
      const y = bottom - (at / most) * (bottom - top);
      pen.fillStyle = colours.line; pen.fillRect(left, y, right - left, 1);
      pen.fillStyle = colours.faint; pen.fillText(at.toLocaleString("en"), left - 6, y);
    }
  }

  // ---- the rows that the table and the Gantt chart show: filtered and sorted ----
  let shown = [], selected = -1;
  const chosen = { find: "", state: -1, transformation: -1, host: -1, path: false, newest: false };
  const texts = (i) => `${T.job[A.job[i]]}\n${A.host[i] < 0 ? "" : T.host[A.host[i]]}\n${A.cause[i] < 0 ? "" : T.cause[A.cause[i]]}`.toLowerCase();
  let lowered = null; // made at the first search
  function matches(i) {
    return (chosen.state < 0 || A.state[i] === chosen.state) &&
      (chosen.transformation < 0 || A.transformation[i] === chosen.transformation) &&
      (chosen.host < 0 || A.host[i] === chosen.host) && (!chosen.path || A.critical[i]) &&
      (!chosen.newest || A.newest[i]) && (!chosen.find || lowered[i].includes(chosen.find));
  }
  function choose() {
    if (chosen.find && !lowered) lowered = Array.from({ length: COUNT }, (_, i) => texts(i));
    shown = [];
    for (let i = 0; i < COUNT; i++) if (matches(i)) shown.push(i);
    const host = chosen.host < 0 ? "" : ` on ${T.host[chosen.host]}`;
    byId("found").textContent = `${shown.length.toLocaleString("en")} of ${COUNT.toLocaleString("en")} attempts${host}`;
    table.sort();
    gantt.arrange();
  }

  // ---- Gantt chart ----
  const gantt = (() => {
    const canvas = byId("gantt"), hover = byId("gantt-hover");
    const LEFT = 190, TOP = 6, FOOT = 24, TALL = 18;
    let rows = [], from = 0, to = END - BEGIN, top = 0, tall = TALL;
    const area = () => ({ width: Math.max(canvas.clientWidth - LEFT - 8, 10), height: Math.max(canvas.clientHeight - TOP - FOOT, 10) });
    const fitting = () => Math.min(TALL, area().height / Math.max(rows.length, 1));
    function arrange() {
      rows = shown.filter((i) => first[i] < first[i + 1]).sort((a, b) => began[a] - began[b] || a - b);
      whole();
    }
    function whole() {
      [from, to, top, tall] = [0, (END - BEGIN) * 1.01, 0, fitting()];
      settle();
    }
    function settle() {
      const span = Math.min(to - from, (END - BEGIN) * 1.05);
      from = Math.max(-(END - BEGIN) * 0.02, Math.min(from, END - BEGIN - span * 0.5));
      to = from + span;
      tall = Math.max(fitting(), Math.min(tall, TALL));
      top = Math.max(0, Math.min(top, rows.length - area().height / tall));
      canvas.dataset.from = from.toFixed(3);
      canvas.dataset.to = to.toFixed(3);
      canvas.dataset.rows = rows.length;
      byId("view").textContent = `${clock(Math.max(from, 0))} to ${clock(Math.min(to, END - BEGIN))}`;
      redraw(canvas);
    }
    function zoom(factor, x = LEFT + area().width / 2, y = TOP + area().height / 2) {
      const share = Math.max(0, Math.min(1, (x - LEFT) / area().width)), at = from + share * (to - from);
      const span = Math.max((to - from) / factor, 2), row = top + (y - TOP) / tall;
      [from, to] = [at - share * span, at + (1 - share) * span];
      tall = Math.max(fitting(), Math.min(tall * factor, TALL));
      top = row - (y - TOP) / tall;
      settle();
    }
    const rowAt = (y) => Math.floor(top + (y - TOP) / tall);
    const xOf = (at) => LEFT + ((at - from) / (to - from)) * area().width;

    function bars(pen, phase, low, high, { width }) {
      pen.fillStyle = colours[NAMES[phase]];
      const thin = tall < 3 ? Math.max(tall, 1) : tall - Math.min(3, tall * 0.2);
      let line = -1, covered = 0;
      for (let row = low; row < high; row++) {
        const i = rows[row];
        if (began[i] > to || ended[i] < from) continue;
        const y = TOP + (row - top) * tall, pixel = Math.floor(y);
        if (pixel !== line || tall >= 1) [line, covered] = [pixel, 0];
        for (let s = first[i]; s < first[i + 1]; s++) {
          if (S.phase[s] !== phase) continue;
          const x = Math.max(xOf(S.begin[s]), covered, LEFT);
          const end = Math.min(Math.max(xOf(S.begin[s] + S.seconds[s]), xOf(S.begin[s]) + 1), LEFT + width);
          if (end <= x) continue; // many rows share a pixel: what is drawn already is not drawn again
          pen.fillRect(x, tall < 3 ? pixel : y, end - x, thin);
          covered = tall < 1 ? end : 0;
        }
      }
    }
    function marks(pen, low, high, { width }) {
      for (let row = low; row < high; row++) {
        const i = rows[row], y = TOP + (row - top) * tall, right = LEFT + width;
        if (began[i] > to || ended[i] < from) continue;
        const [x, end] = [Math.max(xOf(began[i]), LEFT), Math.min(xOf(ended[i]), right)];
        if (tall >= 8 && A.begun[i] !== null) {
          const [inner, out] = [Math.max(xOf(A.begun[i]), LEFT), Math.min(xOf(A.begun[i] + A.ran[i]), right)];
          pen.fillStyle = colours.inner;
          if (out > inner) pen.fillRect(inner, y + tall / 2 - 2.5, out - inner, 2);
        }
        if (A.critical[i]) {
          pen.fillStyle = colours.critical;
          pen.fillRect(x, y + Math.max(tall - 3, 0), Math.max(end - x, 2), tall < 4 ? 1.5 : 2);
        }
        if (STATES[A.state[i]].value === "failed" && xOf(ended[i]) <= right && xOf(ended[i]) >= LEFT) {
          pen.fillStyle = colours.mark;
          pen.fillRect(end - 1, y, 4, Math.max(tall - 1, 2));
        }
      }
    }
    function labels(pen, low, high) {
      pen.textAlign = "left"; pen.textBaseline = "middle";
      pen.save();
      pen.beginPath(); pen.rect(0, 0, LEFT - 8, canvas.clientHeight); pen.clip();
      if (tall < 11) {
        pen.fillStyle = colours.faint;
        pen.fillText(`${rows.length.toLocaleString("en")} attempts,`, 8, TOP + 12);
        pen.fillText("zoom in for their names", 8, TOP + 28);
      } else for (let row = low; row < high; row++) {
        const i = rows[row];
        pen.fillStyle = STATES[A.state[i]].value === "failed" ? colours.mark : colours.ink;
        const again = A.number[i] > 1 ? ` (${A.number[i]})` : "";
        pen.fillText(T.job[A.job[i]].slice(0, 60) + again, 8, TOP + (row - top + 0.5) * tall);
      }
      pen.restore();
    }
    drawn(canvas, (pen, width, height) => {
      const there = area();
      timeAxis(pen, from, to, LEFT, LEFT + there.width, TOP, height - FOOT);
      const low = Math.max(0, Math.floor(top)), high = Math.min(rows.length, Math.ceil(top + there.height / tall));
      pen.save();
      pen.beginPath(); pen.rect(0, TOP, width, there.height); pen.clip();
      const place = rows.indexOf(selected);
      if (place >= low && place < high) {
        pen.fillStyle = colours.select;
        pen.fillRect(0, TOP + (place - top) * tall - 1, width, Math.max(tall, 3));
      }
      for (const phase of [QUEUED, DELAY, POST, PRE, RUNNING, RUNNING + 1, HELD]) bars(pen, phase, low, high, there);
      marks(pen, low, high, there);
      labels(pen, low, high);
      pen.restore();
    });

    function reveal(i) {
      const place = rows.indexOf(i);
      if (place < 0) return redraw(canvas);
      const room = area().height / tall;
      if (place < top || place > top + room - 1) top = place - room / 2;
      settle();
    }
    const spot = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    let held = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      const [x, y] = spot(event);
      held = { x, y, from, to, top, moved: false };
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = spot(event);
      if (!held) return tell(rows[rowAt(y)], y);
      if (Math.abs(x - held.x) + Math.abs(y - held.y) > 4) held.moved = true;
      if (!held.moved) return;
      const shift = ((x - held.x) / area().width) * (to - from);
      [from, to, top] = [held.from - shift, held.to - shift, held.top - (y - held.y) / tall];
      settle();
    });
    canvas.addEventListener("pointerup", (event) => {
      const was = held;
      held = null;
      if (was && !was.moved) { const [, y] = spot(event); const i = rows[rowAt(y)]; if (i !== undefined) select(i); }
    });
    canvas.addEventListener("pointercancel", () => { held = null; });
    canvas.addEventListener("dblclick", (event) => zoom(2, ...spot(event)));
    canvas.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) {
        event.preventDefault();
        zoom(Math.exp(-event.deltaY / 400), ...spot(event));
      } else if (event.shiftKey || event.deltaX) {
        event.preventDefault();
        const shift = ((event.deltaX || event.deltaY) / area().width) * (to - from);
        [from, to] = [from + shift, to + shift];
        settle();
      } else if (rows.length * tall > area().height + 1) {
        event.preventDefault();
        top += event.deltaY / tall;
        settle();
      }
    }, { passive: false });
    const span = () => to - from;
    const keys = {
      "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: whole, Home: whole,
      ArrowLeft: () => { const by = span() / 10; from -= by; to -= by; settle(); },
      ArrowRight: () => { const by = span() / 10; from += by; to += by; settle(); },
      ArrowDown: () => step(1), ArrowUp: () => step(-1),
      PageDown: () => { top += area().height / tall; settle(); }, PageUp: () => { top -= area().height / tall; settle(); },
    };
    function step(by) {
      const place = rows.indexOf(selected);
      const next = place < 0 ? Math.floor(top) : place + by;
      if (rows[next] !== undefined) select(rows[next]);
    }
    canvas.addEventListener("keydown", (event) => {
      const act = event.ctrlKey || event.metaKey ? undefined : keys[event.key];
      if (act) { event.preventDefault(); act(); }
    });
    function tell(i) {
      hover.textContent = i === undefined ? "" : `${T.job[A.job[i]]}, attempt ${A.number[i]}: ${STATES[A.state[i]].word}, ` +
        `from ${clock(began[i])} for ${duration(ended[i] - began[i])}${A.host[i] < 0 ? "" : ` on ${T.host[A.host[i]]}`}`;
    }
    byId("closer").addEventListener("click", () => zoom(1.6));
    byId("wider").addEventListener("click", () => zoom(1 / 1.6));
    byId("whole").addEventListener("click", whole);
    return { arrange, reveal };
  })();

  // ---- charts over time ----
  function chart(id, draw, words) {
    const canvas = byId(id), hover = byId(`${id}-hover`), O = data.over, count = O.done.length;
    const LEFT = 64, RIGHT = 12, TOP = 10, FOOT = 24;
    let at = -1;
    drawn(canvas, (pen, width, height) => {
      const place = { left: LEFT, right: width - RIGHT, top: TOP, bottom: height - FOOT };
      draw(pen, place, O, count);
      if (at < 0) return;
      pen.fillStyle = colours.ink;
      pen.fillRect(LEFT + ((at + 0.5) / count) * (place.right - LEFT), TOP, 1, place.bottom - TOP);
    });
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
      at = share < 0 || share >= 1 ? -1 : Math.floor(share * count);
      hover.textContent = at < 0 ? "" : `${clock(O.begin + at * O.width)}: ${words(O, at)}`;
      redraw(canvas);
    });
    canvas.addEventListener("pointerleave", () => { at = -1; hover.textContent = ""; redraw(canvas); });
  }
  const STACK = [RUNNING, RUNNING + 1, DELAY, QUEUED, HELD, PRE, POST];
  chart("states", (pen, place, O, count) => {
    const layers = STACK.filter((phase) => O.phases[phase]);
    const sums = Array.from({ length: count }, (_, k) => layers.reduce((sum, phase) => sum + O.phases[phase][k], 0));
    const most = Math.max(1, ...sums) * 1.05, wide = (place.right - place.left) / count, high = place.bottom - place.top;
    const floor = new Float64Array(count);
    countAxis(pen, most, place.left, place.right, place.top, place.bottom);
    for (const phase of layers) {
      pen.fillStyle = colours[NAMES[phase]];
      for (let k = 0; k < count; k++) {
        const value = (O.phases[phase][k] / most) * high;
        pen.fillRect(place.left + k * wide, place.bottom - floor[k] - value, Math.ceil(wide + 0.2), value);
        floor[k] += value;
      }
    }
    timeAxis(pen, 0, END - BEGIN, place.left, place.right, place.bottom - 4, place.bottom);
  }, (O, at) => STACK.filter((phase) => O.phases[phase] && O.phases[phase][at]).map((phase) => `${O.phases[phase][at]} ${PHASES[phase]}`).join(", "));
  chart("progress", (pen, place, O, count) => {
    const most = Math.max(1, O.done[count - 1], O.failed[count - 1]) * 1.05;
    const wide = (place.right - place.left) / count;
    countAxis(pen, most, place.left, place.right, place.top, place.bottom);
    timeAxis(pen, 0, END - BEGIN, place.left, place.right, place.top, place.bottom);
    pen.textAlign = "left"; pen.textBaseline = "bottom";
    for (const [values, colour, word] of [[O.done, colours.good, "succeeded"], [O.failed, colours.bad, "failed"]]) {
      if (!values[count - 1]) continue;
      const y = (k) => place.bottom - (values[k] / most) * (place.bottom - place.top);
      pen.beginPath(); pen.moveTo(place.left, place.bottom);
      for (let k = 0; k < count; k++) { pen.lineTo(place.left + k * wide, k ? y(k - 1) : place.bottom); pen.lineTo(place.left + (k + 1) * wide, y(k)); }
      pen.lineWidth = 2; pen.strokeStyle = colour; pen.stroke();
      const end = y(count - 1);
      pen.fillStyle = colour; pen.textAlign = "right";
      pen.fillText(`${values[count - 1].toLocaleString("en")} ${word}`, place.right - 4, end < place.top + 60 ? end + 30 : end - 5);
    }
  }, (O, at) => `${O.done[at]} succeeded, ${O.failed[at]} failed`);

  // ---- hosts ----
  const FEW = 12;
  const mostBusy = data.hosts.reduce((most, host) => Math.max(most, ...host.busy), 0) || 1;
  function hostRows(count) {
    const body = byId("hosts").tBodies[0];
    for (const host of data.hosts.slice(body.rows.length, count)) {
      const row = body.insertRow(), name = make("button", host.name), code = T.host.indexOf(host.name);
      name.type = "button";
      name.title = "Show the jobs of this host";
      name.disabled = code < 0;
      name.addEventListener("click", () => { clear(); chosen.host = code; choose(); byId("jobs-section").scrollIntoView(); });
      row.insertCell().append(name);
      for (const value of [host.attempts.toLocaleString("en"), host.failed || "", duration(host.seconds)]) {
        const cell = row.insertCell();
        cell.className = "number";
        cell.textContent = value;
      }
      const canvas = make("canvas");
      row.insertCell().append(canvas);
      drawn(canvas, (pen, width, height) => {
        pen.fillStyle = colours.running;
        host.busy.forEach((value, k) => {
          pen.globalAlpha = value ? 0.15 + (0.85 * value) / mostBusy : 0;
          pen.fillRect((k * width) / host.busy.length, 0, width / host.busy.length + 0.5, height);
        });
        pen.globalAlpha = 1;
      });
    }
    byId("more-hosts").hidden = body.rows.length >= data.hosts.length;
  }
  byId("more-hosts").addEventListener("click", () => hostRows(data.hosts.length));

  // ---- table of jobs: only the rows in sight are in the document ----
  const table = (() => {
    const box = byId("rows"), body = byId("jobs").tBodies[0], head = byId("jobs").tHead.rows[0], HIGH = 28;
    const byText = (list, column) => (i) => (column[i] < 0 ? "" : list[column[i]]);
    const at = (i) => (Number.isFinite(began[i]) ? duration(began[i]) || "0" : "");
    const columns = [
      { name: "Job", className: "job", of: byText(T.job, A.job) },
      { name: "Transformation", className: "transformation", of: byText(T.transformation, A.transformation) },
      { name: "Try", className: "try", key: (i) => A.number[i], of: (i) => A.number[i] || "" },
      { name: "State", className: "word", of: (i) => STATES[A.state[i]].word },
      { name: "Exit", className: "exit", key: (i) => A.code[i], of: (i) => ended_with(A.code[i]) },
      { name: "Host", className: "host", of: byText(T.host, A.host) },
      { name: "Began", key: (i) => (Number.isFinite(began[i]) ? began[i] : null), of: at },
      { name: "Queued", key: (i) => secondsOf(i, QUEUED), of: (i) => duration(secondsOf(i, QUEUED)) },
      { name: "Ran", key: (i) => secondsOf(i, RUNNING), of: (i) => duration(secondsOf(i, RUNNING)) },
      { name: "CPU", key: (i) => A.cpu[i], of: (i) => (A.cpu[i] === null ? "" : duration(A.cpu[i])) },
      { name: "Memory", key: (i) => A.memory[i], of: (i) => megabytes(A.memory[i]) },
    ];
    if (T.workflow.length > 1) columns.splice(1, 0, { name: "Workflow", of: byText(T.workflow, A.workflow) });
    let sorted = columns.findIndex((one) => one.name === "Began"), down = false, order = [];
    columns.forEach((column, number) => {
      const cell = make("th", undefined, look(column)), button = make("button", column.name);
      cell.scope = "col";
      button.type = "button";
      button.addEventListener("click", () => { down = sorted === number && !down; sorted = number; sort(); });
      cell.append(button);
      head.append(cell);
    });
    function look({ key, className }) { return [key && "number", className].filter(Boolean).join(" "); }
    function sort() {
      const { key, of } = columns[sorted], sign = down ? -1 : 1;
      const keys = new Map(shown.map((i) => [i, (key || of)(i)]));
      const none = (value) => value === null || value === "";
      order = [...shown].sort((one, other) => {
        const [a, b] = [keys.get(one), keys.get(other)];
        if (none(a) || none(b)) return none(a) - none(b) || one - other; // what is not known comes last
        return (a < b ? -sign : a > b ? sign : 0) || one - other;
      });
      [...head.cells].forEach((cell, number) => {
        cell.ariaSort = number === sorted ? (down ? "descending" : "ascending") : "none";
        cell.firstChild.textContent = columns[number].name + (number === sorted ? (down ? " ▾" : " ▴") : "");
      });
      box.scrollTop = 0;
      show();
    }
    function spacer(height) {
      const row = make("tr", undefined, "spacer"), cell = make("td");
      cell.colSpan = columns.length;
      cell.style.height = `${height}px`;
      row.append(cell);
      return row;
    }
    function rowOf(i) {
      const row = make("tr", undefined, i === selected ? "selected" : "");
      row.dataset.attempt = i;
      for (const { of, key, className } of columns) {
        const text = of(i), cell = make("td", text, look({ key, className }));
        if (className === "word") cell.className = `${STATES[A.state[i]].look}-word`;
        if (className) cell.title = text;
        row.append(cell);
      }
      return row;
    }
    function show(all) {
      const low = all ? 0 : Math.max(0, Math.floor(box.scrollTop / HIGH) - 8);
      const high = all ? Math.min(order.length, 500) : Math.min(order.length, low + Math.ceil(box.clientHeight / HIGH) + 16);
      body.replaceChildren(spacer(low * HIGH), ...order.slice(low, high).map(rowOf), spacer(all ? 0 : (order.length - high) * HIGH));
    }
    box.addEventListener("scroll", () => requestAnimationFrame(() => show()));
    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-attempt]");
      if (row) select(Number(row.dataset.attempt));
    });
    box.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1, Enter: 0 }[event.key];
      if (by === undefined || event.target !== box) return;
      event.preventDefault();
      const place = order.indexOf(selected), next = place < 0 ? Math.floor(box.scrollTop / HIGH) : place + by;
      if (order[next] === undefined) return;
      const y = next * HIGH;
      if (y < box.scrollTop) box.scrollTop = y;
      if (y + 2 * HIGH > box.scrollTop + box.clientHeight) box.scrollTop = y + 2.5 * HIGH - box.clientHeight;
      select(order[next]);
    });
    // Paper cannot scroll: the first rows of the table as it is sorted and filtered.
    addEventListener("beforeprint", () => show(true));
    addEventListener("afterprint", () => show());
    return { sort, show };
  })();

  // ---- one job ----
  function select(i) {
    selected = i;
    byId("gantt").dataset.selected = i;
    gantt.reveal(i);
    table.show();
    const panel = byId("details"), list = panel.querySelector("dl"), place = panel.querySelector("div");
    panel.querySelector("h3").textContent = T.job[A.job[i]];
    const facts = [
      ["state", STATES[A.state[i]].word + (A.newest[i] ? "" : ", tried again since")],
      ["attempt", A.number[i] || "none"], ["workflow", T.workflow.length > 1 ? T.workflow[A.workflow[i]] : ""],
      ["kind", T.kind[A.kind[i]]], ["transformation", T.transformation[A.transformation[i]]],
      ["host", A.host[i] < 0 ? "" : T.host[A.host[i]]], ["ended with", ended_with(A.code[i])],
      ["cause", A.cause[i] < 0 ? "" : T.cause[A.cause[i]]], ["critical path", A.critical[i] ? "yes" : ""],
    ];
    for (let s = first[i]; s < first[i + 1]; s++) facts.push([PHASES[S.phase[s]], `${clock(S.begin[s])}, ${duration(S.seconds[s])}`]);
    if (A.begun[i] !== null) facts.push(["kickstart", `${clock(A.begun[i])}, ${duration(A.ran[i])}`]);
    if (A.cpu[i] !== null) facts.push(["CPU", duration(A.cpu[i])]);
    if (A.memory[i] !== null) facts.push(["memory", megabytes(A.memory[i])]);
    if (A.file[i] >= 0) facts.push(["file", T.file[A.file[i]]]);
    list.replaceChildren(...facts.filter(([, value]) => value !== "").flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
    const output = A.output[i];
    place.replaceChildren(...(output >= 0 ? [make("pre", T.output[output])] : output === -2 ? [make("p", "What it wrote is not in this report, which would be too large: see the file.", "faint")] : []));
    panel.hidden = false;
  }
  function close() {
    byId("details").hidden = true;
    selected = -1;
    delete byId("gantt").dataset.selected;
    table.show();
    redraw(byId("gantt"));
  }
  byId("details").querySelector(".close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !byId("details").hidden) close(); });

  // ---- filters ----
  function options(id, column, words) {
    const counts = new Map(), select_ = byId(id);
    for (let i = 0; i < COUNT; i++) counts.set(column[i], (counts.get(column[i]) || 0) + 1);
    select_.append(new Option("all", "-1"));
    for (const [code, count] of [...counts].sort((a, b) => b[1] - a[1])) select_.append(new Option(`${words(code)} (${count.toLocaleString("en")})`, code));
  }
  function clear() {
    Object.assign(chosen, { find: "", state: -1, transformation: -1, host: -1, path: false, newest: false });
    byId("find").value = "";
    byId("of-state").value = byId("of-transformation").value = "-1";
    byId("of-path").checked = byId("of-newest").checked = false;
  }
  options("of-state", A.state, (code) => STATES[code].word);
  options("of-transformation", A.transformation, (code) => T.transformation[code]);
  byId("find").addEventListener("input", (event) => { chosen.find = event.target.value.trim().toLowerCase(); choose(); });
  byId("of-state").addEventListener("change", (event) => { chosen.state = Number(event.target.value); choose(); });
  byId("of-transformation").addEventListener("change", (event) => { chosen.transformation = Number(event.target.value); choose(); });
  byId("of-path").addEventListener("change", (event) => { chosen.path = event.target.checked; choose(); });
  byId("of-newest").addEventListener("change", (event) => { chosen.newest = event.target.checked; choose(); });
  byId("clear").addEventListener("click", () => { clear(); choose(); });

  // ---- legend ----
  const SVG = "http://www.w3.org/2000/svg";
  function swatch(colour, word) {
    const item = make("li"), box = document.createElementNS(SVG, "svg"), fill = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ width: 12, height: 12, fill: `var(--${colour})` })) fill.setAttribute(name, value);
    box.append(fill);
    item.append(box, word);
    return item;
  }
  const used = new Set(S.phase);
  byId("legend").append(...NAMES.map((name, phase) => [name, phase]).filter(([, phase]) => used.has(phase)).map(([name, phase]) => swatch(name, PHASES[phase])),
    swatch("inner", "measured by kickstart"), swatch("mark", "failed"), swatch("critical", "on the critical path"));

  byId("theme").addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
  hostRows(FEW);
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  choose();
  root.dataset.ready = "yes";
})();
