// The camera of the page's address, as /?camera=porch: the one that is shown. "" stands for all, or for the only one.

import { askJson } from "./requests.js";

export const camera = () => new URLSearchParams(location.search).get("camera") ?? "";

// The address of a request about that camera.
export function ofCamera(address, name = camera()) {
  if (!name) return address;
  return `${address}${address.includes("?") ? "&" : "?"}${new URLSearchParams({ camera: name })}`;
}

// { cameras, unknown }: each of several as { name, tile }, none where there is one alone; `unknown` says that there is
// no camera of the address's name, and which there are.
export const readCameras = () => askJson(ofCamera("/api/cameras"));
