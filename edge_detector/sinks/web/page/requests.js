// Requests to the server.

const ANSWER_MS = 5000; // the longest time to wait for a small answer

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
