// How strongly, how large, in whose colours, and where.

import { $, h, later } from "./util.js";
import { upload } from "./api.js";
import { state, on, tell, change, has } from "./store.js";

const SLIDERS = [
  { name: "strength", label: "Strength", low: 0, high: 1, step: 0.05, usual: 1, says: v => `${Math.round(v * 100)} %` },
  { name: "style_scale", label: "Stroke size", low: -2, high: 2, step: 0.25, usual: 0, to: v => 2 ** v, from: v => Math.log2(v), says: v => v === 0 ? "as the style has it" : `× ${(2 ** v).toFixed(2)}` },
  { name: "canvas", label: "Texture of flat areas", low: 0, high: 2, step: 0.1, usual: 1, says: v => v === 0 ? "none" : `${Math.round(v * 100)} %` },
];
const COLOURS = [["none", "As the style paints"], ["style", "The painting's"], ["match", "The film's, on the whole"], ["source", "The film's own, everywhere"]];

function slider(one) {
  const output = h("output");
  const input = h("input", { type: "range", min: one.low, max: one.high, step: one.step, id: `adjust-${one.name}` });
  const settle = later(60, () => {
    const value = Number(input.value);
    change({ [one.name]: value === one.usual ? null : Number((one.to ? one.to(value) : value).toFixed(3)) });
  });
  input.oninput = () => { output.textContent = one.says(Number(input.value)); input.setAttribute("aria-valuetext", output.textContent); settle(); };
  input.ondblclick = () => change({ [one.name]: null });
  const draw = () => {
    const set = state.settings[one.name];
    input.value = set === undefined ? one.usual : one.from ? one.from(set) : set;
    output.textContent = one.says(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  on("settings", draw);
  draw();
  return h("label", { class: "slider" }, h("span", {}, one.label), output, input);
}

function colours() {
  $("palette").append(...COLOURS.map(([value, label]) =>
    h("label", { class: "radio" }, h("input", { type: "radio", name: "palette", value, onchange: () => change({ palette: value === "none" ? null : value }) }), h("span", {}, label))));
  const draw = () => { document.querySelector(`input[name=palette][value=${state.settings.palette || "none"}]`).checked = true; };
  on("settings", draw);
  draw();
}

function faces() {
  $("faces-row").hidden = !has("protect");
  $("faces").onchange = event => change({ protect: event.target.checked ? "faces" : null });
  on("settings", () => { $("faces").checked = state.settings.protect === "faces"; });
}

// ---- where: everywhere, what the studio can find by itself, or a brush ----

const BRUSH = "brush"; // as the studio calls what was painted by hand

function masks() {
  const found = has("protect") ? [["person", "On people"], ["background", "All but people"]] : [];
  const options = [["", "Everywhere"], ...found, [BRUSH, "Where I brush"]];
  $("mask").replaceChildren(...options.map(([value, label]) => h("option", { value }, label)));
  $("mask").onchange = () => {
    const value = $("mask").value;
    showBrush(value === BRUSH);
    change({ mask: value === BRUSH && !drawn ? null : value || null });
  };
}

let erases = false, drawn = false;
function showBrush(shown) {
  $("brush-tools").hidden = !shown;
  const canvas = $("brush");
  canvas.hidden = !shown;
  if (shown && state.clip && !drawn) {
    canvas.width = Math.round(960 * Math.min(1, state.clip.width / state.clip.height));
    canvas.height = Math.round(canvas.width * state.clip.height / state.clip.width);
  }
}

function stroke(event, last) {
  const canvas = $("brush"), box = canvas.getBoundingClientRect(), pen = canvas.getContext("2d");
  const place = { x: (event.clientX - box.left) / box.width * canvas.width, y: (event.clientY - box.top) / box.height * canvas.height };
  pen.globalCompositeOperation = erases ? "destination-out" : "source-over";
  pen.strokeStyle = "#ff6a2b";
  pen.lineWidth = canvas.width * Number($("brush-size").value) / 100;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(last?.x ?? place.x, last?.y ?? place.y);
  pen.lineTo(place.x, place.y);
  pen.stroke();
  drawn = true;
  return place;
}

/** The brushed area as the studio takes it: white on black. */
async function send() {
  const canvas = $("brush"), made = h("canvas", { width: canvas.width, height: canvas.height }), pen = made.getContext("2d");
  pen.drawImage(canvas, 0, 0);
  pen.globalCompositeOperation = "source-in";
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, made.width, made.height);
  pen.globalCompositeOperation = "destination-over";
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, made.width, made.height);
  const png = await new Promise(resolve => made.toBlob(resolve, "image/png"));
  const clip = state.clip;
  await upload("PUT", `api/clips/${encodeURIComponent(clip.id)}/mask?t=${state.time.toFixed(5)}`, png);
  if (clip !== state.clip) return;
  change({ mask: BRUSH });
  tell("brushed");
}

function brush() {
  const canvas = $("brush");
  let last = null;
  canvas.onpointerdown = event => { canvas.setPointerCapture(event.pointerId); last = stroke(event, null); };
  canvas.onpointermove = event => { if (canvas.hasPointerCapture(event.pointerId)) last = stroke(event, last); };
  canvas.onpointerup = () => { last = null; send().catch(error => { $("state").textContent = error.message; }); };
  const choose = erase => { erases = erase; $("brush-add").setAttribute("aria-pressed", !erase); $("brush-erase").setAttribute("aria-pressed", erase); };
  $("brush-add").onclick = () => choose(false);
  $("brush-erase").onclick = () => choose(true);
  $("brush-clear").onclick = clear;
}

function clear() {
  $("brush").getContext("2d").clearRect(0, 0, $("brush").width, $("brush").height);
  drawn = false;
  change({ mask: null });
}

export function begin() {
  $("sliders").append(...SLIDERS.map(slider));
  colours();
  masks();
  faces();
  brush();
  $("reset").onclick = () => { $("mask").value = ""; showBrush(false); change({ ...Object.fromEntries(SLIDERS.map(one => [one.name, null])), palette: null, mask: null, protect: null }); };
  on("clip", () => { clear(); $("mask").value = ""; showBrush(false); });
  on("time preview", () => { if (!$("brush").hidden) { $("brush").style.visibility = state.preview ? "hidden" : ""; } });
}
