// Small things that every part of the page uses.

export const $ = id => document.getElementById(id);

/** Make an element: h("button", {class: "quiet", onclick: f}, "Text", child, …). */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made[name] = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter(child => child != null));
  return made;
}

/** Call a function once the calls for it have paused for some milliseconds. */
export function later(pause, act) {
  let timer;
  const ask = (...given) => { clearTimeout(timer); timer = setTimeout(() => act(...given), pause); };
  ask.cancel = () => clearTimeout(timer);
  return ask;
}

/** Seconds as 1:02:03.45, or 0:03.45. */
export function clock(seconds) {
  const hundredths = Math.floor(seconds * 100 + 0.001);
  const [h3, m, s] = [360000, 6000, 1].map((unit, i) => i === 2 ? hundredths % 6000 : Math.floor(hundredths / unit) % (i ? 60 : 1e6));
  const two = n => String(n).padStart(2, "0");
  return `${h3 ? `${h3}:${two(m)}` : m}:${two(Math.floor(s / 100))}.${two(s % 100)}`;
}

/** Seconds that are left, for people: "about 3 min left". */
export function left(seconds) {
  if (seconds == null) return "measuring speed …";
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
  return seconds < 5400 ? `about ${Math.round(seconds / 60)} min left` : `about ${(seconds / 3600).toFixed(1)} h left`;
}

let hiding;
/** Say something in one line; it goes away by itself. */
export function note(text, seconds = 5) {
  $("note").textContent = text;
  clearTimeout(hiding);
  if (text) hiding = setTimeout(() => { $("note").textContent = ""; }, seconds * 1000);
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Arrow keys choose among the radio buttons or tabs of a group. */
export function roving(group, choose) {
  group.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = [...group.querySelectorAll("[role=radio],[role=tab]:not([hidden])")];
    const at = all.indexOf(document.activeElement);
    if (at < 0 || (!step && event.key !== "Home" && event.key !== "End")) return;
    event.preventDefault();
    event.stopPropagation();
    const next = event.key === "Home" ? all[0] : event.key === "End" ? all.at(-1) : all[(at + step + all.length) % all.length];
    next.focus();
    choose(next);
  });
}
