// The line to the relay: hello, silence, ends, and coming back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, systemClock } from '../../src/web/page/connection.js';
import { Clock, Socket, message, welcome } from './world.js';

function line() {
  const clock = new Clock();
  const sockets = [];
  const told = { states: [], frames: [] };
  const connection = new Connection(
    { clock, open: () => sockets[sockets.push(new Socket()) - 1] },
    {
      state: ({ phase }) => told.states.push(phase),
      welcome: () => {},
      frame: (frame) => told.frames.push(frame),
    },
  );
  const open = () => {
    sockets.at(-1).onopen();
    return sockets.at(-1);
  };
  return { clock, sockets, told, connection, open };
}

function live() {
  const it = line();
  it.connection.start('ann', null);
  const socket = it.open();
  socket.receive(welcome());
  socket.take();
  return { ...it, socket };
}

test('hello is the first word, and everything about rooms is passed on', () => {
  const { connection, told, open } = line();
  connection.start('ann', 'abc');
  const socket = open();
  assert.deepEqual(socket.take(), [{ type: 'hello', version: 1, private: true, name: 'ann', key: 'abc' }]);
  socket.receive(welcome(), message(1));
  assert.equal(connection.state.phase, 'live');
  assert.deepEqual(told.frames, [message(1)]);
});

test('who comes back has the name and key of the welcome', () => {
  const { clock, connection, sockets, open } = line();
  connection.start('', null);
  open().receive(welcome({ name: 'guest4' }));
  sockets.at(-1).break();
  clock.pass(400);
  assert.deepEqual(open().take()[0],
    { type: 'hello', version: 1, private: true, name: 'guest4', key: '5eed5eed5eed5eed' });
});

test('a ping is answered, and silence is asked into', () => {
  const { clock, socket, connection } = live();
  socket.receive({ type: 'ping', token: 5 });
  assert.deepEqual(socket.take(), [{ type: 'pong', token: 5 }]);
  clock.pass(24_000);
  assert.deepEqual(socket.take(), []);
  clock.pass(1_000);
  assert.deepEqual(socket.take(), [{ type: 'ping', token: 0 }]);
  socket.receive({ type: 'pong', token: 0 });
  clock.pass(20_000);
  assert.equal(connection.state.phase, 'live');
});

test('a line that answers no ping is given up', () => {
  const { clock, socket, connection } = live();
  clock.pass(25_000 + 10_000);
  assert.ok(socket.isClosed);
  assert.equal(connection.state.phase, 'waiting');
});

test('a machine that wakes up asks at once and is impatient', () => {
  const { clock, socket, connection } = live();
  connection.check();
  assert.deepEqual(socket.take(), [{ type: 'ping', token: 0 }]);
  clock.pass(3_000);
  assert.equal(connection.state.phase, 'waiting');
  connection.check();
  assert.equal(connection.state.phase, 'connecting');
});

test('waits grow to a limit, have luck in them, and are short again after a line that held', () => {
  const { clock, connection, sockets, open } = line();
  connection.start('ann', null);
  const waits = [];
  for (let time = 0; time < 9; time += 1) {
    sockets.at(-1).break();
    waits.push(connection.state.retryAt - clock.now());
    clock.pass(waits.at(-1));
  }
  assert.deepEqual(waits.map(Math.round), [400, 799, 1598, 3197, 6394, 12787, 14985, 14985, 14985]);
  clock.luck = 0;
  sockets.at(-1).break();
  assert.equal(connection.state.retryAt, clock.now());
  clock.luck = 0.999;
  clock.pass(0);
  open().receive(welcome());
  clock.pass(5_000);
  sockets.at(-1).break();
  assert.equal(Math.round(connection.state.retryAt - clock.now()), 400);
});

test('what an abandoned socket says is not heard', () => {
  const { clock, sockets, told, connection } = line();
  connection.start('ann', null);
  const [first] = sockets;
  clock.pass(10_000);
  assert.equal(connection.state.phase, 'waiting');
  first.onopen();
  first.receive(message(1));
  assert.deepEqual([first.take(), told.frames], [[], []]);
});

test('a name that is refused is asked for anew, and nothing is tried meanwhile', () => {
  const { clock, connection, sockets, open } = line();
  connection.start('bob', null);
  open().receive({ type: 'error', code: 100, request: 0, text: 'taken' });
  clock.pass(60_000);
  assert.deepEqual(connection.state, { phase: 'nameless', code: 100, text: 'taken' });
  assert.equal(sockets.length, 1);
  connection.start('rob', null);
  assert.equal(open().take()[0].name, 'rob');
});

test('ends that somebody wanted, or that would only happen again, are final until asked', () => {
  for (const code of [206, 208, 214, 300, 304]) {
    const { clock, connection, socket, sockets } = live();
    socket.receive({ type: 'bye', code, text: 'for a reason' });
    clock.pass(60_000);
    assert.deepEqual(connection.state, { phase: 'ended', code, text: 'for a reason' });
    assert.equal(sockets.length, 1);
    connection.retryNow();
    assert.equal(sockets.length, 2);
  }
});

test('other ends are not, and what was wrong is told by the error before', () => {
  for (const code of [203, 204, 205, 207, 209, 210, 500]) {
    const { connection, socket } = live();
    socket.receive({ type: 'error', code: 500, request: 0, text: 'exactly' });
    socket.receive({ type: 'bye', code, text: 'roughly' });
    assert.equal(connection.state.phase, 'waiting', `after ${code}`);
    assert.equal(connection.state.text, 'exactly');
  }
});

test('time for the line is measured, not read off the calendar', () => {
  const { now } = Date;
  const before = systemClock.now();
  try {
    Date.now = () => now() - 3_600_000;
    assert.ok(systemClock.now() >= before);
    assert.ok(systemClock.date() < now());
  } finally {
    Date.now = now;
  }
});
