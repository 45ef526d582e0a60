// The wall: every style on the frame where the playhead is; and the user's own paintings.

import { $, h, later, note, roving } from "./util.js";
import { ask, get, query, upload } from "./api.js";
import { state, on, tell, change } from "./store.js";
import { submit } from "./queue.js";

const QUALITY = "-quality";
const HEIGHT = 160; // px of a small picture
let run = 0; // number of the round of small pictures; a newer one ends an older one
const at = new Map(); // style → the moment that its small picture is of

const asStyle = painting => `painting:${painting.id}`; // as the studio takes it
const isPainting = style => state.server.paintings.find(painting => asStyle(painting) === style);
const base = name => name.endsWith(QUALITY) ? name.slice(0, -QUALITY.length) : name;
const chosen = () => state.settings.style || "udnie";

function tile(style, title, artist, picture) {
  const image = h("img", { alt: "", draggable: "false" });
  if (picture) image.src = picture; else image.hidden = true;
  const made = h("button", { class: "tile", role: "radio", "aria-checked": "false", tabindex: "-1", "data-style": style, onclick: () => choose(style) },
    h("span", { class: "picture" }, image), h("span", { class: "name" }, title), artist ? h("span", { class: "artist" }, artist) : null);
  made.title = artist ? `${title}, ${artist}` : title;
  return made;
}

function choose(style) {
  const finer = $("finer").checked && state.server.styles.some(one => one.name === style + QUALITY);
  const painting = isPainting(style);
  change({ style: finer ? style + QUALITY : style, look: painting && look() === "photo" ? "photo" : null });
}

const look = () => document.querySelector("input[name=look]:checked").value;

function draw() {
  const styles = state.server.styles.filter(style => !style.name.endsWith(QUALITY));
  $("wall").replaceChildren(...styles.map(style => tile(style.name, short(style.title), style.artist)));
  const add = h("button", { class: "tile add", onclick: () => $("pick-painting").click() }, h("span", { class: "picture", "aria-hidden": "true" }, "+"), h("span", { class: "name" }, "Add a painting"));
  $("paintings").replaceChildren(
    ...state.server.paintings.map(one => tile(asStyle(one), one.name.replace(/\.\w+$/, ""), null, `api/paintings/${encodeURIComponent(one.id)}/picture?height=${HEIGHT}`)), add);
  at.clear();
  mark();
  waitForPictures();
  refresh();
}

/** Until a style is painted on it, the frame itself, faintly. */
function waitForPictures() {
  if (!state.clip) return;
  for (const image of $("wall").querySelectorAll("img")) {
    image.src = `api/clips/${encodeURIComponent(state.clip.id)}/frame?${query({ t: state.time.toFixed(3), height: HEIGHT })}`;
    image.className = "waits";
    image.hidden = false;
  }
}

/** A title without what stands in brackets. */
const short = title => title.replace(/ \(.*/, "");

function mark() {
  const style = chosen();
  for (const made of document.querySelectorAll(".tile[data-style]")) {
    const here = made.dataset.style === base(style);
    made.setAttribute("aria-checked", here);
    made.tabIndex = here ? 0 : -1;
  }
  for (const wall of [$("wall"), $("paintings")])
    if (!wall.querySelector("[tabindex='0']")) wall.querySelector("[role=radio]")?.setAttribute("tabindex", "0");
  $("finer-row").hidden = !state.server.styles.some(one => one.name === base(style) + QUALITY);
  $("finer").checked = style.endsWith(QUALITY);
  const painting = isPainting(style);
  $("painting-choice").hidden = !painting;
  if (painting) document.querySelector(`input[name=look][value=${state.settings.look || "art"}]`).checked = true;
  $("slow").hidden = !painting;
  $("slow").textContent = painting ? "A painting as it is takes seconds for each frame. Learned, it is as fast as the others." : "";
}

// ---- looks that have a name: settings that go together ----

function looks() {
  const presets = state.server.presets;
  $("looks").hidden = !presets.length;
  $("looks").replaceChildren(...presets.map(one =>
    h("button", { title: one.words || "", onclick: () => change({ ...CLEAR, ...one.settings }) }, one.name)));
}
const CLEAR = Object.fromEntries(["strength", "style_scale", "canvas", "palette", "look", "paper", "grain", "hold"].map(name => [name, null]));

// ---- small pictures, in the background, one by one ----

const refresh = later(900, async () => {
  const mine = ++run, clip = state.clip;
  if (!clip || $("style").hidden) return;
  const moment = `${clip.id} ${state.time.toFixed(4)}`;
  for (const style of state.server.styles.filter(one => !one.name.endsWith(QUALITY))) {
    if (at.get(style.name) === moment) continue;
    while (document.querySelector("#stage.busy") || state.playing || document.hidden) {
      await new Promise(resume => setTimeout(resume, 120));
      if (mine !== run) return;
    }
    try {
      const answer = await ask("GET", `api/clips/${encodeURIComponent(clip.id)}/painted?${query({ t: state.time.toFixed(5), style: style.name, height: HEIGHT })}`);
      if (answer.status === 204) continue;
      const picture = URL.createObjectURL(await answer.blob());
      if (mine !== run) return URL.revokeObjectURL(picture);
      hang(style.name, picture);
      at.set(style.name, moment);
    } catch (error) { if (mine === run && error.status === 0) return; }
  }
  tell("wall");
});

function hang(style, picture) {
  const image = $("wall").querySelector(`[data-style="${CSS.escape(style)}"] img`);
  if (!image) return;
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  image.src = picture;
  image.className = "";
  image.hidden = false;
}

// ---- paintings ----

export async function addPainting(file) {
  note(`Adding ${file.name} …`, 60);
  try {
    const made = await upload("POST", `api/paintings?${query({ name: file.name })}`, file);
    state.server.paintings = [...state.server.paintings.filter(one => one.id !== made.id), made];
    draw();
    choose(asStyle(made));
    note("");
    $("painting-choice").scrollIntoView({ block: "nearest" });
  } catch (error) { note(error.message); }
}

/** A painting is learned: its network hangs on the wall, and takes the painting's place. */
async function reload(job) {
  state.server.styles = await get("api/styles");
  draw();
  if (job.style && chosen() === job.settings?.style) change({ style: job.style, look: null, palette: "style" });
}

export function begin() {
  $("pick-painting").onchange = event => { const [file] = event.target.files; if (file) addPainting(file); event.target.value = ""; };
  $("finer").onchange = event => change({ style: base(chosen()) + (event.target.checked ? QUALITY : "") });
  for (const radio of document.querySelectorAll("input[name=look]")) radio.onchange = () => change({ look: look() === "photo" ? "photo" : null });
  $("learn").onclick = () => submit("learn", { style: chosen(), look: undefined, learn_steps: Number($("learn-steps").value) || undefined });
  for (const wall of [$("wall"), $("paintings")]) roving(wall, next => next.click());
  $("learn").disabled = $("learn-steps").disabled = !state.server.torch;
  $("learn-missing").hidden = state.server.torch;
  const line = state.server.missing.find(one => /torch/i.test(one.what + one.line));
  if (line) $("learn-missing").textContent = `Learning needs PyTorch, which is not here: ${line.line}`;
  on("clip", () => { at.clear(); waitForPictures(); refresh(); });
  on("time playing", () => state.playing || refresh());
  on("settings", mark);
  looks();
  on("learned", reload);
  on("tab", refresh);
  draw();
}
