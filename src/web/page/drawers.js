/** The lists beside the room, which narrow screens draw in from the sides, one at a time. */

import { byId } from './dom.js';

const SIDES = ['rooms', 'members'];

/** The widths of the style sheet at which one list and both stand beside the room anyway. */
const WIDTHS = ['(max-width: 44rem)', '(max-width: 68rem)'];

export class Drawers {
  #open = null;

  constructor() {
    for (const side of SIDES) {
      byId(`${side}-open`).addEventListener('click', () => this.#show(side));
      byId(`${side}-close`).addEventListener('click', () => this.close());
    }
    byId('shade').addEventListener('click', () => this.close());
    for (const list of ['room-list', 'people-list']) {
      byId(list).addEventListener('click', ({ target }) => target.closest('a') && this.close());
    }
    for (const width of WIDTHS) matchMedia(width).addEventListener('change', () => this.close());
  }

  get isOpen() {
    return this.#open !== null;
  }

  close() {
    const side = this.#open;
    if (!side) return;
    this.#open = null;
    this.#apply();
    byId(`${side}-open`).focus();
  }

  #show(side) {
    this.#open = side;
    this.#apply();
    byId(`${side}-close`).focus();
  }

  #apply() {
    for (const side of SIDES) {
      const isOpen = side === this.#open;
      byId(side).classList.toggle('is-open', isOpen);
      byId(side).inert = this.isOpen && !isOpen;
      byId(`${side}-open`).setAttribute('aria-expanded', isOpen);
    }
    document.querySelector('main').inert = this.isOpen;
  }
}
