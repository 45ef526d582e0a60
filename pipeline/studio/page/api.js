// The server's answers. Every failure is one line that a person can read.

export class Failure extends Error {
  constructor(text, status) { super(text); this.status = status; }
}

async function failure(answer) {
  const text = await answer.text();
  try {
    const said = JSON.parse(text);
    return new Failure(said.error || said.message || said.detail || text, answer.status);
  } catch { return new Failure(text || `the server answered ${answer.status}`, answer.status); }
}

/** Ask for something; what comes back is a Response. */
export async function ask(method, path, { json, body, signal, type } = {}) {
  const headers = { "X-Stylize-Video": "1" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  else if (type) headers["Content-Type"] = type;
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: json !== undefined ? JSON.stringify(json) : body });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The studio does not answer. Is it still running?", 0);
  }
  if (!answer.ok) throw await failure(answer);
  return answer;
}

export const get = async (path, options) => (await ask("GET", path, options)).json();
export const post = async (path, json) => (await ask("POST", path, { json })).json();
export const remove = path => ask("DELETE", path);

/** Send a file, and say how far it is: progress(0..1). */
export function upload(method, path, file, progress = () => {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    request.setRequestHeader("X-Stylize-Video", "1");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = event => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(new Failure("The file could not be sent. Is the studio still running?", 0));
    request.onload = async () => {
      if (request.status >= 400) return reject(await failure(new Response(request.responseText, { status: request.status })));
      resolve(request.responseText ? JSON.parse(request.responseText) : null);
    };
    request.send(file);
  });
}

export const query = values => new URLSearchParams(
  Object.entries(values).filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => [name, String(value)]));
