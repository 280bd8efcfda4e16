// A clock that moves when told to, and sockets whose other end is the test.

export class Clock {
  #now = 1_000_000;
  #timers = new Map();
  #last = 0;

  /** What `random` answers: the longest waits unless a test says otherwise. */
  luck = 0.999;

  /** How far the calendar is from the clock: people and programs set it. */
  shift = 0;

  now = () => this.#now;
  date = () => this.#now + this.shift;
  random = () => this.luck;

  setTimeout = (act, ms) => {
    this.#last += 1;
    this.#timers.set(this.#last, { act, at: this.#now + ms });
    return this.#last;
  };

  clearTimeout = (timer) => this.#timers.delete(timer);

  /** Lets time pass, and what is due in it happen. */
  pass(ms) {
    const until = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until);
      const [next] = due.sort(([, one], [, other]) => one.at - other.at);
      if (!next) break;
      this.#timers.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].at);
      next[1].act();
    }
    this.#now = until;
  }
}

/** The relay's end of a socket. */
export class Socket {
  /** What the page has sent and no test has looked at. */
  sent = [];
  isClosed = false;

  send(data) {
    this.sent.push(JSON.parse(data));
  }

  close() {
    this.isClosed = true;
  }

  /** The relay sends these frames. */
  receive(...frames) {
    for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) });
  }

  /** Everything sent since the last look. */
  take() {
    return this.sent.splice(0);
  }

  /** The last frame of that type that was sent. */
  last(type) {
    return this.sent.findLast((frame) => frame.type === type);
  }

  /** The line breaks. */
  break() {
    this.onclose({});
  }
}

export const EPOCH = '0123456789abcdef';
export const OTHER_EPOCH = 'fedcba9876543210';

export const welcome = (more = {}) => ({
  type: 'welcome', version: 1, id: '0000000100000007', key: '5eed5eed5eed5eed',
  max_message: 65_536, max_rooms: 128, ping_ms: 25_000, name: 'ann', ...more,
});

export const joined = (request, more = {}) => ({
  type: 'joined', request, room: 7, name: 'rust', recovered: false, epoch: EPOCH, head: 0, oldest: 1,
  members: 1, ...more,
});

export const message = (offset, text = `message ${offset}`, more = {}) => ({
  type: 'message', room: 7, offset, time: 1_790_000_000_000 + offset, sender: 'bob', text, ...more,
});
