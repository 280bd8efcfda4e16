/** The lists beside the room, which narrow screens draw in from the sides, one at a time. */

import { byId } from './dom.js';

const SIDES = ['rooms', 'members'];

export class Drawers {
  #open = null;

  constructor() {
    for (const side of SIDES) {
      byId(`${side}-open`).addEventListener('click', () => this.#show(side));
      byId(`${side}-close`).addEventListener('click', () => this.close());
    }
    byId('shade').addEventListener('click', () => this.close());
    // A wide screen shows them anyway.
    addEventListener('resize', () => this.close());
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
