/** The unsent messages of all conversations: they go one after the other in each, at the relay's pace. */

import { Code } from './connection.js';
import { Pace } from './pace.js';

/** Refusals of a message that are over in a moment: it is sent again by itself, and under its id said once. */
const PASSING = new Set([Code.rateLimited, Code.notKept, Code.unknown]);

/** The wait before private messages that are held are tried again. */
const HELD_MS = 100;

export class Outbox {
  #clock;
  #send;
  #all;
  #pace = new Pace();
  #timer = null;
  /** Private messages wait while another line takes the place of this one: only this one can answer for them. */
  isHeld = false;

  /**
   * @param {object} clock
   * @param {(frame: object) => void} send Sends a frame to the relay.
   * @param {() => Iterable<Conversation>} all Everything that may have something to say.
   */
  constructor(clock, send, all) {
    this.#clock = clock;
    this.#send = send;
    this.#all = all;
  }

  /** True while messages wait because the relay takes no more at once. */
  get isSlow() {
    return this.#pace.isSlow;
  }

  /** There is another line, whose pace nobody knows. */
  begin() {
    this.#pace = new Pace();
    this.isHeld = false;
  }

  /** Sends what may go now. */
  pump(it) {
    if (it.pending === 0) return;
    const wait = it.isPrivate && this.isHeld ? HELD_MS : this.#pace.wait(this.#clock.now());
    if (wait > 0) {
      this.#timer ??= this.#clock.setTimeout(() => this.#pumpAll(), wait);
      return;
    }
    const say = it.next();
    if (!say) return;
    this.#pace.sent(this.#clock.now());
    this.#send(it.frame(say));
  }

  /** A message was refused: it waits for its turn once more, or for whoever wrote it. */
  refused({ code, request, text }) {
    const isPassing = PASSING.has(code);
    if (isPassing) this.#pace.refused(this.#clock.now());
    for (const it of this.#all()) {
      if (isPassing) it.later(request);
      else it.refused(request, text);
      this.pump(it);
    }
  }

  #pumpAll() {
    this.#timer = null;
    for (const it of this.#all()) this.pump(it);
  }
}
