/** The names that what is typed may become, above the message box. */

import { byId, element } from './dom.js';
import { OFFERED, complete, namesFor, wordAt } from './completion.js';

export class NamesView {
  #words = byId('words');
  #list = byId('names');
  #source;
  #offered = [];
  #chosen = 0;
  /** A word that was completed by a key, which goes on to the next name when pressed again. */
  #cycle = null;

  /** @param {() => {names: Iterable<string>, me: string}} source Who may be meant, and who is asking. */
  constructor(source) {
    this.#source = source;
  }

  /** Something was typed: after an `@` names are offered. */
  typed() {
    this.#cycle = null;
    const { word, isAt } = this.#word();
    const { names, me } = this.#source();
    this.#offer(isAt ? namesFor(word, names, me).slice(0, OFFERED) : []);
  }

  close() {
    this.#offer([]);
  }

  /** Takes a key if it is for names; false if it is not. */
  takes({ key, shiftKey }) {
    if (this.#offered.length === 0) return key === 'Tab' && !shiftKey && this.#next();
    if (key === 'ArrowDown') return this.#choose(this.#chosen + 1);
    if (key === 'ArrowUp') return this.#choose(this.#chosen - 1);
    if (key === 'Escape') return this.#offer([]);
    if (shiftKey || (key !== 'Tab' && key !== 'Enter')) return false;
    return this.#take(this.#offered[this.#chosen]);
  }

  #word() {
    return wordAt(this.#words.value, this.#words.selectionStart);
  }

  /** Completes the word at the caret by the first name, and then by the next. */
  #next() {
    const isAgain = this.#cycle && this.#cycle.text === this.#words.value;
    if (!isAgain) {
      const word = this.#word();
      const { names, me } = this.#source();
      const found = word.word === '' ? [] : namesFor(word.word, names, me);
      if (found.length === 0) return false;
      this.#cycle = { found, at: -1, word, before: this.#words.value, caret: this.#words.selectionStart };
    }
    const { found, word, before, caret } = this.#cycle;
    this.#cycle.at = (this.#cycle.at + 1) % found.length;
    this.#write(complete(before, caret, word, found[this.#cycle.at]));
    this.#cycle.text = this.#words.value;
    return true;
  }

  #take(name) {
    const { value, selectionStart } = this.#words;
    this.#write(complete(value, selectionStart, this.#word(), name));
    return this.#offer([]);
  }

  #write({ text, caret }) {
    const cycle = this.#cycle;
    this.#words.value = text;
    this.#words.setSelectionRange(caret, caret);
    this.#words.dispatchEvent(new Event('input', { bubbles: true }));
    this.#cycle = cycle;
  }

  #offer(names) {
    this.#offered = names;
    this.#list.hidden = names.length === 0;
    this.#list.replaceChildren(...names.map((name, index) => element('li', {
      role: 'option',
      id: `names-${index}`,
      dir: 'auto',
      mousedown: (event) => {
        event.preventDefault();
        this.#take(name);
      },
    }, name)));
    return this.#choose(0);
  }

  #choose(index) {
    const { length } = this.#offered;
    this.#chosen = length > 0 ? (index + length) % length : 0;
    [...this.#list.children].forEach((item, at) => item.setAttribute('aria-selected', at === this.#chosen));
    if (length > 0) this.#words.setAttribute('aria-activedescendant', `names-${this.#chosen}`);
    else this.#words.removeAttribute('aria-activedescendant');
    return true;
  }
}
