// The next pair is loaded whole while the rater looks at this one, but only once this one has all it needs.

const LARGEST = 64 * 2 ** 20; // a longer video streams when its turn comes

export class Prefetch {
  constructor() {
    this.held = new Map(); // address -> object URL
    this.busy = new Set();
  }

  /** The loaded copy of an address, or the address itself. */
  source(address) {
    return this.held.get(address) ?? address;
  }

  async load(addresses) {
    for (const address of addresses) {
      if (this.held.has(address) || this.busy.has(address)) continue;
      this.busy.add(address);
      try {
        const response = await fetch(address);
        if (response.ok && Number(response.headers.get("content-length")) <= LARGEST)
          this.held.set(address, URL.createObjectURL(await response.blob()));
        else await response.body?.cancel();
      } catch {
        // the player will stream it, and say so if it cannot
      }
      this.busy.delete(address);
    }
  }

  keepOnly(addresses) {
    for (const [address, copy] of this.held) {
      if (addresses.includes(address)) continue;
      URL.revokeObjectURL(copy);
      this.held.delete(address);
    }
  }
}
