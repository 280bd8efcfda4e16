/** Notifications to a person who looks elsewhere while somebody means them. */

import { byId, icon } from './dom.js';
import { storage } from './storage.js';
import { shown } from './text.js';

/** So much of a message is shown. */
const LENGTH_MAX = 200;

export class Alerts {
  #button = byId('alerts');
  #show;
  #notice;
  /** The browser's own class; null where it has nothing, as without a secure address. */
  #kind = globalThis.Notification ?? null;

  /**
   * @param {(it: Room|Person) => void} show Shows a room or person, when a notification is clicked.
   * @param {(notice: Notice) => void} notice Tells something once.
   */
  constructor(show, notice) {
    this.#show = show;
    this.#notice = notice;
    this.#button.hidden = !this.#kind;
    this.#button.addEventListener('click', () => this.#toggle());
    this.#render();
  }

  get #isOn() {
    return this.#kind?.permission === 'granted' && storage.loadAlerts();
  }

  /** Notifies of a message that means this person, who does not see it. */
  said(it, message) {
    if (!this.#isOn) return;
    const { text } = shown(message);
    const title = it.isPrivate ? message.sender : `${message.sender} in ${it.title}`;
    try {
      const made = new this.#kind(title, { body: text.slice(0, LENGTH_MAX), tag: it.title, icon: 'icon.svg' });
      made.onclick = () => {
        globalThis.focus();
        this.#show(it);
        made.close();
      };
    } catch {
      // Phones let only programs that run beside the page notify.
    }
  }

  async #toggle() {
    const wants = !this.#isOn;
    if (wants && await this.#kind.requestPermission() !== 'granted') {
      this.#notice({ tone: 'bad', text: 'The browser does not let this page notify you' });
      return;
    }
    storage.saveAlerts(wants);
    this.#render();
    this.#notice({ tone: 'plain', text: wants ? 'You are notified when somebody means you' : 'No more notifications' });
  }

  #render() {
    const words = `Notifications: ${this.#isOn ? 'on' : 'off'}`;
    this.#button.replaceChildren(icon(this.#isOn ? 'bell' : 'bell-off'));
    this.#button.setAttribute('aria-label', words);
    this.#button.title = words;
  }
}
