// The picture: the film, the painted frame over it, and the line between them.

import { $, clamp, later } from "./util.js";
import { ask, query } from "./api.js";
import { state, on, tell, lastTime } from "./store.js";
import { playable } from "./player.js";

const after = $("after"), before = $("before"), stage = $("stage");
const REST = 350; // ms without a change, after which the film's own frame is asked for
let inFlight = null; // {abort, exact}
let waiting = false;
let wiped = 50;

/** What a job is given: the look, and what it is directed by; painted key frames need no style. */
export function lookOf({ keyframes, ...look }) {
  if (!keyframes) return { style: "udnie", ...look };
  const { strength, mask } = look;
  return { keyframes, ...(strength !== undefined && { strength }), ...(mask && { mask }) };
}

/** What a single frame is painted with: the look at the playhead is that of its point already. */
function frameLook(settings) {
  const { timeline, keyframes, ...look } = settings;
  if (look.mask === "brush") look.v = brushed; // the same name, another mask
  return lookOf(look);
}
let brushed = 0;

const height = () => {
  const needed = stage.clientHeight * Math.min(2, window.devicePixelRatio || 1);
  const steps = [360, 480, 720, 1080].find(step => step >= needed) || 1080;
  return Math.max(241, Math.min(steps, state.clip.height));
};

const url = (clip, what, values) => `api/clips/${encodeURIComponent(clip.id)}/${what}?${query(values)}`;

// ---- painted frames: one at a time, the newest next ----

/** Ask for the painted frame at the playhead. Of those that were asked for meanwhile, the last counts. */
export function repaint() {
  exactly.cancel();
  if (!state.clip || state.preview) return;
  $("state").textContent = "";
  if (inFlight?.exact) inFlight.abort.abort();
  if (inFlight && !inFlight.exact) { waiting = true; return; }
  fetchPainted(false);
}

const exactly = later(REST, () => state.clip && !state.playing && !state.preview && !inFlight && fetchPainted(true));

async function fetchPainted(exact) {
  const clip = state.clip, abort = new AbortController(), mine = { abort, exact };
  inFlight = mine;
  stage.classList.add("busy");
  const begun = performance.now();
  try {
    const values = { t: state.time.toFixed(5), ...frameLook(state.settings), exact: exact ? 1 : 0, height: height(), slot: "stage" };
    const answer = await ask("GET", url(clip, "painted", values), { signal: abort.signal });
    if (answer.status === 204) return; // a newer one is answered instead
    const isPreview = answer.headers.get("X-Preview") === "1";
    await display(URL.createObjectURL(await answer.blob()), clip);
    if (inFlight === mine) says(isPreview, exact);
    tell("painted", { exact, milliseconds: performance.now() - begun, settings: state.settings });
  } catch (error) {
    if (error.name !== "AbortError") complain(error);
  } finally {
    if (inFlight === mine) settle(exact);
  }
}

function settle(exact) {
  inFlight = null;
  stage.classList.remove("busy");
  if (waiting) { waiting = false; fetchPainted(false); }
  else if (!exact) exactly();
  if (!inFlight) tell("rest");
}

async function display(source, clip) {
  const next = new Image();
  next.src = source;
  await next.decode();
  if (clip !== state.clip) return URL.revokeObjectURL(source);
  const old = after.src;
  after.src = source;
  after.hidden = false;
  if (old.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(old), 1000);
}

function says(isPreview, exact) {
  $("state").classList.remove("problem");
  if (!exact && isPreview) $("state").textContent = state.playing ? "" : "Quick look";
  else $("state").textContent = "As in the film";
}

function complain(error) {
  $("state").textContent = error.message;
  $("state").classList.add("problem");
}

// ---- the film itself, where the browser can't play it ----

let frameWanted = false, frameComes = false;
async function refreshFrame() {
  if (!state.clip || playable) { before.hidden = true; return; }
  if (frameComes) { frameWanted = true; return; }
  frameComes = true;
  const next = new Image();
  next.src = url(state.clip, "frame", { t: state.time.toFixed(5), height: height() });
  try { await next.decode(); before.src = next.src; before.hidden = playable; } catch { /* the painted frame says why */ }
  frameComes = false;
  if (frameWanted) { frameWanted = false; refreshFrame(); }
}

// ---- comparing ----

function wipeTo(percent) {
  wiped = clamp(percent, 0, 100);
  stage.style.setProperty("--wipe", `${wiped}%`);
  $("wipe").setAttribute("aria-valuenow", Math.round(wiped));
  $("wipe").setAttribute("aria-valuetext", `${Math.round(wiped)} % film, ${Math.round(100 - wiped)} % painting`);
}

function compare(shown) {
  stage.classList.toggle("comparing", shown);
  $("compare").setAttribute("aria-pressed", shown);
  const kept = wiped;
  wipeTo(shown ? (kept || 50) : 0);
  if (!shown) wiped = kept;
}

function beginWipe() {
  const wipe = $("wipe");
  const move = event => {
    const box = stage.getBoundingClientRect();
    wipeTo((event.clientX - box.left) / box.width * 100);
  };
  wipe.onpointerdown = event => { wipe.setPointerCapture(event.pointerId); move(event); };
  wipe.onpointermove = event => wipe.hasPointerCapture(event.pointerId) && move(event);
  wipe.onkeydown = event => {
    const to = { ArrowLeft: wiped - 2, ArrowRight: wiped + 2, ArrowDown: wiped - 2, ArrowUp: wiped + 2, PageDown: wiped - 20, PageUp: wiped + 20, Home: 0, End: 100 }[event.key];
    if (to !== undefined) { event.preventDefault(); wipeTo(to); }
  };
  $("compare").onclick = () => compare(!stage.classList.contains("comparing"));
  wipeTo(50);
  compare(false);
}

export function begin() {
  beginWipe();
  on("clip", () => {
    after.hidden = true;
    $("state").textContent = "";
    const clip = state.clip;
    if (clip) document.documentElement.style.setProperty("--shape", (clip.width / clip.height).toFixed(4));
    refreshFrame();
    repaint();
  });
  on("time", () => { refreshFrame(); repaint(); });
  on("playable", refreshFrame);
  on("settings", repaint);
  on("brushed", () => { brushed++; repaint(); });
  on("preview", () => {
    after.hidden = Boolean(state.preview);
    $("state").textContent = state.preview ? "Preview: motion and sound as in the film" : "";
    if (!state.preview) repaint();
  });
  on("playing", () => state.playing || repaint());
}

/** Whether the picture at the playhead is painted, and nothing else is asked for. */
export const isAtRest = () => !inFlight && !state.playing && state.time <= lastTime() + 1;
