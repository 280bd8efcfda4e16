/**
 * Everything this page knows, and everything it can be asked to do. The views show it; it knows
 * nothing of them, and tells `changed` what they may have to show anew.
 *
 * @typedef {'line'|'rooms'|'log'|'members'} Part
 *
 * @typedef {object} Notice Something to be told once.
 * @property {'good'|'plain'|'bad'} tone
 * @property {string} text
 */

import { CatchUp } from './catch-up.js';
import { Code, Connection, systemClock } from './connection.js';
import { keyOf } from './conversation.js';
import { problemOfName } from './names.js';
import { Outbox } from './outbox.js';
import { Person } from './person.js';
import { Room } from './room.js';
import { restored, saved } from './saved.js';
import { mentions } from './text.js';

/** Messages asked for at once when reading back. */
const PAGE_LENGTH = 50;

/** Conversations with one person that a page keeps: whoever changes names may begin any number. */
const PEOPLE_MAX = 100;

/** When to ask again what was refused for being too fast. The relay's rate is some per second. */
const RATE_PAUSE_MS = 1_000;

export class Chat {
  /** @type {Map<string, Room>} By key, in the order in which they are shown. */
  rooms = new Map();
  /** @type {Map<string, Person>} The same for those with whom somebody talks alone. */
  people = new Map();
  /** @type {Room|Person|null} The one that is shown. */
  active = null;
  /** Whether the person sees the end of the active one. */
  isWatching = false;
  name = '';
  /** What the relay said of itself, or its usual limits before it did. */
  limits = { max_message: 65_536, max_rooms: 128 };

  #key;
  #line;
  #tell;
  #clock;
  #numbers = new Map();
  #requests = new Map();
  #lastId;
  /** @type {CatchUp|null} After a lost line. */
  #back = null;
  #outbox;
  /** Answers whoever asked for another name. */
  #renamed = null;
  /** The name before, while its line is still there. */
  #former = null;

