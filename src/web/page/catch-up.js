/** The way back into rooms after a lost line: what was said meanwhile, until all of it is here. */

import { count } from './text.js';

export class CatchUp {
  #rooms;
  #lost = 0;

  /** Messages that were said meanwhile and come again. */
  missed = 0;

  /** @param {Room[]} rooms The rooms that were left. */
  constructor(rooms) {
    this.#rooms = rooms;
  }

  /** Takes what a room answered. */
  add({ missed, lost }) {
    this.missed += missed;
    this.#lost += lost;
  }

  /** True once every room that is still wanted has told everything. */
  isDone(isWanted) {
    return this.#rooms.every((room) => !isWanted(room) || (room.stage === 'in' && !room.isReplaying));
  }

  /** Tells the fate of the missed messages. */
  get notice() {
    if (Number.isNaN(this.#lost)) return ['bad', 'Back. Something may be missing'];
    if (this.#lost > 0) return ['bad', `Back. ${count(this.#lost, 'message')} could not be recovered`];
    if (this.missed === 0) return ['good', 'Back. Nothing was missed'];
    return ['good', `Back. ${count(this.missed, 'missed message')} recovered`];
  }
}
