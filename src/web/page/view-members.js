/** Who is in the shown room. */

import { arrange, byId, element, setText } from './dom.js';
import { keyOf } from './room.js';
import { count } from './text.js';
import { avatar } from './view-entry.js';

const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export class MembersView {
  #chat;
  #items = new Map();

  constructor(chat) {
    this.#chat = chat;
  }

  render() {
    const room = this.#chat.active;
    const names = room ? [...room.members.names.values()] : [];
    const members = room?.members.count ?? 0;
    names.sort((one, other) => this.#isMe(other) - this.#isMe(one) || order.compare(one, other));
    const items = new Map(names.map((name) => [name, this.#items.get(name) ?? this.#item(name)]));
    this.#items = items;
    arrange(byId('member-list'), [...items.values()]);
    const isNamed = !room || room.isNamed;
    setText(byId('member-note'), isNamed ? '' : `${count(members, 'member')}: too many to name`);
    for (const id of ['member-count', 'members-total']) setText(byId(id), members.toLocaleString('en'));
  }

  #item(name) {
    const label = element('span', { class: 'name', dir: 'auto', title: name }, name);
    const you = this.#isMe(name) ? element('span', { class: 'you' }, '(you)') : null;
    return element('li', { class: 'member' }, avatar(name), label, you);
  }

  #isMe(name) {
    return keyOf(name) === keyOf(this.#chat.name);
  }
}