  /**
   * @param {object} world What a `Connection` needs, and `saved`: what `save` once answered.
   * @param {object} tell `changed(Part)`, `notice(Notice)`, `said(Room|Person, Message, isMeant)`.
   */
  constructor({ saved: kept = {}, clock = systemClock, ...world }, tell) {
    this.#tell = tell;
    this.#clock = clock;
    this.#line = new Connection({ clock, ...world }, {
      state: (state) => this.#lineChanged(state),
      welcome: (frame) => this.#welcomed(frame),
      frame: (frame) => this.#received(frame),
      granted: () => this.#adopt(),
      notGranted: (why) => this.#notGranted(why),
    });
    this.#outbox = new Outbox(clock, (frame) => this.#line.send(frame), () => this.all);
    // Ids must never come again under the same key, and the page may be loaded again.
    this.#lastId = Math.floor(clock.random() * 2 ** 52);
    this.name = kept.name ?? '';
    this.#key = kept.key;
    Object.assign(this, restored(kept));
  }

  /** Where the line stands. */
  get state() {
    return this.#line.state;
  }

  /** All rooms and people, in the order in which they are shown. */
  get all() {
    return [...this.rooms.values(), ...this.people.values()];
  }

  /** Missed messages that are just being sent again. */
  get catchingUp() {
    const isReplaying = [...this.rooms.values()].some((room) => room.isReplaying);
    return isReplaying ? (this.#back?.missed ?? 0) : 0;
  }

  /** What is needed to go on after the page was loaded again. */
  save() {
    return saved(this, this.#key);
  }

  /** Connects under a name; an empty one asks for a guest's. */
  enter(name) {
    this.name = name;
    this.#forgetLine();
    this.#line.start(name, this.#key);
  }

  /**
   * Asks for another name; this one is kept until it is granted.
   *
   * @returns {Promise<string|null>} Why not; null once it is granted.
   */
  rename(name) {
    if (this.state.phase !== 'live') {
      this.enter(name);
      return Promise.resolve(null);
    }
    this.#notGranted({ text: 'another name was asked for' });
    this.#line.rename(name);
    this.#outbox.isHeld = true;
    return new Promise((resolve) => {
      this.#renamed = resolve;
    }).then((why) => (why?.code === Code.badName ? problemOfName(name) : why?.text ?? null));
  }

  #notGranted(why) {
    this.#renamed?.(why);
    this.#renamed = null;
    this.#outbox.isHeld = false;
  }

  /** Goes on under the name that was granted, once nothing is on its way that only this line can answer. */
  #adopt() {
    const isLost = this.#line.isSuperseded;
    const isBusy = ({ unsaid }) => unsaid.some(({ state }) => state === 'sending');
    if (!isLost && [...this.people.values()].some(isBusy)) return;
    const renamed = this.#renamed;
    this.#renamed = null;
    this.#former = this.name;
    this.#forgetLine();
    this.#line.adopt();
    renamed?.(null);
    this.#checkBack();
  }

  /** Milliseconds until the next try to connect. */
  get retryIn() {
    return Math.max(0, (this.state.retryAt ?? 0) - this.#clock.now());
  }

  /** True while messages wait because the relay takes no more at once. */
  get isSlow() {
    return this.#outbox.isSlow;
  }

  /** Connects at once instead of when the wait is over. */
  retryNow() {
    this.#line.retryNow();
  }

  /** Makes sure that the line is still there. */
  check() {
    this.#line.check();
  }

  /** Shows a room, and joins it if need be: with the key that its operators ask for, if they do. */
  open(name, secret) {
    const key = keyOf(name);
    let room = this.rooms.get(key);
    if (!room) {
      room = new Room(name, null, secret);
      this.rooms.set(key, room);
      this.#join(room);
    }
    return this.#show(room);
  }

  /** Shows what one person and we have told each other. */
  talk(name) {
    return this.#show(this.#person(name));
  }

  #show(it) {
    if (this.active !== it) {
      if (this.active) this.active.divider = null;
      this.active = it;
      this.isWatching = false;
      it.divider = it.unread > 0 ? it.read : null;
    }
    this.#changed('rooms', 'log', 'members');
    return it;
  }

  /** The conversation with somebody, begun if there is none. */
  #person(name) {
    const key = keyOf(name);
    let person = this.people.get(key);
    if (!person) {
      person = new Person(name);
      if (this.state.phase === 'live') person.lineUp();
      this.people.set(key, person);
      if (this.people.size > PEOPLE_MAX) this.#forget(this.#leastMissed(person));
    }
    return person;
  }

  /** The conversation to give up for a new one: the oldest that has nothing to be read or said. */
  #leastMissed(fresh) {
    const others = [...this.people.values()].filter((it) => it !== fresh && it !== this.active);
    return others.find(({ unread, unsaid }) => unread + unsaid.length === 0) ?? others[0];
  }

  /** Leaves a room, or is done with a person; the one beside it is shown then. */
  leave(it) {
    if (!it.isPrivate && it.number !== null) this.#leave(it.number);
    this.#forget(it);
  }

  #forget(it) {
    const { all } = this;
    const index = all.indexOf(it);
    if (it.isPrivate) this.people.delete(it.key);
    else this.#forgetRoom(it);
    if (this.active === it) {
      this.active = null;
      const next = all[index + 1] ?? all[index - 1];
      if (next) this.#show(next);
    }
    this.#changed('rooms', 'log', 'members');
  }

  #forgetRoom(room) {
    this.rooms.delete(room.key);
    this.#numbers.delete(room.number);
    this.#checkBack();
  }

  /** Says something in a room or to a person, now or as soon as there is a line. */
  say(it, text) {
    it.say(this.#nextId(), text, this.#clock.date());
    it.divider = null;
    this.#outbox.pump(it);
    this.#changed('log');
  }

  /** Tries a refused message once more. */
  retry(it, id) {
    it.retry(id);
    this.#outbox.pump(it);
    this.#changed('log');
  }

  /** Gives a refused message up. */
  discard(it, id) {
    it.discard(id);
    this.#changed('log');
  }

  /** The person sees the end of the active one, or does not any more. */
  watch(isWatching) {
    this.isWatching = isWatching;
    if (!isWatching || !this.active || this.active.unread === 0) return;
    this.active.seen();
    this.#changed('rooms');
  }

  /** Asks for the newest messages of a hole. */
  fill(room, hole) {
    if (room.number === null || hole.state !== 'open' || hole.epoch !== room.place.epoch) return;
    const loading = room.timeline.filling(hole);
    const frame = { type: 'history', room: room.number, before: hole.to + 1, limit: PAGE_LENGTH };
    this.#request(frame, {
      done: (page) => {
        room.history(loading, page);
        this.#changed('log');
      },
      refused: ({ code }) => this.#whenAllowed(code, () => {
        room.timeline.unfill(loading);
        this.#changed('log');
      }),
    });
    this.#changed('log');
  }

  #changed(...parts) {
    for (const part of parts) this.#tell.changed(part);
  }

  #nextId() {
    this.#lastId += 1;
    return this.#lastId;
  }

  #request(frame, { done = () => {}, refused = () => {} }) {
    const request = this.#nextId();
    this.#requests.set(request, { done, refused });
    this.#line.send({ ...frame, request });
  }

  #join(room) {
    if (this.state.phase !== 'live') return;
    room.stage = 'joining';
    this.#request({ type: 'join', room: room.name, key: room.secret, ...room.place }, {
      done: (frame) => this.#joined(room, frame),
      refused: ({ code, text }) => this.#notJoined(room, code, text),
    });
  }

  #joined(room, frame) {
    const wanted = this.rooms.get(keyOf(frame.name));
    if (!wanted) {
      // Left before the answer came.
      this.#leave(frame.room);
      return;
    }
    if (wanted !== room) return;
    const became = room.joined(frame, this.#clock.date());
    this.#numbers.set(room.number, room);
    this.#askMembers(room);
    this.#outbox.pump(room);
    this.#back?.add(became);
    this.#checkBack();
    this.#changed('rooms', 'log', 'members');
  }

  #notJoined(room, code, text) {
    room.stage = 'out';
    if (code === Code.rateLimited) {
      this.#afterPause(() => this.rooms.get(room.key) === room && this.#join(room));
    } else {
      this.leave(room);
      const hint = code === Code.badKey ? '. Write it behind the name of the room' : '';
      const why = code === Code.badRoom ? problemOfName(room.name, 'The name of a room') : text;
      this.#notice('bad', `${room.name}: ${why}${hint}`);
    }
  }

  /** Leaves a room of this line. */
  #leave(number) {
    this.#request({ type: 'leave', room: number }, {});
  }

  /** Does something after a refusal: after a pause if it was for asking too fast, and now if not. */
  #whenAllowed(code, act) {
    if (code === Code.rateLimited) this.#afterPause(act);
    else act();
  }

  /** Does something in a moment, if the line is still the same then. */
  #afterPause(act) {
    const line = this.#requests;
    this.#clock.setTimeout(() => line === this.#requests && act(), RATE_PAUSE_MS);
  }

  #askMembers(room) {
    if (room.isAsking) return;
    room.isAsking = true;
    this.#request({ type: 'members', room: room.number }, {
      done: (frame) => {
        room.isAsking = false;
        room.told(frame);
        this.#changed('members');
      },
      refused: ({ code }) => this.#whenAllowed(code, () => {
        room.isAsking = false;
        if (code === Code.rateLimited && room.number !== null) this.#askMembers(room);
      }),
    });
  }

  /** Takes a count nobody asked for: of a big room, or of one some of whose news were skipped. */
  #counted(room, { count: members }) {
    const wasNamed = room.isNamed;
    room.members.count = members;
    if (wasNamed && !room.isNamed) this.#askMembers(room);
    this.#changed('members');
  }

  #notice(tone, text) {
    this.#tell.notice({ tone, text });
  }

  #lineChanged({ phase }) {
    if (phase !== 'connecting' && phase !== 'live') {
      this.#forgetLine();
      this.#former = null;
    }
    this.#changed('line', 'log');
  }

  #forgetLine() {
    this.#back = null;
    this.#requests = new Map();
    this.#numbers.clear();
    for (const it of this.all) it.lineLost();
  }

  #welcomed(frame) {
    this.name = frame.name;
    this.#key = frame.key;
    this.limits = frame;
    const rooms = [...this.rooms.values()];
    const left = rooms.filter(({ place }) => place);
    if (left.length > 0) this.#back = new CatchUp(left);
    this.#outbox.begin();
    for (const room of rooms) this.#join(room);
    for (const person of this.people.values()) {
      person.lineUp();
      this.#outbox.pump(person);
    }
    this.#changed('line', 'rooms', 'log', 'members');
  }

  /** Tells what became of the missed messages, once all of them are here. */
  #checkBack() {
    const isWanted = (room) => this.rooms.get(room.key) === room;
    if (this.#back && !this.#back.isDone(isWanted)) return;
    const back = this.#back;
    this.#back = null;
    if (this.#former !== null) this.#line.part();
    else if (back) this.#notice(...back.notice);
    if (back) this.#changed('line');
  }

  #received(frame) {
    const request = this.#requests.get(frame.request);
    if (request) {
      this.#requests.delete(frame.request);
      return frame.type === 'error' ? request.refused(frame) : request.done(frame);
    }
    if (frame.type === 'error') return this.#refused(frame);
    if (frame.type === 'told') return this.#told(frame);
    if (frame.type === 'passed') return this.#passed(frame);
    const room = this.#numbers.get(frame.room);
    // What still comes of a room that was left.
    if (!room) return undefined;
    switch (frame.type) {
      case 'message':
        return this.#message(room, frame);
      case 'ack':
        room.acknowledged(frame);
        this.#outbox.pump(room);
        return this.#changed('log');
      case 'gap':
        room.gap(frame);
        this.#checkBack();
        return this.#changed('log');
      case 'came':
      case 'went':
        room[frame.type](frame, this.#isFormer(frame.name));
        // A room that was too big for names has become small.
        if (!room.isNamed) this.#askMembers(room);
        return this.#changed('log', 'members');
      case 'left':
        // Nobody here asked to leave: an operator of the room did, and what they said was told.
        return this.#forget(room);
      case 'members':
        return this.#counted(room, frame);
      default:
        return undefined;
    }
  }

  #message(room, frame) {
    const message = room.message(frame, this.name, room === this.active && !this.isWatching);
    if (!message) return;
    if (message.sender !== this.name) this.#unread(room, message);
    this.#checkBack();
    this.#changed('log');
  }

  /** Somebody told us something, and nobody else. */
  #told(frame) {
    // What we tell ourselves is shown once it was passed on.
    if (keyOf(frame.sender) === keyOf(this.name)) return;
    const person = this.#person(frame.sender);
    this.#unread(person, person.told(frame));
    this.#changed('rooms', 'log');
  }

  /** What we told somebody is on its way to them. */
  #passed(frame) {
    const person = [...this.people.values()].find((it) => it.passed(frame, this.name));
    if (person) this.#outbox.pump(person);
    this.#checkRename();
    this.#changed('log');
  }

  #unread(it, message) {
    const isActive = it === this.active;
    if (isActive && !this.isWatching && it.unread === 0) it.divider = it.read;
    it.unread += 1;
    const isMeant = it.isPrivate || mentions(message.text, this.name);
    if (isMeant) it.mentions += 1;
    if (isActive && this.isWatching) it.seen();
    else this.#changed('rooms');
    this.#tell.said(it, message, isMeant);
  }

  #refused(frame) {
    const { code, text } = frame;
    if (code === Code.draining) return this.#notice('plain', 'The relay is about to restart');
    if (code === Code.expelled) return this.#notice('bad', text);
    this.#outbox.refused(frame);
    this.#checkRename();
    return this.#changed('log');
  }

  /** True if that was ourselves under the name before. */
  #isFormer(name) {
    return this.#former !== null && keyOf(name) === keyOf(this.#former);
  }

  #checkRename() {
    if (this.#renamed && this.#line.isGranted) this.#adopt();
  }
}

