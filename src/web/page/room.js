/** One room, as far as this page knows it: what was said there, from where to go on, and who is there. */

import { Conversation, keyOf } from './conversation.js';
import { payloadOf } from './text.js';

/** How many times the usual a room keeps while somebody reads further up. */
const READING_SLACK = 4;

export class Room extends Conversation {
  isPrivate = false;
  /** By what frames name it on this line; null while it is not joined there. */
  number = null;
  /** @type {'out'|'joining'|'in'} */
  stage = 'out';
  /** How many are here, and who, by key; names are left out of big rooms. */
  members = { count: 0, names: new Map() };
  /** Whether the relay has been asked who is here and has not answered yet. */
  isAsking = false;
  /** True if we were the first here. */
  isOurs = false;
  /** The last message of what is being sent again after coming back. */
  #replayTo = 0;

  /** @param {string} [secret] The key that its operators ask for. */
  constructor(name, read = null, secret = undefined) {
    super(name, read);
    this.secret = secret;
  }

  /** What it is called on the page. */
  get title() {
    return `#${this.name}`;
  }

  /** Whether `members` names everybody. */
  get isNamed() {
    return this.members.names.size === this.members.count;
  }

  /** Whether messages that were missed are still to come. */
  get isReplaying() {
    return this.stage === 'in' && this.place.offset < this.#replayTo;
  }

  /** The line is gone; the place in the room is not. */
  lineLost() {
    this.number = null;
    this.stage = 'out';
    this.isAsking = false;
    for (const hole of this.timeline.entries.filter(({ state }) => state === 'loading')) {
      this.timeline.unfill(hole);
    }
    for (const say of this.unsaid.filter(({ state }) => state === 'sending')) {
      Object.assign(say, { state: 'waiting', offset: undefined });
    }
  }

  /**
   * Takes the answer to a join.
   *
   * @returns {{missed: number, lost: number}} How many messages were said meanwhile and can be
   *   had, and how many are gone; NaN if nobody knows.
   */
  joined({ room, name, epoch, head, oldest, members, recovered }, now) {
    const before = this.place;
    this.number = room;
    this.name = name;
    this.stage = 'in';
    this.members.count = members;
    if (!before) this.isOurs = members === 1;
    if (recovered) {
      this.#replayTo = head;
      return { missed: head - before.offset, lost: 0 };
    }
    this.#replayTo = 0;

    const isSame = before?.epoch === epoch;
    const from = isSame ? before.offset + 1 : 1;
    const keptFrom = Math.min(Math.max(from, oldest), head + 1);
    const why = isSame ? 'away' : 'old';
    this.timeline.begin(epoch, now);
    this.timeline.miss({ epoch, from, to: keptFrom - 1, state: 'lost', why });
    this.timeline.miss({ epoch, from: keptFrom, to: head, state: 'open', why });
    this.place = { epoch, offset: head };
    if (before) {
      this.unread += head + 1 - keptFrom;
      // A room in which nothing was said is forgotten with its last member, which is no loss.
      const isCounted = isSame || before.offset === 0;
      return { missed: head + 1 - keptFrom, lost: isCounted ? keptFrom - from : NaN };
    }
    this.#takeUpReading(keptFrom);
    return { missed: 0, lost: 0 };
  }

  /** Takes up where the person stopped before the page was loaded again. */
  #takeUpReading(keptFrom) {
    const { epoch, offset: head } = this.place;
    if (!this.read) this.read = this.place;
    const seen = this.read.epoch === epoch ? this.read.offset : 0;
    this.unread = head - Math.max(seen, keptFrom - 1);
  }

  /**
   * Takes a message.
   *
   * @param {Frame} frame
   * @param {string} me Our own name.
   * @param {boolean} isRead Whether somebody is reading further up, and needs what is there.
   * @returns {import('./timeline.js').Message|null} What was not here before.
   */
  message({ offset, time, sender, ...frame }, me, isRead) {
    const { epoch, offset: last } = this.place;
    if (offset <= last) return null;
    this.timeline.miss({ epoch, from: last + 1, to: offset - 1, state: 'open', why: 'away' });
    this.place = { epoch, offset };
    const payload = payloadOf(frame);
    const sent = sender === me && this.#cameBack(offset, payload.text);
    const message = { kind: 'message', epoch, offset, time, sender, ...payload, sent };
    this.timeline.append(message, isRead ? READING_SLACK : 1);
    return message;
  }

  /** Takes the news that messages were lost to this line. */
  gap({ from, to }) {
    const { epoch, offset } = this.place;
    if (to <= offset) return;
    from = Math.max(from, offset + 1);
    this.timeline.miss({ epoch, from, to, state: 'lost', why: 'slow' });
    this.place = { epoch, offset: to };
  }

  /** Takes a page of what was said before. */
  history(hole, { messages, oldest }) {
    const { epoch } = hole;
    const page = messages.map(({ offset, time, sender, ...frame }) =>
      ({ kind: 'message', epoch, offset, time, sender, ...payloadOf(frame) }));
    this.timeline.fill(hole, page, oldest);
  }

  /** Takes who came. Only rooms that are small enough for names are told. */
  came({ name, count }) {
    this.members.count = count;
    this.members.names.set(keyOf(name), name);
    this.timeline.presence(name, true);
  }

  /** Takes who went; of ourselves, under a name that we have no more, nothing is told. */
  went({ name, count }, isFormer = false) {
    this.members.count = count;
    this.members.names.delete(keyOf(name));
    if (!isFormer) this.timeline.presence(name, false);
  }

  /** Takes who is here. */
  told({ count, names }) {
    this.members.count = count;
    this.members.names = new Map(names.map((name) => [keyOf(name), name]));
  }

  get hasLine() {
    return this.number !== null;
  }

  /** The frame by which a message goes out. */
  frame({ id, text }) {
    return { type: 'say', room: this.number, id, text };
  }

  /**
   * Takes an acknowledgement. Our own copy has come before it, except while the relay reads a
   * slow page what it missed.
   */
  acknowledged({ id, offset }) {
    const say = this.unsaid.find((it) => it.id === id);
    if (!say) return;
    if (offset > this.place.offset) say.offset = offset;
    else this.discard(id);
  }

  /**
   * Finds which of ours has come back. Copies carry no ids, but they come in the order in which
   * their messages were said, so it is the first of that text, unless an acknowledgement told.
   */
  #cameBack(offset, text) {
    const isIt = (say) =>
      say.offset === offset || (!say.offset && say.state !== 'refused' && say.text === text);
    const say = this.unsaid.find(isIt);
    if (say) this.discard(say.id);
    return say !== undefined;
  }
}
