/** What is kept of a chat when the page is loaded again: rooms and people, and what is still to be said to them. */

import { keyOf } from './conversation.js';
import { Person } from './person.js';
import { Room } from './room.js';

/** What is to be kept, as JSON can hold it. */
export function saved({ name, rooms, people, active }, key) {
  return {
    name,
    key,
    rooms: [...rooms.values()].map(({ name: room, read, unsaid, secret, draft }) =>
      ({ name: room, read, unsaid, secret, draft })),
    people: [...people.values()].map((person) => person.save()),
    active: active?.name,
    isPrivate: active?.isPrivate,
  };
}

/** Rooms and people as they were kept, by key, and the one of them that was shown. */
export function restored({ rooms = [], people = [], active, isPrivate = false }) {
  const made = {
    rooms: new Map(rooms.map((room) => [keyOf(room.name), restoredRoom(room)])),
    people: new Map(people.map((person) => [keyOf(person.name), new Person(person.name, person)])),
  };
  const among = isPrivate ? made.people : made.rooms;
  return { ...made, active: active ? among.get(keyOf(active)) ?? null : null };
}

function restoredRoom({ name, read, unsaid, secret, draft = '' }) {
  const room = new Room(name, read, secret);
  room.draft = draft;
  room.unsaid = unsaid;
  room.lineLost();
  return room;
}
