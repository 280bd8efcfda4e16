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

  /** The messages that may go out now, so many at once; they are on their way then. */
  *outgoing(most) {
    let sending = this.unsaid.filter(({ state }) => state === 'sending').length;
    for (const say of this.unsaid) {
      if (sending >= most) return;
      if (say.state !== 'waiting') continue;
      say.state = 'sending';
      sending += 1;
      yield say;
    }
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
