// Talking to the server. What changes something carries this browser's own token against forged requests.

let csrf = "";

/** The server said no; `status` says which no. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, body, options = {}) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["x-csrf-token"] = csrf;
  if (body !== undefined) headers["content-type"] = "application/json";
  const reply = await fetch(`/api/${path}`, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    ...options,
  });
  const content = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Refused(reply.status, content.error ?? "The server could not answer.");
  return content;
}

export const get = (path) => call("GET", path);
export const post = (path, body, options) => call("POST", path, body, options);

/** Who is signed in, and where they stand. */
export async function whoami() {
  const me = await get("me");
  csrf = me.csrf;
  return me;
}

/** Sign in with the token after the hash sign of an invitation, and take it out of the address bar. */
export async function enter(token) {
  history.replaceState(null, "", location.pathname);
  await post("enter", { token });
  return whoami();
}

/**
 * Send what must not be lost: over and over until the server has stored it or says no for good.
 * `waiting` is told when an attempt has failed.
 */
export async function deliver(path, body, waiting) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await post(path, body);
    } catch (error) {
      const temporary = !(error instanceof Refused) || error.status === 429 || error.status >= 500;
      if (!temporary) throw error;
      waiting(attempt);
      await new Promise((resolve) => setTimeout(resolve, Math.min(500 * 2 ** attempt, 8000)));
    }
  }
}
