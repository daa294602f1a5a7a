// What the rater said is kept in the browser until the server has said that it is stored. The same text is sent again
// and again, so the server can tell a repetition from another answer.

const LONGEST_WAIT_MS = 15000;

export class Outbox {
  constructor(name) {
    this.name = `keepframe outbox ${name}`;
  }

  /** Send, and keep sending while the network or the server is away. Resolves to {status, told}. */
  async send(path, body, onRetry) {
    this.#keep({ path, body });
    for (let attempt = 0; ; attempt++) {
      const answer = await post(path, body);
      if (answer && answer.status < 500 && answer.status !== 429) {
        this.#keep(null);
        return answer;
      }
      onRetry?.(attempt);
      await new Promise((done) => setTimeout(done, Math.min(LONGEST_WAIT_MS, 500 * 2 ** attempt)));
    }
  }

  /** What a page that was closed in the middle had not been able to send. */
  async flush(onRetry) {
    const waiting = this.#kept();
    if (waiting) await this.send(waiting.path, waiting.body, onRetry);
  }

  #keep(entry) {
    try {
      if (entry) localStorage.setItem(this.name, JSON.stringify(entry));
      else localStorage.removeItem(this.name);
    } catch {
      // no storage in this browser: the vote is still sent until it is stored, while the page is open
    }
  }

  #kept() {
    try {
      return JSON.parse(localStorage.getItem(this.name));
    } catch {
      return null;
    }
  }
}

export async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      credentials: "same-origin",
    });
    return { status: response.status, told: await response.json().catch(() => ({})) };
  } catch {
    return null;
  }
}
