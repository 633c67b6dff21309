// Whether the picture is live, judged by the age of the last picture and of the last status.

const LATE_MS = 3000; // since the last picture; a slow model may take longer for each
const LATE_PACES = 3;

export class Liveness {
  // `now` is the browser's monotonic clock, in milliseconds.
  constructor(now) {
    this.restart(now);
  }

  // The page has just been opened, or was hidden until now.
  restart(now) {
    this.pictureAt = now; // the last picture came; at first: it could have come
    this.frameAt = Infinity; // the newest frame was detected, as the last status says
    this.statusAt = now;
    this.lateMs = LATE_MS;
    this.pictures = 0;
    this.status = null;
    this.reachable = true;
  }

  picture(now) {
    this.pictureAt = now;
    this.pictures += 1;
  }

  answer(status, now) {
    this.reachable = true;
    this.status = status;
    this.statusAt = now;
    this.frameAt = status.frame_age_s === null ? Infinity : now - 1000 * status.frame_age_s;
    this.lateMs = Math.max(LATE_MS, LATE_PACES * 1000 * status.pace_s);
  }

  noConnection() {
    this.reachable = false;
  }

  ageMs(now) {
    return Math.max(0, now - Math.min(this.pictureAt, this.frameAt));
  }

  // No picture comes although the detector has new ones: the connection of the stream is dead.
  streamIsDead(now) {
    const fresh = now - this.statusAt < LATE_MS && now - this.frameAt < this.lateMs;
    return fresh && now - this.pictureAt > 2 * this.lateMs;
  }

  // { name, text }: name is waiting, live, stalled or lost.
  state(now) {
    if (!this.reachable) return { name: "lost", text: "Connection lost, trying again" };
    if (this.status === null || this.status.results === 0) return this.beforeTheFirst(now);
    const age = this.ageMs(now);
    if (age > this.lateMs) return { name: "stalled", text: `No picture for ${seconds(age)}` };
    return this.pictures > 0 ? { name: "live", text: "Live" } : { name: "waiting", text: "Waiting for the picture" };
  }

  beforeTheFirst(now) {
    const silence = now - this.statusAt;
    if (silence > LATE_MS) return { name: "stalled", text: `No answer for ${seconds(silence)}` };
    return { name: "waiting", text: this.status === null ? "Connecting" : "Starting" };
  }
}

function seconds(ms) {
  const whole = Math.round(ms / 1000);
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min`;
}
