/** Where messages are written. What is not sent yet is kept for each room. */

import { byId, setText } from './dom.js';
import { actionOf, commandIn, count, roomIn } from './text.js';

const encoder = new TextEncoder();

/** Whether keys are typed on the screen: there, Enter is for lines, and the button sends. */
const isTouch = matchMedia('(hover: none) and (pointer: coarse)');

export class ComposerView {
  #chat;
  #words = byId('words');
  #drafts = new WeakMap();
  #room = null;
  #acts;

  /**
   * @param {object} acts `go(name, secret)` shows a room, `talk(name)` the conversation with one person,
   *   `leave()` leaves what is shown; `said()` is told that something was said.
   */
  constructor(chat, acts) {
    this.#chat = chat;
    this.#acts = acts;
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
    this.#words.value = '';
    this.#check();
    const { command, words } = commandIn(text) ?? { command: 'say', words: text.replace(/^\/\//u, '/') };
    if (this.#obey(command, words)) return;
    this.#words.value = text;
    this.#check();
    this.#complain(`/${command} ${words && '… '}is no command: /me, /msg, /join and /leave are; // says it`);
  }

  /** Does what a line asks for; false if that is nothing. */
  #obey(command, words) {
    const { go, leave, talk } = this.#acts;
    const [, name, rest] = /^(\S*)\s*([^]*)$/u.exec(words);
    if (command === 'leave' || command === 'part') {
      leave();
      return true;
    }
    if (name === '') return false;
    switch (command) {
      case 'join':
        go(...roomIn(words));
        return true;
      case 'me':
        return this.#say(actionOf(words));
      case 'msg':
        talk(name);
        return rest === '' || this.#say(rest);
      case 'say':
        return this.#say(words);
      default:
        return false;
    }
  }

  #say(text) {
    this.#chat.say(this.#chat.active, text);
    this.#acts.said();
    return true;
  }

  #complain(problem) {
    setText(byId('words-problem'), problem);
    this.#words.setAttribute('aria-invalid', problem !== '');
  }

  /** Bytes beyond what the relay takes. */
  #excess() {
    return encoder.encode(this.#words.value.trim()).length - this.#chat.limits.max_message;
  }

  #check() {
    const excess = this.#excess();
    this.#complain(excess > 0 ? `Too long by ${count(excess, 'byte')}` : '');
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
