// The live picture as the camera gave it. Each picture comes together with what was detected on it.

import { ofCamera } from "./camera.js";

const HEAD_END = [13, 10, 13, 10]; // two line ends

// Receives pictures until the connection ends, which is an error. `show(bitmap, seen)` gets each of them.
export async function receivePictures(signal, show) {
  const response = await fetch(ofCamera("/api/pictures"), { cache: "no-store", signal });
  if (!response.ok) throw new Error((await response.text()).trim());
  const parts = new PartReader(response.body.getReader());
  while (true) {
    const { seen, jpeg } = await parts.next();
    const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    show(bitmap, seen);
    bitmap.close();
  }
}

// Splits the stream into its parts: "--frame", header lines with Content-Length and X-Detections, an empty line, a JPEG.
class PartReader {
  constructor(reader) {
    this.reader = reader;
    this.rest = new Uint8Array();
  }

  async next() {
    const head = new TextDecoder().decode(await this.take(await this.headLength()));
    const jpeg = await this.take(Number(headerValue(head, "Content-Length")));
    await this.take(2); // the line end behind the picture
    return { seen: JSON.parse(headerValue(head, "X-Detections")), jpeg };
  }

  async headLength() {
    for (let at = 0; ; at++) {
      while (this.rest.length < at + HEAD_END.length) await this.receive();
      if (HEAD_END.every((byte, index) => this.rest[at + index] === byte)) return at + HEAD_END.length;
    }
  }

  async take(length) {
    while (this.rest.length < length) await this.receive();
    const taken = this.rest.subarray(0, length);
    this.rest = this.rest.subarray(length);
    return taken;
  }

  async receive() {
    const { done, value } = await this.reader.read();
    if (done) throw new Error("The stream of pictures has ended.");
    const joined = new Uint8Array(this.rest.length + value.length);
    joined.set(this.rest);
    joined.set(value, this.rest.length);
    this.rest = joined;
  }
}

function headerValue(head, name) {
  const line = head.split("\r\n").find((each) => each.startsWith(`${name}: `));
  if (line === undefined) throw new Error(`The server sends a picture without ${name}.`);
  return line.slice(name.length + 2);
}
