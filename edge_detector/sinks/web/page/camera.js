// The camera of the page's address, as /?camera=porch: the one that is shown. "" stands for all, or for the only one.

import { askJson } from "./requests.js";

export const camera = () => new URLSearchParams(location.search).get("camera") ?? "";

// The address of a request about that camera.
export function ofCamera(address, name = camera()) {
  if (!name) return address;
  return `${address}${address.includes("?") ? "&" : "?"}${new URLSearchParams({ camera: name })}`;
}

// Each of several, as in /api/cameras: { name, tile }. None where there is one alone.
export const readCameras = async () => (await askJson("/api/cameras")).cameras;
