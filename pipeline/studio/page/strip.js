// The strip of shots: where the cuts are, with a few pictures of each shot.

import { $, h, later } from "./util.js";
import { get } from "./api.js";
import { state, on, tell, length, shotAt } from "./store.js";

const CELL = 92; // px across of a picture in the strip
const MOST = 60; // pictures in the strip

const frame = time => `api/clips/${encodeURIComponent(state.clip.id)}/frame?t=${time.toFixed(3)}&height=90`;

function draw() {
  const strip = $("strip"), shots = state.shots;
  strip.replaceChildren();
  if (!state.clip) return;
  const px = strip.clientWidth / (length() || 1);
  let left = MOST;
  for (const shot of shots) {
    const long = shot.end - shot.start;
    const cells = Math.max(1, Math.round(long * px / CELL));
    const made = h("div", { class: "shot" });
    made.style.flex = `${long || 1} 0 0`;
    for (let cell = 0; cell < cells && left > 0 && long * px > 6; cell++, left--)
      made.append(h("img", { src: frame(shot.start + (cell + 0.5) * long / cells), alt: "", loading: "lazy", draggable: "false" }));
    strip.append(made);
  }
  mark();
}

function mark() {
  const here = state.shots.indexOf(shotAt(state.time));
  [...$("strip").children].forEach((shot, number) => shot.classList.toggle("here", number === here));
  if (!state.clip) return;
  const of = state.shots.length === 1 ? "one shot" : `shot ${here + 1} of ${state.shots.length}`;
  $("shots").textContent = state.known === false ? "Looking for cuts …" : length() > 0.1 ? of : "";
}

async function load() {
  const clip = state.clip;
  state.shots = [{ number: 1, start: 0, end: length() }];
  state.known = false;
  draw();
  tell("shots");
  for (let pause = 300; clip && clip === state.clip; pause = Math.min(2000, pause * 1.5)) {
    let found;
    try { found = await get(`api/clips/${encodeURIComponent(clip.id)}/shots`); } catch (error) { console.info(error.message); state.known = true; return mark(); }
    if (clip !== state.clip) return;
    if (found.done) {
      state.known = true;
      if (found.shots.length) state.shots = found.shots;
      draw();
      return tell("shots");
    }
    await new Promise(resume => setTimeout(resume, pause));
  }
}

export function begin() {
  on("clip", load);
  on("shots-known", id => { if (id === state.clip?.id && !state.known) load(); });
  on("time preview-time", mark);
  window.addEventListener("resize", later(300, draw));
}
