/** The part of a chat that outlives a reload of the page: rooms, people, and unsent messages. */

import { keyOf } from './conversation.js';
import { Person } from './person.js';
import { Room } from './room.js';

/** Returns the part to be kept, as JSON can hold it. */
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

/** Makes rooms and people of what was kept, by key, and the one of them that was shown. */
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
