/** The list of rooms, and the head of the one that is shown. */

import { arrange, byId, element, icon, setText } from './dom.js';
import { count } from './text.js';

/** Unread messages beyond this are "many". */
const COUNTED = 99;

/** The address of a room on this page. */
export const hashOf = (name) => `#${encodeURIComponent(name)}`;

export class RoomsView {
  #chat;
  #items = new Map();

  #left;

  /**
   * @param {(name: string) => void} go Shows a room by its name.
   * @param {() => void} left A room was left.
   */
  constructor(chat, go, left) {
    this.#chat = chat;
    this.#left = left;
    byId('join').addEventListener('submit', (event) => {
      event.preventDefault();
      const input = byId('join-name');
      const name = input.value.trim();
      input.value = '';
      if (name) go(name);
    });
    byId('leave').addEventListener('click', () => this.#leave(chat.active));
  }

  render() {
    const rooms = [...this.#chat.rooms.values()];
    for (const room of this.#items.keys()) if (!rooms.includes(room)) this.#items.delete(room);
    arrange(byId('room-list'), rooms.map((room) => this.#item(room)));
    this.#renderHead(this.#chat.active);
  }

  #renderHead(room) {
    setText(byId('room-name'), room ? `#${room.name}` : 'No room');
    setText(byId('room-about'), room?.place ? `${count(room.members.count, 'member')}` : '');
    byId('leave').hidden = !room;
    const isElsewhere = [...this.#chat.rooms.values()].some((it) => it !== room && it.unread > 0);
    byId('elsewhere').hidden = !isElsewhere;
  }

  #item(room) {
    let item = this.#items.get(room);
    if (!item) {
      item = this.#newItem(room);
      this.#items.set(room, item);
    }
    const { node, link, label, badge, leave } = item;
    const isActive = room === this.#chat.active;
    node.className = [
      'room-item',
      isActive && 'is-active',
      room.unread > 0 && 'is-unread',
      room.stage !== 'in' && 'is-out',
    ].filter(Boolean).join(' ');
    link.href = hashOf(room.name);
    if (isActive) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    setText(label, room.name);
    badge.hidden = room.unread === 0;
    badge.classList.toggle('is-mention', room.mentions > 0);
    setText(badge.firstChild, room.unread > COUNTED ? `${COUNTED}+` : `${room.unread}`);
    leave.setAttribute('aria-label', `Leave ${room.name}`);
    return node;
  }

  #newItem(room) {
    const label = element('span', { class: 'label' });
    const badge = element('span', { class: 'badge' },
      element('span'), element('span', { class: 'visually-hidden' }, ' unread'));
    const link = element('a', { class: 'room-link' }, label, badge);
    const leave = element('button', {
      type: 'button', class: 'room-leave', title: 'Leave', click: () => this.#leave(room),
    }, icon('close'));
    return { node: element('li', {}, link, leave), link, label, badge, leave };
  }

  #leave(room) {
    this.#chat.leave(room);
    this.#left();
  }
}
