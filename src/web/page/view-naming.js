/** The question for a name: at first, when the relay refuses one, and whenever one is asked for. */

import { byId, setText } from './dom.js';
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
    byId('naming-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#enter(this.#input.value.trim());
    });
    byId('naming-guest').addEventListener('click', () => this.#enter(''));
    byId('naming-cancel').addEventListener('click', () => this.#dialog.close());
    byId('me-name').addEventListener('click', () => this.open(chat.name));
    // Without a name there is nothing behind this question.
    this.#dialog.addEventListener('cancel', (event) => {
      if (!this.#isLive) event.preventDefault();
    });
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
    const { phase, text } = this.#chat.state;
    if (phase === 'nameless') {
      if (!this.#dialog.open) this.open(this.#chat.name);
      byId('naming-cancel').hidden = true;
      this.#tell(`${text}.`);
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
    this.#isAsked = true;
    this.#tell('');
    this.#chat.enter(name);
  }

  #tell(problem) {
    setText(byId('naming-problem'), problem.charAt(0).toUpperCase() + problem.slice(1));
    this.#input.setAttribute('aria-invalid', problem !== '');
  }
}
