/**
 * The pace of messages towards the relay, which allows a burst and then one in a while. Only its refusals
 * tell how many. So messages go at once until one is refused for being too fast; then they keep a distance that
 * grows until nothing is refused, and is forgotten after a rest.
 */

/** The first distance, a little more than the relay's usual one; its growth; the longest. */
const FIRST_MS = 250;
const GROWTH = 1.5;
const LONGEST_MS = 5_000;

/** A rest of so many distances lets messages go at once again. */
const RESTS = 10;

export class Pace {
  #distance = 0;
  #freeAt = 0;

  /** Milliseconds until the next message may go. */
  wait(now) {
    if (this.#distance > 0 && now - this.#freeAt > this.#distance * RESTS) this.#distance = 0;
    return this.#distance === 0 ? 0 : Math.max(0, this.#freeAt - now);
  }

  /** True while messages keep a distance. */
  get isSlow() {
    return this.#distance > 0;
  }

  /** A message goes. */
  sent(now) {
    this.#freeAt = now + this.#distance;
  }

  /** One came too fast. */
  refused(now) {
    this.#distance = this.#distance === 0 ? FIRST_MS : Math.min(this.#distance * GROWTH, LONGEST_MS);
    this.#freeAt = now + this.#distance;
  }
}
