/** Where messages are written. What is not sent yet is kept for each room. */

import { byId, isComposing, setText } from './dom.js';
import { actionOf, commandIn, problemOf, roomIn, saidBy } from './commands.js';
import { excessOf, isSeveral, problemOfName } from './names.js';
import { Recall } from './recall.js';
import { count } from './text.js';
import { NamesView } from './view-names.js';

/** True where keys are typed on the screen. */
const isTouch = matchMedia('(hover: none) and (pointer: coarse)');

export class ComposerView {
  #chat;
  #words = byId('words');
  #names;
  #recall = new Recall();
  #room = null;
  #acts;
  /** True if the message box had the focus when Send was pressed: it has it afterwards, or a keyboard on the screen goes. */
  #hadFocus = false;

  /**
   * @param {object} acts `go(name, secret)` shows a room, `talk(name)` the conversation with one person,
   *   `leave(name)` leaves that room, or what is shown, or answers why not; `rename(name)`, `list()` and `help()` do what they say; `said()` is told
   *   that something was said, and `drafted()` that something is written.
   */
  constructor(chat, acts) {
    this.#chat = chat;
    this.#acts = acts;
    this.#names = new NamesView(() => this.#people());
    this.#words.addEventListener('input', () => this.#typed());
    this.#words.addEventListener('blur', () => this.#names.close());
    this.#words.addEventListener('keydown', (event) => this.#key(event));
    this.#words.addEventListener('beforeinput', (event) => this.#line(event));
    byId('send').addEventListener('pointerdown', () => {
      this.#hadFocus = this.#words.matches(':focus');
    });
    byId('send').addEventListener('mousedown', (event) => event.preventDefault());
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
      if (this.#hadFocus) this.focus();
      this.#hadFocus = false;
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
    this.#renderProgress(room);
    if (room === this.#room) return;
    this.#room = room;
    this.#words.value = room?.draft ?? '';
    this.#words.disabled = !room;
    this.#words.placeholder = room ? `Message ${room.title}` : 'Join a room first';
    this.#words.setAttribute('aria-label', this.#words.placeholder);
    this.#names.close();
    this.#check();
  }

  /** Tells how much is still to be said, where that takes a while. */
  #renderProgress(room) {
    const pending = room?.pending ?? 0;
    const isLive = this.#chat.state.phase === 'live';
    const told = isLive ? `Sending, as fast as the relay allows: ${pending} to go` : `${count(pending, 'message')} to send`;
    setText(byId('words-progress'), pending > 1 && (this.#chat.isSlow || !isLive) ? told : '');
  }

  #people() {
    const { name: me, active } = this.#chat;
    return { me, names: active?.isPrivate ? [active.name] : active?.members.names.values() ?? [] };
  }

  #typed() {
    if (this.#room) this.#room.draft = this.#words.value;
    this.#names.typed();
    this.#check();
    this.#acts.drafted();
  }

  /** Writes something into the box, as if it was typed. */
  #write(text) {
    this.#words.value = text;
    if (this.#room) this.#room.draft = text;
    this.#names.close();
    this.#check();
    this.#acts.drafted();
  }

  #key(event) {
    if (isComposing(event) || event.altKey || event.ctrlKey || event.metaKey) return;
    const isTaken = this.#names.takes(event) || this.#recalls(event);
    if (!isTaken && (event.key !== 'Enter' || event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!isTaken) this.#send();
  }

  /** A keyboard on the screen that does not tell its keys begins a line by the key that says "send". */
  #line(event) {
    if (!isTouch.matches || event.inputType !== 'insertLineBreak' || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  /** Fetches an earlier line; false if that is not asked for. */
  #recalls({ key, shiftKey }) {
    if (shiftKey || !this.#room || !['ArrowUp', 'ArrowDown'].includes(key)) return false;
    const { value } = this.#words;
    const line = key === 'ArrowUp'
      ? this.#recall.older(value, this.#room, this.#chat.name)
      : this.#recall.newer(value);
    if (line === null) return false;
    this.#write(line);
    this.#words.setSelectionRange(line.length, line.length);
    return true;
  }

  /** What is written, without empty lines before it and spaces behind it. */
  get #text() {
    return this.#words.value.replace(/^(?:[^\S\n]*\n)+/u, '').trimEnd();
  }

  #send() {
    const written = this.#words.value;
    const text = this.#text;
    if (!this.#room || text === '' || this.#excess() > 0) return;
    this.#write('');
    const asked = commandIn(text);
    const problem = asked ? this.#obey(asked) : this.#say(saidBy(text));
    if (!problem) return;
    this.#write(written);
    this.#complain(problem);
  }

  /** Does what a line asks for; answers what is wrong with it, if something is. */
  #obey({ command, words }) {
    const { go, help, leave, list, rename, talk } = this.#acts;
    const [, name, rest] = /^(\S*)\s*([^]*)$/u.exec(words);
    const problem = problemOf(command);
    if (command === 'help' || command === 'list') return void { help, list }[command]();
    if (command === 'leave') return leave(roomIn(words.trim())[0]);
    if (name === '') return problem;
    switch (command) {
      case 'join':
        return void go(...roomIn(words.trim()));
      case 'me':
        return this.#say(actionOf(words));
      case 'msg':
        talk(name.replace(/^@(?=.)/u, ''));
        return rest === '' ? undefined : this.#say(rest);
      case 'nick':
        return isSeveral(words.trim()) ? problemOfName(words) : void rename(name);
      case 'say':
        return this.#say(words);
      default:
        return problem;
    }
  }

  #say(text) {
    this.#chat.say(this.#chat.active, text);
    this.#acts.said();
  }

  #complain(problem) {
    setText(byId('words-problem'), problem);
    this.#words.setAttribute('aria-invalid', problem !== '');
  }

  /** Characters beyond what the relay takes. */
  #excess() {
    return excessOf(this.#text, this.#chat.limits.max_message);
  }

  #check() {
    const excess = this.#excess();
    this.#complain(excess > 0 ? `Too long by ${count(excess, 'character')}` : '');
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
