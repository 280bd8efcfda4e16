/**
 * What is said somewhere, in a room or between two people, as far as this page knows it: up to where
 * the person has read it, and what of ours is still to be said.
 *
 * @typedef {object} Place A message, named for good: its offset and the numbering that counts it.
 * @property {string} epoch
 * @property {number} offset
 *
 * @typedef {object} Unsaid A message of ours that nobody is known to have received yet.
 * @property {'unsaid'} kind
 * @property {number} id By which the relay knows it.
 * @property {string} text
 * @property {number} time When it was written.
 * @property {'waiting'|'sending'|'refused'} state
 * @property {string} [problem] Why it was refused.
 * @property {boolean} [isUnsure] It may have come all the same.
 * @property {number} [offset] Its place, once acknowledged: it is only still to come back.
 */

import { Timeline } from './timeline.js';

/** What a name is compared by: the relay folds the case of ASCII letters and nothing else. */
export const keyOf = (name) => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

export class Conversation {
  /** @type {Place|null} The last message that is known of. */
  place = null;
  timeline = new Timeline();
  /** @type {Unsaid[]} */
  unsaid = [];
  unread = 0;
  mentions = 0;
  /** @type {Place|null} After this message the unread ones began when it was last opened. */
  divider = null;
  /** The text that is written here and not sent yet. */
  draft = '';

  /**
   * @param {string} name
   * @param {Place|null} read The last message the person has seen.
   */
  constructor(name, read = null) {
    this.name = name;
    this.read = read;
  }

  /** What it is found by, however its name is spelt. */
  get key() {
    return keyOf(this.name);
  }

  /** Notes something to be said. */
  say(id, text, now) {
    this.unsaid.push({ kind: 'unsaid', id, text, time: now, state: 'waiting' });
  }

  /**
   * The message that may go out now; it is on its way then. There is never more than one: of two, the
   * relay could refuse the first and take the second, and they would change places.
   */
  next() {
    const isOnItsWay = ({ state, offset }) => state === 'sending' && offset === undefined;
    if (!this.hasLine || this.unsaid.some(isOnItsWay)) return null;
    const say = this.unsaid.find(({ state }) => state === 'waiting');
    if (say) say.state = 'sending';
    return say ?? null;
  }

  /** Messages that are still to go out. */
  get pending() {
    return this.unsaid.filter(({ state, offset }) => state !== 'refused' && offset === undefined).length;
  }

  /** Takes back a message that was on its way: it goes out once more, in its turn. False if it is none of ours. */
  later(id) {
    const say = this.unsaid.find((it) => it.id === id);
    if (say) say.state = 'waiting';
    return say !== undefined;
  }

  /** Takes a refusal of a message. */
  refused(id, problem) {
    const say = this.unsaid.find((it) => it.id === id);
    if (say) Object.assign(say, { state: 'refused', problem });
  }

  /** Tries a refused message once more, behind those that were written since. */
  retry(id) {
    const say = this.unsaid.find((it) => it.id === id);
    if (!say) return;
    this.discard(id);
    this.unsaid.push({ ...say, state: 'waiting', problem: undefined, isUnsure: undefined });
  }

  /** Gives a message up. */
  discard(id) {
    this.unsaid = this.unsaid.filter((it) => it.id !== id);
  }

  /** The person has seen everything. */
  seen() {
    this.unread = 0;
    this.mentions = 0;
    if (this.place) this.read = this.place;
  }
}
