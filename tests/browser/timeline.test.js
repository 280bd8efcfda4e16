// What is known of a room, with its holes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timeline } from '../../src/web/page/timeline.js';
import { EPOCH, OTHER_EPOCH } from './world.js';

const said = (offset) => ({ kind: 'message', epoch: EPOCH, offset, time: offset, text: 'x' });

const page = (from, to) =>
  Array.from({ length: to - from + 1 }, (_, index) => said(from + index));

const missing = (from, to, more = {}) =>
  ({ epoch: EPOCH, from, to, state: 'open', why: 'old', ...more });

/** A line for each entry: offsets, `from..to` of holes, and what else there is. */
const outline = ({ entries }) => entries.map((it) => {
  if (it.kind === 'hole') return `${it.state} ${it.from}..${it.to}`;
  return it.kind === 'message' ? it.offset : it.kind;
});

function begun() {
  const timeline = new Timeline();
  timeline.begin(EPOCH, 0);
  return timeline;
}

test('a hole is filled from its newest end until nothing is left', () => {
  const timeline = begun();
  timeline.miss(missing(1, 5));
  timeline.append(said(6));
  timeline.fill(timeline.filling(timeline.entries[0]), page(4, 5), 1);
  assert.deepEqual(outline(timeline), ['open 1..3', 4, 5, 6]);
  timeline.fill(timeline.filling(timeline.entries[0]), page(1, 3), 1);
  assert.deepEqual(outline(timeline), [1, 2, 3, 4, 5, 6]);
});

test('what the relay keeps no more stays a hole, and meets the one beside it', () => {
  const timeline = begun();
  timeline.miss(missing(1, 2, { state: 'lost' }));
  timeline.miss(missing(3, 9));
  timeline.fill(timeline.filling(timeline.entries[1]), page(8, 9), 6);
  assert.deepEqual(outline(timeline), ['lost 1..5', 'open 6..7', 8, 9]);
  timeline.fill(timeline.filling(timeline.entries[1]), [], 20);
  assert.deepEqual(outline(timeline), ['lost 1..7', 8, 9]);
});

test('a page may hold more than was missing', () => {
  const timeline = begun();
  timeline.append(said(3));
  timeline.miss(missing(4, 5));
  timeline.append(said(6));
  timeline.fill(timeline.filling(timeline.entries[1]), page(1, 6), 1);
  assert.deepEqual(outline(timeline), [3, 4, 5, 6]);
});

test('a page for a hole that is gone, or did not come, changes nothing', () => {
  const timeline = begun();
  timeline.miss(missing(1, 5));
  timeline.unfill(timeline.filling(timeline.entries[0]));
  assert.deepEqual(outline(timeline), ['open 1..5']);
  timeline.fill(missing(1, 5), page(1, 5), 1);
  assert.deepEqual(outline(timeline), ['open 1..5']);
});

test('a new numbering is told once, and what was missing of the old is lost', () => {
  const timeline = begun();
  timeline.miss(missing(1, 5));
  timeline.begin(EPOCH, 1);
  timeline.begin(OTHER_EPOCH, 2);
  assert.deepEqual(outline(timeline), ['lost 1..5', 'restart']);
});

test('who comes and goes has done nothing', () => {
  const timeline = begun();
  timeline.presence('bob', true);
  timeline.presence('zoe', false);
  assert.deepEqual([...timeline.entries[0].came], ['bob']);
  timeline.presence('bob', false);
  timeline.presence('zoe', true);
  assert.deepEqual(timeline.entries, []);
});

test('a page keeps so many messages, and the older ones can be had again', () => {
  const timeline = new Timeline({ entries: 10, size: 1_000 });
  timeline.begin(EPOCH, 0);
  for (const message of page(1, 11)) timeline.append(message);
  assert.deepEqual(outline(timeline), ['open 1..2', 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  for (const message of page(12, 100)) timeline.append(message);
  assert.ok(timeline.entries.length <= 11);
  assert.deepEqual(outline(timeline).at(-1), 100);
  const hole = timeline.entries[0];
  assert.equal(hole.to + 1, timeline.entries[1].offset);
});

test('and so many characters', () => {
  const timeline = new Timeline({ entries: 100, size: 10 });
  timeline.begin(EPOCH, 0);
  for (const message of page(1, 11)) timeline.append(message);
  assert.deepEqual(outline(timeline), ['open 1..2', 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  timeline.append({ ...said(12), text: 'x'.repeat(50) });
  assert.deepEqual(outline(timeline), ['open 1..11', 12]);
});
