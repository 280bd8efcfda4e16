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

import { Candidate } from './candidate.js';

/** The WebSocket subprotocol: one frame is one text message. */
export const SUBPROTOCOL = 'hobnob.v1';

/** Codes of the protocol that this page acts upon. */
export const Code = Object.freeze({
  nameTaken: 100,
  badName: 101,
  badRoom: 102,
  rateLimited: 107,
  draining: 108,
  badKey: 114,
  expelled: 118,
  notKept: 121,
  unknown: 122,
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

/** Time for a line under an old name, which may still be sent private messages. */
const PARTING_MS = 5_000;

/** A line that held for this long was no accident: the next wait may be short again. */
const HELD_MS = 5_000;

/** The longest first wait; the same after a shutdown, when everybody comes at once; the longest. */
const WAIT_FIRST_MS = 400;
const WAIT_SHUTDOWN_MS = 2_000;
const WAIT_MAX_MS = 15_000;

/**
 * The clock of this machine; tests bring their own. `now` only ever goes on, and measures; `date` is what
 * the calendar says, which people and programs set back.
 */
export const systemClock = {
  now: () => performance.now(),
  date: () => Date.now(),
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
  /** @type {Candidate|null} The line under another name that is asked for. */
  #candidate = null;
  /** The socket under the name before. */
  #former = null;

  /** @type {State} */
  state = { phase: 'idle' };

  /**
   * @param {object} world
   * @param {() => WebSocket} world.open Begins a connection.
   * @param {object} [world.clock] `now`, `date`, `random`, `setTimeout` and `clearTimeout`.
   * @param {object} told Whom to tell: `state(State)`, `welcome(Frame)`, and `frame(Frame)` for
   *   everything that is about rooms and people; after `rename`, `granted()` or `notGranted({code, text})`.
   */
  constructor({ open, clock = systemClock }, told) {
    this.#open = open;
    this.#clock = clock;
    this.#told = told;
  }

  /** Connects under that name, on a new line; `key` makes it ours again. */
  start(name, key) {
    this.#giveUpRename();
    this.part();
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
    if (this.state.phase === 'live' && !this.isSuperseded) this.#ping(WAKE_MS);
  }

  /** Asks for another name. This line stays as it is, and whoever is told `granted` calls `adopt`. */
  rename(name) {
    this.#candidate?.close();
    this.#candidate = new Candidate({ open: this.#open, clock: this.#clock }, this.#hello(name), {
      granted: () => this.#told.granted(),
      refused: (why) => {
        this.#candidate = null;
        this.#told.notGranted(why);
        if (this.isSuperseded) this.#lost();
      },
    });
  }

  /** True if another name was granted and is not in use yet. */
  get isGranted() {
    return Boolean(this.#candidate?.welcome);
  }

  /** True if this line was taken away by the one that is asked for. */
  get isSuperseded() {
    return this.state.phase === 'live' && this.#socket === null;
  }

  #superseded() {
    this.#drop();
    if (this.#candidate.welcome) this.#told.granted();
  }

  /** Goes on under the name that was granted. The line before stays, and is heard, until `part`. */
  adopt() {
    const { welcome } = this.#candidate;
    const socket = this.#candidate.take();
    this.#candidate = null;
    this.part();
    this.#former = this.#socket;
    if (this.#former) this.#retire(this.#former);
    this.#attach(socket);
    this.#heardAt = this.#clock.now();
    this.#pingedUntil = 0;
    this.#welcome(welcome);
  }

  /** Is done with the line under the name before. */
  part() {
    const former = this.#former;
    this.#former = null;
    if (!former) return;
    former.send(JSON.stringify({ type: 'bye' }));
    former.close();
  }

  /** Hears on a line only what is told to its name alone; everything else comes on the next one. */
  #retire(socket) {
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === 'told') this.#told.frame(frame);
    };
    socket.onclose = () => {
      if (this.#former === socket) this.#former = null;
    };
    this.#clock.setTimeout(() => this.#former === socket && this.part(), PARTING_MS);
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
    this.#attach(socket);
    socket.onopen = () => this.#socket === socket && this.#write(this.#hello(this.#name));
    this.#after(ANSWER_MS, () => this.#lost());
    this.#become({ phase: 'connecting' });
  }

  /** Makes a socket the line. */
  #attach(socket) {
    this.#socket = socket;
    // What an abandoned socket still has to say is nobody's business.
    const ours = (act) => (event) => this.#socket === socket && act(event);
    socket.onmessage = ours(({ data }) => this.#received(data));
    socket.onclose = ours(() => this.#lost());
  }

  #hello(name) {
    const key = this.#key ? { key: this.#key } : {};
    return { type: 'hello', version: 1, private: true, name, ...key };
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
        // Our own name in another spelling is granted by taking it from this line.
        if (frame.code === Code.replaced && this.#candidate) return this.#superseded();
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
    this.#giveUpRename();
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

  /** The line is lost: what comes back is the old name, so that no line stays under two. */
  #giveUpRename() {
    if (!this.#candidate) return;
    this.#candidate.close();
    this.#candidate = null;
    this.#told.notGranted({ text: 'the connection was lost' });
  }

  #drop() {
    this.#clock.clearTimeout(this.#timer);
    this.#pingedUntil = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #write(frame) {
    this.#socket?.send(JSON.stringify(frame));
  }

  #after(ms, act) {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(act, ms);
  }
}
