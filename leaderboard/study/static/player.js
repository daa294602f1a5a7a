// Two videos on one clock. A leads; B is steered by its playback rate. When they are far apart the one ahead stands still
// until the other has come up: a seek would leave footage out, which then nobody has seen. When either has to wait for
// data both wait, so nobody judges a video that stutters because the other one got the bandwidth.

const NUDGE_FROM_S = 0.004; // below this no rate is touched: smaller than a frame at 240 Hz
const HOLD_FROM_S = 0.04; // one frame
const GAIN = 2.5;
const MOST_NUDGE = 0.1;
const READY = HTMLMediaElement.HAVE_FUTURE_DATA;
const ENOUGH = HTMLMediaElement.HAVE_ENOUGH_DATA; // to the end, as far as the browser can tell
const DRY_S = 0.2; // both stop before one has nothing left: once it has, the other one has played on
const FED_S = 0.5;
const PATIENCE_MS = 10000; // after that a wait ends with READY: better a pair that waits again than one that never starts
const END_S = 0.1; // what browsers round the ends of ranges by, and more
const ASK_AFTER_MS = 1500;

function ahead({ buffered, currentTime, duration }) {
  if (currentTime >= duration - END_S) return Infinity;
  for (let i = 0; i < buffered.length; i++) {
    const end = buffered.end(i);
    if (buffered.start(i) <= currentTime + END_S && currentTime < end) return end >= duration - END_S ? Infinity : end - currentTime;
  }
  return 0;
}

export class PairPlayer extends EventTarget {
  constructor(a, b) {
    super();
    this.a = a;
    this.b = b;
    this.speed = 1;
    this.loop = false;
    this.fps = 24;
    this.reset();
    for (const video of [a, b]) {
      for (const name of ["waiting", "stalled"]) video.addEventListener(name, () => this.ready || this.#starve());
      for (const name of ["canplay", "canplaythrough", "seeked"]) video.addEventListener(name, () => this.#fed());
      video.addEventListener("playing", () => {
        this.#fed();
        if (this.starved) video.pause(); // it was asked to play so that it would load
      });
      for (const name of ["timeupdate", "progress", "loadedmetadata"])
        video.addEventListener(name, () => this.#told());
      video.addEventListener("ended", () => this.#ended());
      video.addEventListener("error", () => this.dispatchEvent(new Event("broken")));
    }
    setInterval(() => this.#steer(), 50);
    this.#eachFrame();
  }

  reset() {
    this.wanted = false; // the rater wants it to play
    this.starved = false;
    this.measured = { drifts: [], stalls: 0, stalledMs: 0, holds: 0, maxSpeed: 0, readyMs: null };
    this.since = performance.now();
    this.#holdNobody();
  }

  load(left, right, fps) {
    this.reset();
    this.fps = fps;
    for (const [video, source] of [[this.a, left], [this.b, right]]) {
      video.src = source;
      video.load();
    }
    this.starved = true;
    this.#told();
  }

  get duration() {
    return Math.min(this.a.duration || 0, this.b.duration || 0);
  }

  get ready() {
    return this.a.readyState >= READY && this.b.readyState >= READY;
  }

  /** Seconds that both have data for from where they are; Infinity when nothing is missing to the end. */
  get ahead() {
    return Math.min(ahead(this.a), ahead(this.b));
  }

  /** Whether both have all their data: then the line is free for the next pair. */
  get buffered() {
    return [this.a, this.b].every(({ buffered, duration }) => {
      return buffered.length > 0 && buffered.end(buffered.length - 1) >= duration - END_S;
    });
  }

  play() {
    this.wanted = true;
    if (this.duration && this.a.currentTime >= this.duration - 0.5 / this.fps) this.seek(0);
    this.#go();
  }

  pause() {
    this.wanted = false;
    this.#bothStop();
    this.#told();
  }

  toggle() {
    if (this.wanted) this.pause();
    else this.play();
  }

  seek(seconds) {
    const to = Math.max(0, Math.min(seconds, this.duration));
    this.a.currentTime = to;
    this.b.currentTime = to;
    this.#told();
  }

  step(frames) {
    this.pause();
    const now = Math.floor(this.a.currentTime * this.fps + 0.01);
    this.seek((now + frames + 0.5) / this.fps); // the middle of a frame: safe from rounding
  }

  setSpeed(speed) {
    this.speed = speed;
    this.a.playbackRate = this.b.playbackRate = speed;
  }

  /** The share of a video that has been played, each part once. */
  seen(video) {
    let sum = 0;
    for (let i = 0; i < video.played.length; i++) sum += video.played.end(i) - video.played.start(i);
    return video.duration ? Math.min(1, sum / video.duration) : 0;
  }

  report() {
    const { drifts, stalls, stalledMs, holds, maxSpeed, readyMs } = this.measured;
    const sorted = [...drifts].sort((x, y) => x - y);
    const at = (share) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : null);
    const round = (value) => (value === null ? null : Math.round(value * 10) / 10);
    const dropped = (video) => video.getVideoPlaybackQuality?.().droppedVideoFrames ?? null;
    return {
      watched_left: Math.round(this.seen(this.a) * 1000) / 1000,
      watched_right: Math.round(this.seen(this.b) * 1000) / 1000,
      drift_p50_ms: round(at(0.5)),
      drift_p95_ms: round(at(0.95)),
      drift_max_ms: round(at(1)),
      drift_samples: sorted.length,
      stalls,
      stalled_ms: Math.round(stalledMs),
      resyncs: holds,
      ready_ms: readyMs === null ? null : Math.round(readyMs),
      max_speed: maxSpeed,
      dropped_left: dropped(this.a),
      dropped_right: dropped(this.b),
    };
  }

  #eachFrame() {
    if (!("requestVideoFrameCallback" in HTMLVideoElement.prototype)) return;
    const next = () => {
      this.#steer();
      this.a.requestVideoFrameCallback(next);
    };
    this.a.requestVideoFrameCallback(next);
  }

  #steer() {
    const { a, b } = this;
    if (this.starved) return this.#fed() || this.#askForData();
    if (!this.wanted || a.seeking || b.seeking || a.ended || b.ended) return;
    if (!this.ready || this.ahead < DRY_S) return this.#starve();
    const drift = b.currentTime - a.currentTime;
    this.measured.drifts.push(Math.abs(drift) * 1000);
    this.measured.maxSpeed = Math.max(this.measured.maxSpeed, this.speed);
    if (a.paused || b.paused) return;
    if (Math.abs(drift) > HOLD_FROM_S) {
      this.measured.holds++;
      this.#hold(drift);
    } else {
      const nudge = Math.abs(drift) < NUDGE_FROM_S ? 0 : Math.max(-MOST_NUDGE, Math.min(MOST_NUDGE, -GAIN * drift));
      b.playbackRate = this.speed * (1 + nudge);
    }
  }

  /** Let the one that is ahead stand still for as long as the other needs. */
  #hold(drift) {
    const ahead = drift > 0 ? this.b : this.a;
    ahead.pause();
    clearTimeout(this.holding);
    this.holding = setTimeout(() => {
      if (this.wanted && !this.starved && !ahead.ended) ahead.play().catch(() => {});
    }, (1000 * Math.abs(drift)) / this.speed);
  }

  #holdNobody() {
    clearTimeout(this.holding);
  }

