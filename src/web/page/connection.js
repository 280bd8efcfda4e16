/**
 * One person's line to the relay: connects, says hello, keeps the line alive, and comes back by
 * itself (docs/PROTOCOL.md). It knows people, not rooms, and nothing of the page.
 *
 * @typedef {object} Frame A JSON object of the frame protocol; `type` is its verb.
 *
 * @typedef {object} State Where the line stands.
 * @property {'idle'|'connecting'|'live'|'waiting'|'nameless'|'ended'} phase
 *   `waiting` for the next try; `nameless` until another name is chosen; `ended` until somebody
 *   asks for more.
 * @property {number} [code] Why the last line ended, or why the name was refused.
 * @property {string} [text] The same as a sentence.
 * @property {number} [retryAt] When the next try is due, in `waiting`.
 */

/** The WebSocket subprotocol: one frame is one text message. */
export const SUBPROTOCOL = 'hobnob.v1';

/** Codes of the protocol that this page acts upon. */
export const Code = Object.freeze({
  nameTaken: 100,
  badName: 101,
  rateLimited: 107,
  draining: 108,
  badKey: 114,
  expelled: 118,
  replaced: 206,
  shutdown: 207,
});

/**
 * Ends after which to come back: the line was at fault, or the relay for a while. After any other
 * somebody wanted it, or it would only happen again.
 */
const PASSING = new Set([
  200, 201, 202, 203, 204, 205, // the line: closed, lost, too slow in some way
  207, 209, 210, // the relay: shutting down, full
  500,
]);

/** How long the relay may take to let us in, and to answer a ping. */
const ANSWER_MS = 10_000;

/** The same for a ping after the machine woke up, when the line is most likely dead. */
const WAKE_MS = 3_000;

/** A line that held for this long was no accident: the next wait may be short again. */
const HELD_MS = 5_000;

/** The longest first wait; the same after a shutdown, when everybody comes at once; the longest. */
const WAIT_FIRST_MS = 400;
const WAIT_SHUTDOWN_MS = 2_000;
const WAIT_MAX_MS = 15_000;

/** The clock of this machine; tests bring their own. */
export const systemClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (act, ms) => setTimeout(act, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};

export class Connection {
  #open;
  #clock;
  #told;
  #socket = null;
  #timer = null;
  #name = '';
  #key = null;
  #failures = 0;
  #heardAt = 0;
  #liveAt = 0;
  #pingedUntil = 0;
  #silenceMs = 30_000;
  #last = {};

  /** @type {State} */
  state = { phase: 'idle' };

  /**
   * @param {object} world
   * @param {() => WebSocket} world.open Begins a connection.
   * @param {object} [world.clock] `now`, `random`, `setTimeout` and `clearTimeout`.
   * @param {object} told Whom to tell: `state(State)`, `welcome(Frame)`, and `frame(Frame)` for
   *   everything that is about rooms and people.
   */
  constructor({ open, clock = systemClock }, told) {
    this.#open = open;
    this.#clock = clock;
    this.#told = told;
  }

  /** Connects under that name, on a new line; `key` makes it ours again. */
  start(name, key) {
    this.#name = name;
    this.#key = key;
    this.#failures = 0;
    this.#drop();
    this.#dial();
  }

  /** Tries at once instead of when the wait is over. */
  retryNow() {
    if (this.state.phase === 'waiting' || this.state.phase === 'ended') this.#dial();
  }

  /** The machine may have been away: makes sure that the line is still there. */
  check() {
    if (this.state.phase === 'waiting') this.#dial();
    if (this.state.phase === 'live') this.#ping(WAKE_MS);
  }

  /** Ends the line for good. */
  stop() {
    this.send({ type: 'bye' });
    this.#drop();
    this.#become({ phase: 'idle' });
  }

  /** Sends a frame; false if there is no line to send it on. */
  send(frame) {
    if (this.state.phase !== 'live') return false;
    this.#write(frame);
    return true;
  }

  #become(state) {
    this.state = state;
    this.#told.state(state);
  }

  #dial() {
    this.#clock.clearTimeout(this.#timer);
    this.#last = {};
    const socket = this.#open();
    this.#socket = socket;
    // What an abandoned socket still has to say is nobody's business.
    const ours = (act) => (event) => this.#socket === socket && act(event);
    socket.onopen = ours(() => this.#greet());
    socket.onmessage = ours(({ data }) => this.#received(data));
    socket.onclose = ours(() => this.#lost());
    this.#after(ANSWER_MS, () => this.#lost());
    this.#become({ phase: 'connecting' });
  }

  #greet() {
    const key = this.#key ? { key: this.#key } : {};
    this.#write({ type: 'hello', version: 1, private: true, name: this.#name, ...key });
  }

  #received(data) {
    this.#heardAt = this.#clock.now();
    this.#pingedUntil = 0;
    const frame = JSON.parse(data);
    switch (frame.type) {
      case 'welcome':
        return this.#welcome(frame);
      case 'ping':
        return this.#write({ type: 'pong', token: frame.token });
      case 'pong':
        return undefined;
      case 'bye':
        this.#last = { code: frame.code, text: this.#last.text ?? frame.text };
        return this.#lost();
      case 'error':
        return this.#error(frame);
      default:
        return this.#told.frame(frame);
    }
  }

  #welcome(frame) {
    this.#name = frame.name;
    this.#key = frame.key;
    this.#liveAt = this.#heardAt;
    // The relay asks by WebSocket's own pings, which no page gets to see.
    this.#silenceMs = frame.ping_ms;
    this.#become({ phase: 'live' });
    this.#told.welcome(frame);
    this.#listen();
  }

  #error(frame) {
    if (this.state.phase === 'connecting' && frame.code < 200) {
      this.#drop();
      this.#become({ phase: 'nameless', code: frame.code, text: frame.text });
    } else if (frame.code >= 300) {
      this.#last = { code: frame.code, text: frame.text };
    } else {
      this.#told.frame(frame);
    }
  }

  /** Waits for silence, and asks into it. */
  #listen() {
    const now = this.#clock.now();
    const due = this.#pingedUntil || this.#heardAt + this.#silenceMs;
    if (now < due) return this.#after(due - now, () => this.#listen());
    if (this.#pingedUntil) return this.#lost();
    return this.#ping(ANSWER_MS);
  }

  #ping(patienceMs) {
    this.#write({ type: 'ping', token: 0 });
    this.#pingedUntil = this.#clock.now() + patienceMs;
    this.#listen();
  }

  #lost() {
    const { code, text } = this.#last;
    const held = this.state.phase === 'live' && this.#clock.now() - this.#liveAt >= HELD_MS;
    this.#drop();
    if (code !== undefined && !PASSING.has(code)) return this.#become({ phase: 'ended', code, text });
    if (held) this.#failures = 0;
    const wait = this.#nextWait(code);
    const retryAt = this.#clock.now() + wait;
    this.#after(wait, () => this.#dial());
    return this.#become({ phase: 'waiting', code, text, retryAt });
  }

  /**
   * Full jitter: drawn evenly from zero to a bound that doubles, because whoever lost a relay lost
   * it together with everybody else.
   */
  #nextWait(code) {
    const first = code === Code.shutdown ? WAIT_SHUTDOWN_MS : WAIT_FIRST_MS;
    const bound = Math.min(first * 2 ** Math.min(this.#failures, 16), WAIT_MAX_MS);
    this.#failures += 1;
    return this.#clock.random() * bound;
  }

  #drop() {
    this.#clock.clearTimeout(this.#timer);
    this.#pingedUntil = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #write(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  #after(ms, act) {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(act, ms);
  }
}
