/** The lines that somebody wrote before, to be written again. */

import { shown } from './text.js';

/** Writes a message as it would be typed. */
function typed(text) {
  const { text: words, isAction } = shown({ text });
  if (isAction) return `/me ${words}`;
  return text.startsWith('/') ? `/${text}` : text;
}

export class Recall {
  #lines = [];
  #at = 0;

  /**
   * Returns the line before the one that is shown, or the same if there is none; null if what is shown was
   * written by hand and is not to be lost.
   */
  older(shownNow, it, me) {
    if (shownNow === '') this.#begin(it, me);
    else if (shownNow !== this.#lines[this.#at]) return null;
    this.#at = Math.max(0, this.#at - 1);
    return this.#lines[this.#at] ?? null;
  }

  /** Returns the line behind the one that is shown, in the end an empty one; null if it was written by hand. */
  newer(shownNow) {
    if (shownNow === '' || shownNow !== this.#lines[this.#at]) return null;
    this.#at += 1;
    return this.#lines[this.#at] ?? '';
  }

  #begin({ timeline, unsaid }, me) {
    const ours = timeline.entries.filter(({ kind, sender, text }) => kind === 'message' && sender === me && text);
    this.#lines = [...ours, ...unsaid].map(({ text }) => typed(text));
    this.#at = this.#lines.length;
  }
}
