// Jobs: renders, previews, and paintings that are learned.

import { $, h, left, note } from "./util.js";
import { get, post, remove } from "./api.js";
import { state, on, tell } from "./store.js";
import { playPreview } from "./player.js";
import { lookOf } from "./stage.js";

const STATES = { queued: "waits", running: "", done: "done", failed: "failed", stopped: "stopped" };
const seen = new Map(); // id → state, to notice what has ended

/** Give the studio something to do. */
export async function submit(kind, settings = {}, more = {}) {
  if (!state.clip) return null;
  try {
    const job = await post("api/jobs", { kind, clip: state.clip.id, settings: { ...lookOf(state.settings), ...settings }, ...more });
    put(job);
    if (kind !== "preview") open(true);
    return job;
  } catch (error) { note(error.message, 9); return null; }
}

const isOpen = job => job.state === "queued" || job.state === "running";

function put(job) {
  const jobs = state.server.jobs;
  const place = jobs.findIndex(one => one.id === job.id);
  if (place < 0) jobs.push(job); else jobs[place] = { ...jobs[place], ...job };
  noticeEnd(jobs.find(one => one.id === job.id));
  draw();
}

function noticeEnd(job) {
  const before = seen.get(job.id);
  seen.set(job.id, job.state);
  tell("job", job);
  if (before === undefined || before === job.state) return;
  if (job.state === "failed") note(job.message || "It failed.", 9);
  if (job.state !== "done") return;
  if (job.kind === "render") note("Your film is ready. It is in the queue.", 8);
  if (job.kind === "learn") { note("The painting is learned. It hangs on the wall of styles.", 8); tell("learned", job); }
}

// ---- the list ----

function line(job) {
  const step = job.kind === "learn" && job.step ? `${job.step}: ` : "";
  if (job.state === "running") return job.message || `${step}${Math.round(job.progress * 100)} % · ${left(job.seconds_left)}`;
  return job.message && job.state !== "done" ? job.message : STATES[job.state];
}

const act = (path, failed = true) => () => post(path).catch(error => failed && note(error.message));

function acts(job) {
  const path = `api/jobs/${encodeURIComponent(job.id)}`;
  const name = title(job);
  if (isOpen(job)) return [h("button", { class: "link", onclick: act(`${path}/cancel`), "aria-label": `Cancel ${name}` }, "Cancel")];
  const made = [], saves = job.state === "done" ? "Save the file" : "Save the beginning";
  if (job.result && job.kind !== "learn") made.push(h("a", { href: `${job.result}?download=1`, download: true, "aria-label": `${saves} ${name}` }, saves));
  if (job.resumable) made.push(h("button", { class: "link", onclick: act(`${path}/resume`), "aria-label": `Resume ${name}` }, "Resume"));
  made.push(h("button", { class: "link", onclick: () => drop(job), "aria-label": `Remove ${name}` }, "Remove"));
  return made;
}

const title = job => job.kind === "learn" ? `Learning ${painting(job) || job.name}` : job.label || job.name;
const painting = job => state.server.paintings.find(one => `painting:${one.id}` === job.settings?.style)?.name.replace(/\.\w+$/, "");

async function drop(job) {
  try { await remove(`api/jobs/${encodeURIComponent(job.id)}`); } catch (error) { return note(error.message); }
  state.server.jobs = state.server.jobs.filter(one => one.id !== job.id);
  draw();
}

function row(job) {
  const made = h("li", { class: "job", "data-job": job.id });
  const picture = h("img", { alt: job.kind === "learn" ? "What the network paints now" : "" });
  made.append(picture, h("b", {}), h("progress", { max: 1, "aria-label": `Progress of ${title(job)}` }), h("span", { class: "hint" }), h("span", { class: "acts" }));
  return made;
}

