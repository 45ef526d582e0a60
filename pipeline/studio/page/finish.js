// What is written in the end; and the same as a command or as YAML.

import { $, h, note } from "./util.js";
import { post } from "./api.js";
import { state } from "./store.js";
import { submit } from "./queue.js";
import { lookOf } from "./stage.js";

const output = () => $("output").value;

async function copy(what) {
  try {
    const said = await post("api/command", { clip: state.clip.id, settings: lookOf(state.settings), output: output() });
    await put(said[what]);
    note(what === "command" ? "Copied. Paste it into a terminal." : "Copied. Save it as a file and give it with --config.");
  } catch (error) { note(error.message, 9); }
}

/** Put a text on the clipboard; without the right to, by way of a field. */
async function put(text) {
  try { return await navigator.clipboard.writeText(text); } catch { /* the older way */ }
  const field = h("textarea", {}, text);
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

export function begin() {
  $("output").replaceChildren(...state.server.outputs.map(one => h("option", { value: one.id }, one.label)));
  $("render").onclick = () => submit("render", {}, { output: output() });
  $("copy-command").onclick = () => copy("command");
  $("copy-yaml").onclick = () => copy("yaml");
}
