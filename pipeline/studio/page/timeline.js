// The timeline: points that say how the film looks from a moment on.

import { $, h, clamp, clock, later } from "./util.js";
import { ask } from "./api.js";
import { state, on, change, rate, length, lastTime, frameTime } from "./store.js";
import { seek, pause } from "./player.js";

const LOOK = { style: "udnie", strength: 1, style_scale: "none", palette: "none", mask: "none" }; // what a point sets, and where it begins
const THEN = [["hold", "stays so until the next point"], ["linear", "changes evenly to the next point"], ["ease", "changes softly to the next point"]];
let points = []; // {at, then, look}, in order
let taking = false; // what changes is no change of the look at the playhead

const here = () => points.findLast(point => point.at <= state.time + 1e-6) || points[0];
const lookNow = () => Object.fromEntries(Object.keys(LOOK).filter(name => state.settings[name] !== undefined).map(name => [name, state.settings[name]]));
const titleOf = style => state.server.styles.find(one => one.name === style)?.title.replace(/ \(.*/, "") || state.server.paintings.find(one => `painting:${one.id}` === style)?.name || style;

// ---- what is written ----

const scalar = value => typeof value === "number" ? String(Number(value.toFixed(4))) : /^[a-z-]+$/.test(value) ? value : JSON.stringify(value);

/** The points as the program reads them: what a point does not name stays as it is. */
export function yaml() {
  let before = LOOK;
  return points.map((point, number) => {
    const look = { ...LOOK, ...point.look };
    const values = { at: point.at };
    for (const name of Object.keys(LOOK)) if (look[name] !== before[name] || (name === "style" && !number)) values[name] = look[name];
    if (point.then !== "hold" && number < points.length - 1) values.then = point.then;
    before = look;
    return Object.entries(values).map(([name, value], i) => `${i ? "  " : "- "}${name}: ${scalar(value)}\n`).join("");
  }).join("\n");
}

const send = later(300, async clip => {
  if (clip !== state.clip) return;
  const problem = $("timeline-problem");
  try {
    await ask("PUT", `api/clips/${encodeURIComponent(clip.id)}/timeline`, { body: yaml(), type: "application/yaml" });
    problem.hidden = true;
  } catch (error) { problem.textContent = error.message; problem.hidden = false; }
});

function changed() {
  points.sort((a, b) => a.at - b.at);
  draw();
  send(state.clip);
  taking = true;
  change({ timeline: points.length ? "clip" : null });
  taking = false;
}

// ---- what is done ----

function add() {
  pause();
  const at = Number(frameTime(state.time).toFixed(4));
  points = points.filter(point => Math.abs(point.at - at) > 0.4 / rate());
  points.push({ at, then: "hold", look: lookNow() });
  changed();
}

function move(point, at) {
  const others = points.filter(other => other !== point);
  at = Number(frameTime(clamp(at, 0, lastTime())).toFixed(4));
  if (others.some(other => Math.abs(other.at - at) < 0.4 / rate())) return;
  point.at = at;
  changed();
  seek(at + 0.5 / rate());
}

function drop(point) {
  points = points.filter(other => other !== point);
  changed();
  $("add-point").focus();
}

/** The look at the playhead is that of the point before it. */
function takeLook() {
  if (!points.length) return;
  taking = true;
  const look = here().look;
  change(Object.fromEntries(Object.keys(LOOK).map(name => [name, look[name] ?? null])));
  taking = false;
}

function keepLook() {
  if (taking || !points.length) return;
  const now = lookNow();
  if (JSON.stringify(now) === JSON.stringify(here().look)) return;
  here().look = now;
  changed();
}

// ---- what is displayed ----

function handle(point, number) {
  const made = h("button", { class: "point", role: "slider", "aria-valuemin": 0, "aria-valuemax": lastTime().toFixed(2) }, String(number + 1));
  made.style.left = `${100 * point.at / (length() || 1)}%`;
  made.setAttribute("aria-valuenow", point.at);
  made.setAttribute("aria-valuetext", clock(point.at));
  made.setAttribute("aria-label", `Point ${number + 1}: ${titleOf(point.look.style || "udnie")}`);
  const at = event => { const box = $("lane").getBoundingClientRect(); return (event.clientX - box.left) / box.width * length(); };
  made.onpointerdown = event => { made.setPointerCapture(event.pointerId); seek(point.at + 0.5 / rate()); };
  made.onpointermove = event => {
    if (!made.hasPointerCapture(event.pointerId)) return;
    point.at = Number(frameTime(clamp(at(event), 0, lastTime())).toFixed(4));
    made.style.left = `${100 * point.at / length()}%`;
    seek(point.at + 0.5 / rate());
  };
  made.onpointerup = changed;
  made.onkeydown = event => {
    const frames = { ArrowLeft: -1, ArrowRight: 1, PageDown: -rate(), PageUp: rate() }[event.key];
    if (frames) { event.preventDefault(); move(point, point.at + (frames + 0.5) / rate()); $("lane").children[points.indexOf(point)]?.focus(); }
    if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); drop(point); }
  };
  return made;
}

function row(point, number) {
  const go = h("button", { class: "link", onclick: () => seek(point.at + 0.5 / rate()) }, h("span", { class: "unseen" }, "Go to point "), `${number + 1} · ${clock(point.at)}`);
  const bits = [titleOf(point.look.style || "udnie")];
  if (point.look.strength !== undefined) bits.push(`${Math.round(point.look.strength * 100)} %`);
  if (point.look.style_scale !== undefined) bits.push(`strokes × ${point.look.style_scale.toFixed(2)}`);
  return h("li", {}, h("span", {}, go, " ", bits.join(", ")),
    h("button", { class: "link", onclick: () => drop(point), "aria-label": `Remove point ${number + 1}` }, "Remove"), number < points.length - 1 ? then(point, number) : null);
}

function then(point, number) {
  const select = h("select", { "aria-label": `After point ${number + 1}, the film` }, ...THEN.map(([value, label]) => h("option", { value }, label)));
  select.value = point.then;
  select.onchange = () => { point.then = select.value; changed(); };
  return select;
}

function draw() {
  $("points").replaceChildren(...points.map(row));
  $("lane").replaceChildren(...points.map(handle));
  $("lane").hidden = !points.length;
  $("timeline-empty").hidden = points.length > 0;
  mark();
}

function mark() {
  $("add-point-time").textContent = clock(state.time);
  const now = points.length ? points.indexOf(here()) : -1;
  [...$("points").children].forEach((made, number) => made.classList.toggle("here", number === now));
}

/** The points, to be kept. */
export const kept = () => points;

/** Take points back that were kept. */
export function restore(before) {
  points = before;
  changed();
}

export function begin() {
  $("add-point").onclick = add;
  on("clip", () => { points = []; draw(); change({ timeline: null }); });
  on("time", () => { mark(); if (!state.playing) takeLook(); });
  on("settings", keepLook);
}