  #bothStop() {
    this.#holdNobody();
    this.a.pause();
    this.b.pause();
  }

  #starve() {
    if (this.starved || !this.wanted) return;
    this.starved = true;
    this.measured.stalls++;
    this.since = performance.now();
    this.#bothStop();
    this.#told();
  }

  /** Go on if there is enough for both; whether it did. */
  #fed() {
    const waited = performance.now() - this.since;
    if (!this.starved || !this.ready || this.ahead < FED_S) return false;
    if (waited < PATIENCE_MS && Math.min(this.a.readyState, this.b.readyState) < ENOUGH) return false;
    this.starved = false;
    if (this.measured.readyMs === null) this.measured.readyMs = waited;
    else this.measured.stalledMs += waited;
    if (this.wanted) this.#go();
    this.#told();
    this.dispatchEvent(new Event("ready"));
    return true;
  }

  /** Some browsers load nothing until they are asked to play: on phones, or where data is to be saved. */
  #askForData() {
    if (!this.wanted || performance.now() - this.since < ASK_AFTER_MS) return;
    for (const video of [this.a, this.b]) {
      const idle = video.paused && video.networkState === HTMLMediaElement.NETWORK_IDLE;
      if (idle && video.readyState < READY) video.play().catch(() => {});
    }
  }

  async #go() {
    const { a, b } = this;
    if (this.starved) return;
    const drift = b.currentTime - a.currentTime;
    const apart = Math.abs(drift) > 0.5 / this.fps;
    a.playbackRate = b.playbackRate = this.speed;
    if (apart) this.#hold(drift);
    try {
      await Promise.all([a, b].filter((video) => !apart || video === (drift > 0 ? a : b)).map((video) => video.play()));
    } catch (error) {
      if (error.name === "NotAllowedError") this.pause(); // the browser wants a click first
    }
    this.#told();
  }

  #ended() {
    if (!this.wanted || !(this.a.ended || this.b.ended)) return;
    const last = this.a.ended ? this.b : this.a;
    if (!last.ended && this.duration - last.currentTime > 0.005) return; // let the other one finish
    if (this.loop) {
      this.seek(0);
      this.#go();
    } else {
      this.pause();
    }
  }

  #told() {
    this.dispatchEvent(new Event("change"));
  }
}
