// Time: scrubbing, playing, and the three-second preview of two films in step.

import { $, clamp, clock, note } from "./util.js";
import { state, on, tell, rate, length, lastTime, frameTime, shotAt } from "./store.js";

const before = $("before-video"), after = $("after-video");
const ICONS = {
  play: "M4 2.5v15l13-7.5z", pause: "M4 3h4v14H4zM12 3h4v14h-4z",
  back: "M13 3v14L5 10zM3 3h2v14H3z", forward: "M7 3v14l8-7zM15 3h2v14h-2z",
};
const icon = name => `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;

/** Whether the browser itself can play the clip; else frames come from the studio. */
export let playable = false;

/** Go to a time, seconds. */
export function seek(time, { quiet = false } = {}) {
  if (!state.clip) return;
  leavePreview();
  state.time = frameTime(clamp(time, 0, lastTime()));
  if (playable && !quiet) before.currentTime = state.time + 0.3 / rate();
  show();
  tell("time");
}

export function step(frames) {
  pause();
  seek(state.time + (frames + 0.5) / rate());
}

/** Go to the beginning of the next shot, or of this one, or of the one before. */
export function stepShot(by) {
  const starts = state.shots.map(shot => shot.start);
  const here = starts.indexOf(shotAt(state.time)?.start);
  const within = by < 0 && state.time - starts[here] > 0.5 ? here : here + by;
  if (within >= 0 && within < starts.length) { pause(); seek(starts[within] + 0.5 / rate()); }
}

export function play() {
  if (!state.clip || length() <= 1 / rate()) return;
  if (state.preview) { after.play(); before.play(); return setPlaying(true); }
  if (state.time >= lastTime() - 1e-6) seek(0);
  setPlaying(true);
  if (playable) before.play().catch(() => setPlaying(false));
  else timed(performance.now(), state.time);
}

export function pause() {
  if (!state.playing) return;
  before.pause();
  after.pause();
  setPlaying(false);
}

export const toggle = () => state.playing ? pause() : play();

function setPlaying(playing) {
  state.playing = playing;
  $("play").innerHTML = icon(playing ? "pause" : "play");
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  tell("playing");
}

/** Play a clip that the browser can't: by the clock, as far as the frames come. */
function timed(begun, from) {
  if (!state.playing || state.preview) return;
  const time = from + (performance.now() - begun) / 1000;
  if (time >= lastTime()) { seek(lastTime()); return pause(); }
  seek(time);
  setTimeout(() => timed(begun, from), 1000 / Math.min(rate(), 25));
}

function show() {
  const shot = shotAt(state.time);
  $("clock").innerHTML = "";
  $("clock").append(clock(state.time));
  const small = document.createElement("small");
  small.textContent = ` / ${clock(length())}`;
  $("clock").append(small);
  $("playhead").style.left = `${100 * clamp(state.time / (length() || 1), 0, 1)}%`;
  const scrubber = $("scrubber");
  scrubber.setAttribute("aria-valuenow", state.time.toFixed(2));
  scrubber.setAttribute("aria-valuetext", `${state.time.toFixed(2)} seconds${shot ? `, shot ${shot.number} of ${state.shots.length}` : ""}`);
}

// ---- the preview: the rendered part, and the film below it in step ----

/** Play a rendered part of the film, again and again, until somebody scrubs. */
export function playPreview(url, start, end) {
  pause();
  state.preview = { start, end };
  after.src = url;
  after.loop = true;
  after.hidden = false;
  after.onloadeddata = () => {
    if (playable) before.currentTime = start;
    after.play().catch(() => note("Press play to see the preview."));
    if (playable) before.play().catch(() => {});
    setPlaying(true);
    follow();
  };
  tell("preview");
}

export function leavePreview() {
  if (!state.preview) return;
  pause();
  state.preview = null;
  after.hidden = true;
  after.removeAttribute("src");
  after.load();
  tell("preview");
}

function follow() {
  if (!state.preview) return;
  const time = state.preview.start + after.currentTime;
  if (playable && !before.seeking && Math.abs(before.currentTime - time) > 0.06) before.currentTime = time;
  state.time = clamp(time, 0, lastTime());
  show();
  tell("preview-time");
  requestAnimationFrame(follow);
}

function playedOn() {
  if (!state.preview && state.playing && playable) {
    if (before.ended || before.currentTime >= length()) { pause(); seek(lastTime()); }
    else seek(before.currentTime, { quiet: true });
  }
  watch();
}
const watch = () => "requestVideoFrameCallback" in before
  ? before.requestVideoFrameCallback(playedOn) : setTimeout(playedOn, 40);

// ---- hands ----

function scrubTo(event) {
  const box = $("scrubber").getBoundingClientRect();
  seek((event.clientX - box.left) / box.width * length());
}

function keys(event) {
  const typing = event.target.closest("input:not([type=range]), select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !state.clip) return;
  const onSlider = event.target.closest("input[type=range], .wipe, .point, [role=radio], [role=tab]");
  const jump = event.shiftKey ? Math.round(rate()) : 1;
  const acts = {
    ArrowLeft: () => step(-jump), ArrowRight: () => step(jump), Home: () => seek(0), End: () => seek(lastTime()),
    "[": () => stepShot(-1), "]": () => stepShot(1), c: () => $("compare").click(), p: () => $("preview").click(),
    Escape: () => leavePreview(),
  };
  if (event.key === " " && !event.target.closest("button, a, .wipe")) { event.preventDefault(); return toggle(); }
  if (onSlider && /^(Arrow|Home|End)/.test(event.key)) return;
  if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
}

export function begin() {
  $("back").innerHTML = icon("back");
  $("forward").innerHTML = icon("forward");
  setPlaying(false);
  $("play").onclick = toggle;
  $("back").onclick = () => step(-1);
  $("forward").onclick = () => step(1);
  const scrubber = $("scrubber");
  scrubber.onpointerdown = event => { scrubber.setPointerCapture(event.pointerId); pause(); scrubTo(event); };
  scrubber.onpointermove = event => scrubber.hasPointerCapture(event.pointerId) && scrubTo(event);
  document.addEventListener("keydown", keys);
  watch();
  before.onloadedmetadata = () => { playable = before.videoWidth > 0; tell("playable"); if (playable) seek(state.time); };
  before.onerror = () => { playable = false; tell("playable"); };
  on("clip", () => {
    leavePreview();
    pause();
    playable = false;
    state.time = 0;
    const clip = state.clip;
    $("scrubber").setAttribute("aria-valuemax", lastTime().toFixed(2));
    for (const name of ["play", "back", "forward", "preview"]) $(name).disabled = clip?.frames === 1;
    if (clip && clip.frames !== 1) before.src = `api/clips/${encodeURIComponent(clip.id)}/file`;
    else before.removeAttribute("src");
    show();
  });
  on("shots", show);
  on("settings", leavePreview);
}
