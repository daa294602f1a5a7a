// Two videos on one clock. A leads; B is steered by its playback rate and, when far off, by a seek. When either has to
// wait for data both wait, so nobody judges a video that stutters because the other one got the bandwidth.

const NUDGE_FROM_S = 0.004; // below this no rate is touched: smaller than a frame at 240 Hz
const SEEK_FROM_S = 0.15;
const GAIN = 1.5;
const MOST_NUDGE = 0.1;
const READY = 3; // HTMLMediaElement.HAVE_FUTURE_DATA

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
      for (const name of ["waiting", "stalled"]) video.addEventListener(name, () => this.#starved());
      for (const name of ["canplay", "seeked", "playing"]) video.addEventListener(name, () => this.#fed());
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
    this.measured = { drifts: [], stalls: 0, stalledMs: 0, seeks: 0, maxSpeed: 0, readyMs: null };
    this.since = performance.now();
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

  /** Whether both have all their data: then the line is free for the next pair. */
  get buffered() {
    return [this.a, this.b].every((video) => {
      const { buffered, duration } = video;
      return buffered.length > 0 && buffered.end(buffered.length - 1) >= duration - 0.1;
    });
  }

  play() {
    this.wanted = true;
    if (this.duration && this.a.currentTime >= this.duration - 0.5 / this.fps) this.seek(0);
    this.#go();
  }

  pause() {
    this.wanted = false;
    this.a.pause();
    this.b.pause();
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
    const { drifts, stalls, stalledMs, seeks, maxSpeed, readyMs } = this.measured;
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
      resyncs: seeks,
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
    if (!this.wanted) return;
    if (this.starved) return this.#fed();
    if (a.paused || b.paused || a.seeking || b.seeking || a.ended || b.ended) return;
    if (!this.ready) return this.#starved();
    const drift = b.currentTime - a.currentTime;
    this.measured.drifts.push(Math.abs(drift) * 1000);
    this.measured.maxSpeed = Math.max(this.measured.maxSpeed, this.speed);
    if (Math.abs(drift) > SEEK_FROM_S) {
      this.measured.seeks++;
      b.currentTime = a.currentTime;
    } else {
      const nudge = Math.abs(drift) < NUDGE_FROM_S ? 0 : Math.max(-MOST_NUDGE, Math.min(MOST_NUDGE, -GAIN * drift));
      b.playbackRate = this.speed * (1 + nudge);
    }
  }

  #starved() {
    if (this.ready || this.starved || !this.wanted) return;
    this.starved = true;
    this.measured.stalls++;
    this.since = performance.now();
    this.a.pause();
    this.b.pause();
    this.#told();
  }

  #fed() {
    if (!this.starved || !this.ready) return;
    this.starved = false;
    const waited = performance.now() - this.since;
    if (this.measured.readyMs === null) this.measured.readyMs = waited;
    else this.measured.stalledMs += waited;
    if (this.wanted) this.#go();
    this.#told();
    this.dispatchEvent(new Event("ready"));
  }

  async #go() {
    const { a, b } = this;
    if (this.starved) return;
    if (Math.abs(b.currentTime - a.currentTime) > 0.5 / this.fps) b.currentTime = a.currentTime;
    a.playbackRate = b.playbackRate = this.speed;
    try {
      await Promise.all([a.play(), b.play()]);
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
