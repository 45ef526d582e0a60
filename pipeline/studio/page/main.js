// The page: it opens, takes what is dropped, and shows one clip.

import { $, h, later, note, roving } from "./util.js";
import { get, query, upload } from "./api.js";
import { state, on, tell, has, change, rate } from "./store.js";
import * as player from "./player.js";
import * as stage from "./stage.js";
import * as strip from "./strip.js";
import * as wall from "./wall.js";
import * as adjust from "./adjust.js";
import * as timeline from "./timeline.js";
import * as keyframes from "./keyframes.js";
import * as queue from "./queue.js";
import * as finish from "./finish.js";

// ---- clips ----

function showClip(clip) {
  state.clip = clip;
  document.body.classList.toggle("empty", !clip);
  $("bar-clip").hidden = !clip;
  if (clip) { $("clip").value = clip.id; document.title = `${clip.name} – stylize-video studio`; }
  tell("clip");
  if (clip) restore(clip);
}

function listClips() {
  const clips = state.server.clips;
  $("clip").replaceChildren(...clips.map(clip => h("option", { value: clip.id }, clip.name)));
  if (state.clip) $("clip").value = state.clip.id;
  $("welcome-clips").replaceChildren(...clips.slice(0, 8).map(clip =>
    h("li", {}, h("button", { class: "tile", onclick: () => showClip(clip) },
      h("span", { class: "picture" }, h("img", { alt: "", src: `api/clips/${encodeURIComponent(clip.id)}/frame?t=0&height=160` })),
      h("span", { class: "name" }, clip.name)))));
}

async function addClip(file) {
  const size = file.size / 1e6;
  try {
    const clip = await upload("POST", `api/clips?${query({ name: file.name })}`, file,
      done => note(`Adding ${file.name} (${size.toFixed(size < 10 ? 1 : 0)} MB): ${Math.round(done * 100)} %`, 600));
    state.server.clips = [...state.server.clips.filter(one => one.id !== clip.id), clip];
    listClips();
    note("");
    showClip(clip);
  } catch (error) { note(error.message, 12); }
}

// ---- what is dropped ----

function take(files) {
  const [first] = files;
  if (!first) return;
  const picture = first.type.startsWith("image/") && first.type !== "image/gif";
  if (picture && keyframes.takesFiles()) keyframes.addPainted([...files]);
  else if (picture && state.clip) wall.addPainting(first);
  else addClip(first);
}

function beginDropping() {
  let depth = 0;
  const isFile = event => [...(event.dataTransfer?.types || [])].includes("Files");
  const shown = on => { $("drop-here").hidden = !on; };
  document.addEventListener("dragenter", event => { if (isFile(event)) { depth++; shown(true); } });
  document.addEventListener("dragleave", event => { if (isFile(event) && --depth <= 0) { depth = 0; shown(false); } });
  document.addEventListener("dragover", event => { if (isFile(event)) event.preventDefault(); });
  document.addEventListener("drop", event => { event.preventDefault(); depth = 0; shown(false); take(event.dataTransfer.files); });
  document.addEventListener("paste", event => take(event.clipboardData?.files || []));
  $("pick-clip").onchange = event => { const [file] = event.target.files; if (file) addClip(file); event.target.value = ""; };
  $("choose-clip").onclick = $("add-clip").onclick = () => $("pick-clip").click();
  $("clip").onchange = () => showClip(state.server.clips.find(clip => clip.id === $("clip").value));
}

// ---- what was chosen for a clip is there again when the page is opened again ----

const place = clip => `stylize-video studio ${clip.id}`;

function remember() {
  if (!state.clip || restoring) return;
  const kept = { settings: state.settings, points: timeline.kept(), time: state.time };
  try { localStorage.setItem(place(state.clip), JSON.stringify(kept)); } catch { /* then it is not */ }
}

let restoring = false;
function restore(clip) {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(place(clip))); } catch { /* nothing was kept */ }
  if (!kept) return;
  const settings = { ...kept.settings };
  if (settings.mask === "brush") delete settings.mask; // what was brushed is not on this page
  delete settings.keyframes;
  restoring = true;
  change(settings);
  if (has("timeline") && kept.points?.length) timeline.restore(kept.points);
  restoring = false;
  player.seek((kept.time || 0) + 0.5 / rate());
}

// ---- tabs ----

function beginTabs() {
  $("tab-timeline").hidden = !has("timeline");
  const tabs = [...document.querySelectorAll("[role=tab]:not([hidden])")];
  const choose = tab => {
    for (const one of tabs) {
      const here = one === tab;
      one.setAttribute("aria-selected", here);
      one.tabIndex = here ? 0 : -1;
      $(one.getAttribute("aria-controls")).hidden = !here;
    }
    tell("tab", tab.getAttribute("aria-controls"));
  };
  for (const tab of tabs) tab.onclick = () => choose(tab);
  roving(document.querySelector("[role=tablist]"), choose);
}

async function open() {
  const [server, styles] = await Promise.all([get("api/state"), get("api/styles")]);
  Object.assign(state.server, server, { styles });
  for (const part of [player, stage, strip, adjust, timeline, keyframes, queue, wall, finish]) part.begin();
  beginTabs();
  beginDropping();
  listClips();
  on("server", listClips);
  on("settings rest", later(200, remember));
  showClip(state.server.clips.length === 1 ? state.server.clips[0] : null);
}

open().catch(error => note(error.message, 3600));
