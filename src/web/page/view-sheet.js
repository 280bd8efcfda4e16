/** A sheet over the page: the list of commands, or the list of rooms. */

import { byId, element, setText } from './dom.js';
import { COMMANDS } from './commands.js';
import { count } from './text.js';

/** Keys and their effects. */
const KEYS = [
  ['Enter', 'sends; with Shift it begins a new line'],
  ['Tab', 'completes a name; so does @ before it'],
  ['↑', 'in an empty message box fetches your last line'],
  ['Alt ↑ ↓', 'go to the room or person above or below'],
  ['Esc', 'goes to the latest message'],
];

const IN_IRC = 'Topics, and what a room\'s operators do (kick, ban, invite, modes), are to be had in IRC clients; this page has no way to ask the relay for them.';

export class SheetView {
  #dialog = byId('sheet');
  #body = byId('sheet-body');
  #listRooms;
  #go;
  #closed;

  /**
   * @param {() => Promise<{rooms: {room: string, members: number}[], total: number}>} listRooms Asks the relay.
   * @param {(name: string) => void} go Shows a room.
   * @param {() => void} closed The sheet was put away.
   */
  constructor(listRooms, go, closed) {
    this.#listRooms = listRooms;
    this.#go = go;
    this.#closed = closed;
    byId('sheet-close').addEventListener('click', () => this.#dialog.close());
    byId('help').addEventListener('click', () => this.help());
    byId('list').addEventListener('click', () => this.list());
    this.#dialog.addEventListener('close', () => this.#closed());
  }

  /** Lists what can be written and pressed. */
  help() {
    const commands = COMMANDS.map(({ command, words, about }) =>
      [`/${command}${words ? ` ${words}` : ''}`, about]);
    const rows = (all) => element('dl', { class: 'sheet-rows' }, ...all.flatMap(([what, about]) =>
      [element('dt', {}, what), element('dd', {}, about)]));
    const slash = element('p', { class: 'sheet-note' },
      'A line that begins with / is never said to the room. Write // to say one.');
    this.#open('Commands and keys', rows(commands), slash, rows(KEYS), element('p', { class: 'sheet-note' }, IN_IRC));
  }

  /** Shows which rooms there are. */
  async list() {
    this.#open('All rooms', element('p', { class: 'sheet-note', role: 'status' }, 'Asking the relay…'));
    const nodes = await this.#listRooms().then((it) => this.#rooms(it), () => [
      element('p', { class: 'sheet-note', role: 'status' }, 'The relay does not answer. Try again in a moment.'),
    ]);
    this.#body.replaceChildren(...nodes);
  }

  #rooms({ rooms, total }) {
    const sorted = [...rooms].sort((one, other) =>
      other.members - one.members || one.room.localeCompare(other.room));
    const items = sorted.map(({ room, members }) => element('li', {}, element('button', {
      type: 'button',
      class: 'sheet-room',
      click: () => {
        this.#dialog.close();
        this.#go(room);
      },
    }, element('span', { class: 'label', dir: 'auto' }, `#${room}`), element('span', { class: 'about' }, count(members, 'member')))));
    const more = total - rooms.length;
    const note = rooms.length === 0 ? 'There are none yet. Join one by its name, and it is there.'
      : more > 0 ? `and ${count(more, 'more room')}` : '';
    return [element('ul', { class: 'sheet-rooms' }, ...items), element('p', { class: 'sheet-note', role: 'status' }, note)];
  }

  #open(title, ...nodes) {
    setText(byId('sheet-title'), title);
    this.#body.replaceChildren(...nodes);
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
