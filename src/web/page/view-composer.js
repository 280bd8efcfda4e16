/** Where messages are written. What is not sent yet is kept for each room. */

import { byId, setText } from './dom.js';
import { count, privately, spoken } from './text.js';

const encoder = new TextEncoder();

/** Whether keys are typed on the screen: there, Enter is for lines, and the button sends. */
const isTouch = matchMedia('(hover: none) and (pointer: coarse)');

export class ComposerView {
  #chat;
  #words = byId('words');
  #drafts = new WeakMap();
  #room = null;
  #talk;
  #said;

  /**
   * @param {(name: string) => void} talk Shows the conversation with one person.
   * @param {() => void} said Something was said.
   */
  constructor(chat, talk, said) {
    this.#chat = chat;
    this.#talk = talk;
    this.#said = said;
    this.#words.addEventListener('input', () => this.#check());
    this.#words.addEventListener('keydown', (event) => this.#key(event));
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  focus() {
    this.#words.focus();
  }

  /**
   * Is there to be typed into, but does not draw up a keyboard over half of the screen. At once for where
   * one is now: what is typed before the next frame is not for where one was.
   */
  invite() {
    this.render();
    if (!isTouch.matches) this.focus();
  }

  render() {
    const room = this.#chat.active;
    if (room === this.#room) return;
    if (this.#room) this.#drafts.set(this.#room, this.#words.value);
    this.#room = room;
    this.#words.value = (room && this.#drafts.get(room)) ?? '';
    this.#words.disabled = !room;
    this.#words.placeholder = room ? `Message ${room.title}` : 'Join a room first';
    this.#words.setAttribute('aria-label', this.#words.placeholder);
    this.#check();
  }

  #key(event) {
    // Enter also chooses a word in an input method's list.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || isTouch.matches) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.#words.value.trim();
    if (!this.#room || text === '' || this.#excess() > 0) return;
    const { name, words = text } = privately(text) ?? {};
    this.#words.value = '';
    this.#check();
    if (name) this.#talk(name);
    if (words) this.#chat.say(name ? this.#chat.active : this.#room, spoken(words));
    this.#said();
  }

  /** Bytes beyond what the relay takes. */
  #excess() {
    return encoder.encode(this.#words.value.trim()).length - this.#chat.limits.max_message;
  }

  #check() {
    const excess = this.#excess();
    setText(byId('words-problem'), excess > 0 ? `Too long by ${count(excess, 'byte')}` : '');
    this.#words.setAttribute('aria-invalid', excess > 0);
    byId('send').disabled = this.#words.value.trim() === '' || excess > 0;
    this.#fit();
  }

  /** Grows with its lines where the style sheet cannot say so. */
  #fit() {
    if (CSS.supports('field-sizing', 'content')) return;
    this.#words.style.height = 'auto';
    this.#words.style.height = `${this.#words.scrollHeight}px`;
  }
}
