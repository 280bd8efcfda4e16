/** The question for a name: at first, when the relay refuses one, and whenever one is asked for. */

import { byId, composes, setText } from './dom.js';
import { Code } from './connection.js';
import { isSeveral, nearestName, problemOfName } from './names.js';
import { storage } from './storage.js';

export class NamingView {
  #chat;
  #dialog = byId('naming');
  #input = byId('naming-name');
  #isAsked = false;
  #entered;

  /** @param {() => void} entered The name was granted. */
  constructor(chat, entered) {
    this.#chat = chat;
    this.#entered = entered;
    composes(byId('naming-form'));
    byId('naming-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#enter(this.#input.value.trim());
    });
    byId('naming-guest').addEventListener('click', () => this.#enter(''));
    byId('naming-cancel').addEventListener('click', () => this.#dialog.close());
    byId('me-name').addEventListener('click', () => this.open(chat.name));
    // Without a name there is nothing behind this question. Browsers close it all the same, if asked twice.
    this.#dialog.addEventListener('cancel', (event) => {
      if (this.#isNeeded) event.preventDefault();
    });
    this.#dialog.addEventListener('close', () => this.#isNeeded && this.#dialog.showModal());
  }

  /** True if nothing happens before a name is chosen. */
  get #isNeeded() {
    return ['idle', 'nameless'].includes(this.#chat.state.phase);
  }

  get #isLive() {
    return this.#chat.state.phase === 'live';
  }

  open(name) {
    this.#input.value = name;
    this.#tell('');
    byId('naming-cancel').hidden = !this.#isLive;
    this.#dialog.showModal();
    this.#input.select();
  }

  render() {
    const { phase, code, text } = this.#chat.state;
    if (phase === 'nameless') {
      if (!this.#dialog.open) this.open(this.#chat.name);
      byId('naming-cancel').hidden = true;
      if (code === Code.badName) this.#offer(this.#chat.name);
      else this.#tell(`${text}.`);
    } else if (this.#isAsked && phase === 'waiting') {
      this.#tell('The relay does not answer; trying again…');
    } else if (this.#isAsked && phase === 'live') {
      this.#isAsked = false;
      storage.saveName(this.#input.value.trim());
      this.#dialog.close();
      this.#entered();
    }
  }

  #enter(name) {
    this.#tell('');
    if (isSeveral(name)) return this.#offer(name);
    if (this.#isLive) return void this.#rename(name);
    this.#isAsked = true;
    this.#chat.enter(name);
    return undefined;
  }

  /** Takes another name, if it is granted; the one before stays meanwhile, and so does the line. */
  async #rename(name) {
    const problem = name === this.#chat.name ? null : await this.#chat.rename(name);
    if (problem) {
      this.#tell(`${problem}.`);
      this.#input.select();
      return;
    }
    storage.saveName(name);
    this.#dialog.close();
    this.#entered();
  }

  /** Says why a name will not do, and puts one that will in its place. */
  #offer(name) {
    this.#tell(`${problemOfName(name)}.`);
    this.#input.value = nearestName(name);
    this.#input.select();
  }

  #tell(problem) {
    setText(byId('naming-problem'), problem.charAt(0).toUpperCase() + problem.slice(1));
    this.#input.setAttribute('aria-invalid', problem !== '');
  }
}