function draw() {
  const jobs = state.server.jobs.filter(job => job.kind === "render" || job.kind === "learn").reverse();
  const list = $("jobs");
  const rows = new Map([...list.children].map(made => [made.dataset.job, made]));
  const next = jobs.map(job => fill(rows.get(String(job.id)) || row(job), job));
  if (next.length !== list.children.length || next.some((made, i) => made !== list.children[i])) list.replaceChildren(...next);
  $("queue-empty").hidden = jobs.length > 0;
  const count = jobs.filter(isOpen).length;
  $("queue-count").hidden = !count;
  $("queue-count").firstElementChild.textContent = count;
}

function fill(made, job) {
  const [picture, name, progress, says, buttons] = made.children;
  name.textContent = title(job);
  progress.hidden = !isOpen(job);
  if (job.state === "running") progress.value = job.progress; else progress.removeAttribute("value");
  says.textContent = line(job);
  const key = `${job.state} ${job.result}`;
  if (buttons.dataset.key !== key) { buttons.dataset.key = key; buttons.replaceChildren(...acts(job)); }
  const now = job.picture ? `${job.picture}?${job.state}${Math.floor((job.progress || 0) * 40)}` : still(job);
  if (now && picture.dataset.now !== now) {
    picture.dataset.now = now;
    picture.onload = () => { picture.style.visibility = ""; };
    picture.onerror = () => { picture.style.visibility = "hidden"; };
    picture.src = now;
  }
  return made;
}

/** A frame of the clip that a job is about. */
function still(job) {
  const clip = state.server.clips.find(one => one.id === job.clip);
  return clip && `api/clips/${encodeURIComponent(clip.id)}/frame?t=${((clip.seconds || 0) / 3).toFixed(2)}&height=120`;
}

export function open(shown) {
  $("queue").hidden = !shown;
  $("queue-button").setAttribute("aria-expanded", shown);
}

// ---- the preview of three seconds ----

let previewing = null;
async function preview() {
  const start = Math.max(0, Math.min(state.time, state.clip.seconds - 3));
  const end = Math.min(state.clip.seconds, start + 3);
  const button = $("preview");
  button.disabled = true;
  const job = await submit("preview", {}, { start, end, output: state.server.outputs[0]?.id });
  previewing = job && { id: job.id, start, end };
  if (!job) button.disabled = false;
}

function previewed(job) {
  if (!previewing || job.id !== previewing.id) return;
  const button = $("preview");
  if (isOpen(job)) { button.textContent = `Preview ${Math.round((job.progress || 0) * 100)} %`; return; }
  button.disabled = false;
  button.textContent = "Preview 3 s";
  if (job.state === "done" && job.result) playPreview(job.result, previewing.start, previewing.end);
  previewing = null;
}

// ---- news from the studio ----

function listen() {
  const events = new EventSource("api/events");
  const takes = (name, act) => events.addEventListener(name, event => act(JSON.parse(event.data)));
  takes("job", put);
  takes("jobs", said => { state.server.jobs = state.server.jobs.filter(job => job.id !== said.removed); draw(); });
  takes("shots", said => tell("shots-known", said.id));
  takes("clips", async () => { state.server.clips = await get("api/clips"); tell("server"); });
  let lost = false;
  events.onerror = () => { if (!lost) note("The studio does not answer. Start it again: this page goes on by itself.", 3600); lost = true; };
  events.onopen = async () => {
    if (!lost) return;
    lost = false;
    note("");
    try { Object.assign(state.server, await get("api/state")); draw(); tell("server"); } catch { location.reload(); }
  };
}

export function begin() {
  state.server.jobs.forEach(job => seen.set(job.id, job.state));
  $("queue-button").onclick = () => open($("queue").hidden);
  $("queue-close").onclick = () => { open(false); $("queue-button").focus(); };
  document.addEventListener("keydown", event => { if (event.key === "Escape" && !$("queue").hidden) { open(false); $("queue-button").focus(); } });
  $("preview").onclick = preview;
  $("missing").replaceChildren(...state.server.missing.map(one => h("li", {}, one.what, h("code", {}, one.line))));
  on("job", previewed);
  draw();
  listen();
}
