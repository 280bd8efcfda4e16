// What is made of payloads, names and times.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actionOf } from '../../src/web/page/commands.js';
import {
  dayName, hueOf, initialOf, mentions, payloadOf, shown, timeFormatOf,
} from '../../src/web/page/text.js';

test('a name is mentioned as a word of its own', () => {
  for (const text of ['ann', 'hi Ann!', '@ann: x', '(ANN)', 'anna and ann']) {
    assert.ok(mentions(text, 'ann'), text);
  }
  for (const text of ['anna', 'joann', 'ann_', 'ännanns', '', undefined]) {
    assert.ok(!mentions(text, 'ann'), text);
  }
});

test('payloads that are no text are shown for what they are', () => {
  assert.deepEqual(shown({ text: 'hello\r\n' }), { text: 'hello' });
  assert.equal(shown({ text: '\n' }).note, 'empty message');
  assert.deepEqual(shown({ base64: btoa('\x1b[1mbold') }),
    { text: '^[[1mbold', note: 'not plain text, 8 bytes' });
  assert.deepEqual(shown({ base64: '/wCA' }),
    { text: 'ff 00 80', note: 'binary, 3 bytes', isBytes: true });
});

test('what somebody does is told so, by whatever way it comes', () => {
  const action = actionOf('waves\ntwice');
  assert.deepEqual(shown({ text: action }), { text: 'waves\ntwice', isAction: true });
  for (const bytes of ['\x01ACTION waves\x01', '\x01ACTION waves']) {
    assert.deepEqual(shown(payloadOf({ base64: btoa(bytes) })), { text: 'waves', isAction: true });
  }
  // Everything else stays what it was.
  assert.deepEqual(shown({ base64: btoa('\x01PING 7\x01') }),
    { text: 'CTCP PING 7', note: 'asked by an IRC client' });
  for (const bytes of ['\x01VERSION\x01', '\x01ACTION \xff\x01']) {
    assert.equal(payloadOf({ base64: btoa(bytes) }).text, undefined);
    assert.ok(!shown({ base64: btoa(bytes) }).isAction);
  }
  assert.deepEqual(payloadOf({ text: 'hello' }), { text: 'hello' });
});

test('the formatting of IRC is left out', () => {
  for (const [formatted, plain] of [
    ['\x02bold\x02 and\x0F', 'bold and'],
    ['\x0304,02red\x03 and\x0312, \x031\x0312', 'red and, '],
    ['\x03042, \x031,x', '2, ,x'],
    ['\x04ff0000,00ff00red', 'red'],
    ['\x01ACTION \x02waves\x01', '\x01ACTION waves\x01'],
    ['\x02', undefined],
    ['\x02\x1B[1m', undefined],
  ]) assert.equal(payloadOf({ base64: btoa(formatted) }).text, plain, JSON.stringify(formatted));
});

test('days have the names people use', () => {
  const noon = new Date(2026, 10, 20, 12).getTime();
  const day = 86_400_000;
  assert.equal(dayName(noon - 11 * 3_600_000, noon), 'Today');
  assert.equal(dayName(noon - day, noon), 'Yesterday');
  assert.equal(dayName(noon - 3 * day, noon), 'Tuesday, November 17');
  assert.equal(dayName(noon - 400 * day, noon), 'October 16, 2025');
});

test('names have a colour and an initial', () => {
  assert.equal(hueOf('Ann'), hueOf('ann'));
  assert.equal(initialOf('zoë'), 'Z');
  assert.equal(initialOf('👩‍🚀x'), '👩‍🚀');
});

test('clocks go round as the reader\'s language has it', () => {
  const evening = new Date(2026, 10, 20, 21, 5).getTime();
  const said = (locale) => timeFormatOf(locale).format(evening).replace(/\s/u, ' ');
  assert.deepEqual(['en-US', 'en-AU', 'en-GB', 'de', 'ja'].map(said), ['9:05 PM', '9:05 PM', '21:05', '21:05', '21:05']);
  const night = new Date(2026, 10, 20, 0, 5).getTime();
  assert.deepEqual(['en-US', 'de'].map((locale) => timeFormatOf(locale).format(night).replace(/\s/u, ' ')), ['12:05 AM', '00:05']);
});
