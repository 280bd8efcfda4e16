/** Reads new messages of the shown room to those who do not see them, and not too many at once. */

import { element } from './dom.js';
import { count, shown } from './text.js';

/** Messages that come within this time are told together. */
const TOGETHER_MS = 1_000;

/** More of them at once are only counted; so much of each is read. */
const READ_MAX = 3;
const LENGTH_MAX = 300;

export class Announcer {
  #region;
  #messages = [];
  #timer = null;

  constructor(region) {
    this.#region = region;
  }

  /** Somebody said something. */
  said(message) {
    this.#messages.push(message);
    this.#timer ??= setTimeout(() => this.#tell(), TOGETHER_MS);
  }

  #tell() {
    const messages = this.#messages;
    this.#messages = [];
    this.#timer = null;
    const read = ({ sender, ...payload }) => {
      const { text, isAction } = shown(payload);
      return `${sender}${isAction ? '' : ':'} ${text.slice(0, LENGTH_MAX)}`;
    };
    const told = messages.length > READ_MAX
      ? [count(messages.length, 'new message')]
      : messages.map(read);
    this.#region.replaceChildren(...told.map((text) => element('p', {}, text)));
  }
}
