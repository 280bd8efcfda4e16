/**
 * One person, and what the two of us have told each other alone. The relay keeps none of it, so it is
 * counted here, and there is nothing to come back to: what a broken line leaves unclear stays so.
 *
 * @typedef {object} Remark Something that a message was answered with.
 * @property {'remark'} kind
 * @property {string} text
 */

import { Conversation } from './conversation.js';
import { payloadOf } from './text.js';

/** What is kept of a conversation when the page is loaded again: messages, and characters. */
const KEPT_MAX = 50;
const KEPT_SIZE = 32_000;

/** Whose numbering it is: this page's own. */
const EPOCH = '';

const UNSURE = 'the connection was lost before the relay answered';

export class Person extends Conversation {
  isPrivate = true;
  place = { epoch: EPOCH, offset: 0 };
  read = this.place;
  hasLine = false;
  #away = '';

  /** @param {object} saved What `save` once answered. */
  constructor(name, { messages = [], unsaid = [], unread = 0, draft = '' } = {}) {
    super(name);
    this.draft = draft;
    for (const message of messages) this.#append(message);
    this.unsaid = unsaid;
    this.unread = unread;
    this.mentions = unread;
    this.read = { epoch: EPOCH, offset: this.place.offset - unread };
    this.lineLost();
  }

  /** What it is called on the page. */
  get title() {
    return this.name;
  }

  /** What is needed to go on after the page was loaded again. */
  save() {
    const { name, unsaid, unread, draft } = this;
    const messages = this.timeline.entries.filter(({ kind }) => kind === 'message').slice(-KEPT_MAX);
    let size = 0;
    const isTooMuch = ({ text, base64 }) => {
      size += (text ?? base64).length;
      return size > KEPT_SIZE;
    };
    const kept = messages.slice(messages.findLastIndex(isTooMuch) + 1);
    return { name, unsaid, draft, unread: Math.min(unread, kept.length), messages: kept };
  }

  /** There is a line. */
  lineUp() {
    this.hasLine = true;
  }

  /** It is gone, and with it what was on its way, unless it had come already. */
  lineLost() {
    this.hasLine = false;
    for (const say of this.unsaid.filter(({ state }) => state === 'sending')) {
      Object.assign(say, { state: 'refused', problem: UNSURE, isUnsure: true });
    }
  }

  /** The frame by which a message goes out. */
  frame({ id, text }) {
    return { type: 'tell', request: id, name: this.name, text };
  }

  /** Takes what they told us. */
  told({ time, sender, ...frame }) {
    this.name = sender;
    return this.#append({ time, sender, ...payloadOf(frame) });
  }

  /** Takes the news that a message of ours is on its way to them; false if it is none of ours. */
  passed({ request, time, away }, me) {
    const say = this.unsaid.find(({ id }) => id === request);
    if (!say) return false;
    this.discard(request);
    this.#append({ time, sender: me, text: say.text, sent: true });
    if (away && away !== this.#away) {
      this.timeline.append({ kind: 'remark', text: `${this.name} is away: ${away}` });
    }
    this.#away = away;
    return true;
  }

  #append(message) {
    const offset = this.place.offset + 1;
    this.place = { epoch: EPOCH, offset };
    const appended = { ...message, kind: 'message', epoch: EPOCH, offset };
    this.timeline.append(appended);
    return appended;
  }
}
