// Requests to the server.

const ANSWER_MS = 5000; // the longest time to wait for a small answer
const CHANGE_MS = 10_000; // and for that to a change, which may wait for the disk

export async function ask(address, options) {
  const response = await fetch(address, { cache: "no-store", ...options });
  if (response.status === 401) location.reload(); // the token has changed: the login form appears
  return response;
}

export async function askJson(address) {
  const response = await ask(address, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response.json();
}

// Asks for a change: the answer, or { error } if nothing was done. `undone` says that it was not ("Not kept"), `late`
// what may still come.
export async function askToChange(address, method, body, { undone, late }) {
  const json = { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  try {
    const response = await ask(address, { method, ...(body ? json : {}), signal: AbortSignal.timeout(CHANGE_MS) });
    const answer = await response.json();
    return response.ok ? answer : { error: answer.error ?? `${undone}.` };
  } catch (error) {
    return { error: error.name === "TimeoutError" ? `No answer yet: ${late}.` : `${undone}: the detector cannot be reached.` };
  }
}
