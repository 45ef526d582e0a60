// Frames that a person paints: chosen here, painted anywhere, dropped back.

import { $, note } from "./util.js";
import { get, post, upload, query } from "./api.js";
import { state, on, change } from "./store.js";

let job = null; // that wrote the frames to paint
let painted = []; // names of the painted frames that are back

const path = clip => `api/clips/${encodeURIComponent(clip.id)}/keyframes`;

function draw() {
  const ready = job?.state === "done" && job.result;
  $("keyframes-zip").hidden = !ready;
  if (ready) $("keyframes-zip").href = `${job.result}?download=1`;
  $("keyframes-use-row").hidden = !painted.length;
  const said = [];
  if (job && job.state === "running") said.push("Choosing the frames that show most …");
  if (job?.state === "failed") said.push(job.message);
  if (ready && job.notes?.length) said.push(...job.notes);
  if (painted.length) said.push(`${painted.length} painted ${painted.length === 1 ? "frame is" : "frames are"} here: ${painted.join(", ")}`);
  $("keyframes-report").textContent = said.join("\n");
  $("keyframes-choose").disabled = job?.state === "running" || job?.state === "queued";
}

async function choose() {
  try { job = await post("api/keyframes", { clip: state.clip.id, settings: {} }); draw(); }
  catch (error) { $("keyframes-report").textContent = error.message; }
}

/** Take painted frames back; their names say which frames they are. */
export async function addPainted(files) {
  const clip = state.clip;
  for (const file of files) {
    note(`Adding ${file.name} …`, 60);
    try { await upload("PUT", `${path(clip)}?${query({ name: file.name })}`, file); }
    catch (error) { note(error.message, 9); return load(); }
  }
  note("");
  await load();
}

async function load() {
  const clip = state.clip;
  const found = clip ? (await get(path(clip)).catch(() => ({ painted: [] }))).painted : [];
  if (clip !== state.clip) return;
  painted = found;
  draw();
}

export const takesFiles = () => !$("keyframes").hidden;

export function begin() {
  $("keyframes-choose").onclick = choose;
  $("keyframes-add").onclick = () => $("pick-keyframes").click();
  $("pick-keyframes").onchange = event => { addPainted([...event.target.files]); event.target.value = ""; };
  $("keyframes-use").onchange = event => change({ keyframes: event.target.checked ? "clip" : null });
  on("job", said => { if (said.id === job?.id) { job = said; draw(); } });
  on("clip", () => {
    job = state.server.jobs.findLast(one => one.kind === "keyframes" && one.clip === state.clip?.id) || null;
    painted = [];
    $("keyframes-use").checked = false;
    change({ keyframes: null });
    draw();
    load();
  });
}
