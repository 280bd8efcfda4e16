/** Who is in the shown room. */

import { arrange, byId, element, setText } from './dom.js';
import { keyOf } from './conversation.js';
import { count } from './text.js';
import { avatar } from './view-entry.js';

const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export class MembersView {
  #chat;
  #talk;
  #items = new Map();

  /** @param {(name: string) => void} talk Shows the conversation with one person. */
  constructor(chat, talk) {
    this.#chat = chat;
    this.#talk = talk;
  }

  render() {
    const { active } = this.#chat;
    byId('members-open').hidden = active?.isPrivate ?? false;
    const room = active?.isPrivate ? null : active;
    const names = room ? [...room.members.names.values()] : [];
    const members = room?.members.count ?? 0;
    names.sort((one, other) => this.#isMe(other) - this.#isMe(one) || order.compare(one, other));
    const items = new Map(names.map((name) => [name, this.#items.get(name) ?? this.#item(name)]));
    this.#items = items;
    arrange(byId('member-list'), [...items.values()]);
    setText(byId('member-note'), this.#note(active, members));
    const total = active?.isPrivate ? '' : members.toLocaleString('en');
    for (const id of ['member-count', 'members-total']) setText(byId(id), total);
  }

  #note(active, members) {
    if (active?.isPrivate) return `${active.name} and you, and nobody else`;
    return !active || active.isNamed ? '' : `${count(members, 'member')}: too many to name`;
  }

  #item(name) {
    if (this.#isMe(name)) {
      const label = element('span', { class: 'name', dir: 'auto', title: name }, name);
      const you = element('span', { class: 'you' }, '(you)');
      return element('li', { class: 'member' }, avatar(name), label, you);
    }
    const label = element('span', { class: 'name', dir: 'auto' }, name);
    const button = element('button', {
      type: 'button', class: 'member-talk', title: `Talk to ${name} alone`,
      click: () => this.#talk(name),
    }, avatar(name), label);
    return element('li', { class: 'member' }, button);
  }

  #isMe(name) {
    return keyOf(name) === keyOf(this.#chat.name);
  }
}
