/** The lists of rooms and of people talked with alone, and the head of what is shown. */

import { arrange, byId, composes, element, icon, setText } from './dom.js';
import { roomIn } from './commands.js';
import { count } from './text.js';

/** Unread messages beyond this are "many". */
const COUNTED = 99;

/** What the address of a person begins with on this page. No room's does: its slashes are encoded. */
export const WITH = '#/with/';

/** The address of a message: behind that of its room, where no slash of a name is. */
export const messageHash = (room, { epoch, offset }) => `${hashOf(room)}/${epoch}-${offset}`;

/**
 * The room or person that an address names, and the message if it names one; the name is empty if
 * there is none.
 */
export function addressIn(hash) {
  const isPrivate = hash.startsWith(WITH);
  const rest = hash.slice(isPrivate ? WITH.length : 1);
  const [message = '', epoch, offset] = (!isPrivate && /\/([\da-f]{16})-(\d{1,15})$/u.exec(rest)) || [];
  const name = rest.slice(0, rest.length - message.length);
  const place = epoch ? { epoch, offset: Number(offset) } : null;
  try {
    return { name: decodeURIComponent(name), isPrivate, place };
  } catch {
    return { name: '', isPrivate: false, place: null };
  }
}

/** The address of a room or a person on this page. */
export const hashOf = ({ name, isPrivate }) => `${isPrivate ? WITH : '#'}${encodeURIComponent(name)}`;

export class RoomsView {
  #chat;
  #items = new Map();

  #left;

  /**
   * @param {(name: string, secret?: string) => void} go Shows a room by its name, with its key.
   * @param {() => void} left A room was left.
   */
  constructor(chat, go, left) {
    this.#chat = chat;
    this.#left = left;
    composes(byId('join'));
    byId('join').addEventListener('submit', (event) => {
      event.preventDefault();
      const input = byId('join-name');
      const wanted = input.value.trim();
      input.value = '';
      if (wanted) go(...roomIn(wanted));
    });
    byId('leave').addEventListener('click', () => this.#leave(chat.active));
  }

  render() {
    const { all, rooms, people } = this.#chat;
    for (const it of this.#items.keys()) if (!all.includes(it)) this.#items.delete(it);
    arrange(byId('room-list'), [...rooms.values()].map((room) => this.#item(room)));
    arrange(byId('people-list'), [...people.values()].map((person) => this.#item(person)));
    byId('people').hidden = people.size === 0;
    this.#renderHead(this.#chat.active);
  }

  #renderHead(it) {
    setText(byId('room-name'), it?.title ?? 'No room');
    setText(byId('room-about'), aboutOf(it));
    byId('leave').hidden = !it;
    byId('leave').title = it?.isPrivate ? 'Close this conversation' : 'Leave this room';
    byId('leave').setAttribute('aria-label', byId('leave').title);
    byId('elsewhere').hidden = !this.#chat.all.some((other) => other !== it && other.unread > 0);
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
      room.isPrivate && 'is-person',
      isActive && 'is-active',
      room.unread > 0 && 'is-unread',
      !room.isPrivate && room.stage !== 'in' && 'is-out',
    ].filter(Boolean).join(' ');
    link.href = hashOf(room);
    if (isActive) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    setText(label, room.name);
    badge.hidden = room.unread === 0;
    badge.classList.toggle('is-mention', room.mentions > 0);
    setText(badge.firstChild, room.unread > COUNTED ? `${COUNTED}+` : `${room.unread}`);
    leave.title = room.isPrivate ? 'Close' : 'Leave';
    leave.setAttribute('aria-label', `${leave.title} ${room.name}`);
    return node;
  }

  #newItem(room) {
    const label = element('span', { class: 'label' });
    const badge = element('span', { class: 'badge' },
      element('span'), element('span', { class: 'visually-hidden' }, ' unread'));
    const link = element('a', { class: 'room-link' }, label, badge);
    const leave = element('button', {
      type: 'button', class: 'room-leave', click: () => this.#leave(room),
    }, icon('close'));
    return { node: element('li', {}, link, leave), link, label, badge, leave };
  }

  #leave(room) {
    this.#chat.leave(room);
    this.#left();
  }
}

function aboutOf(it) {
  if (it?.isPrivate) return 'private';
  return it?.place ? count(it.members.count, 'member') : '';
}
