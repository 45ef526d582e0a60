// What the page knows, and who is told when it changes.

export const state = {
  server: { clips: [], paintings: [], jobs: [], outputs: [], missing: [], presets: [], styles: [], settings: [] },
  clip: null, // the one that is displayed
  shots: [], // of it: {number, start, end}
  time: 0, // of the playhead, seconds
  settings: {}, // what differs from the defaults, named as in config.yaml
  playing: false,
  preview: null, // {job, start, end} while a rendered preview plays
};

const listeners = new Map();
/** Call a function when something changes: clip, shots, time, settings, server, jobs, preview, rest. */
export function on(names, act) {
  for (const name of names.split(" ")) listeners.set(name, [...(listeners.get(name) || []), act]);
}
export function tell(name, detail) { for (const act of listeners.get(name) || []) act(detail); }

/** Change settings; null or undefined takes one back to its default. */
export function change(values) {
  const next = { ...state.settings, ...values };
  for (const [name, value] of Object.entries(next)) if (value === null || value === undefined) delete next[name];
  if (JSON.stringify(next) === JSON.stringify(state.settings)) return;
  state.settings = next;
  tell("settings", Object.keys(values));
}

/** Whether this version of the program has a setting. */
export const has = name => state.server.settings.includes(name);

export const rate = () => state.clip?.rate || 25;
export const length = () => state.clip?.seconds || 0;
/** The time of the last frame. */
export const lastTime = () => Math.max(0, length() - 1 / rate());
/** A time inside the frame that is displayed at a time: no rounding reaches the next one. */
export const frameTime = time => Math.floor(time * rate() + 0.01) / rate();
export const shotAt = time => state.shots.find(shot => time >= shot.start - 1e-6 && time < shot.end - 1e-6) || state.shots.at(-1);
