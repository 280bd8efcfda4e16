// House rules of the page that a machine can check.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const folder = path.join(import.meta.dirname, '../../src/web/page');
const files = readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]);
const modules = files.filter(([name]) => name.endsWith('.js') && name !== 'theme.js');

/** Where each module stands: it imports from below only. All views and helpers of theirs share one. */
const FLOORS = new Map([
  ['worker.js', 0], ['text.js', 0], ['links.js', 0], ['commands.js', 0], ['names.js', 0], ['completion.js', 0], ['pace.js', 0],
  ['timeline.js', 0], ['candidate.js', 0], ['dom.js', 0], ['storage.js', 0],
  ['connection.js', 1], ['conversation.js', 1], ['catch-up.js', 1], ['recall.js', 1],
  ['room.js', 2], ['person.js', 2], ['outbox.js', 2],
  ['saved.js', 3],
  ['chat.js', 4],
  ['view-entry.js', 5], ['announcer.js', 5], ['drawers.js', 5], ['alerts.js', 5], ['copying.js', 5],
  ['view-names.js', 6], ['view-line.js', 6], ['view-members.js', 6], ['view-naming.js', 6],
  ['view-rooms.js', 6], ['view-sheet.js', 6],
  ['view-composer.js', 7], ['view-log.js', 7],
  ['app.js', 8],
]);

/** What may stand in some modules only, and in which. */
const AT_HOME = [
  [/(?<![#.\w])(document|window)\b|getElementById/u, /^(dom|drawers|app)\.js$/u],
  [/localStorage|sessionStorage/u, /^storage\.js$/u],
  [/WebSocket\(/u, /^app\.js$/u],
  // Strings become text, never markup or code.
  [/innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function/u, /^$/u],
];

const withoutComments = (code) => code.replace(/\/\*[^]*?\*\/|\/\/.*/gu, '');

test('modules look down, never up or sideways', () => {
  for (const [name, code] of modules) {
    assert.ok(FLOORS.has(name), `${name} has no floor yet: place it in FLOORS`);
    for (const [, there] of code.matchAll(/from '\.\/([\w-]+\.js)'/gu)) {
      assert.ok(FLOORS.get(there) < FLOORS.get(name), `${name} may not know ${there}`);
    }
  }
});

test('what is kept for a start without a network is the whole page', () => {
  const [, worker] = files.find(([name]) => name === 'worker.js');
  const [, list] = /const FILES = \[([^\]]*)\]/u.exec(worker);
  const kept = [...list.matchAll(/'([^']+)'/gu)].map(([, name]) => name);
  const page = files.map(([name]) => (name === 'index.html' ? './' : name)).filter((name) => name !== 'worker.js');
  assert.deepEqual(kept.toSorted(), page.toSorted());
});

test('what has a home stays there', () => {
  for (const [name, code] of modules) {
    for (const [word, home] of AT_HOME) {
      assert.ok(home.test(name) || !word.test(withoutComments(code)), `${name}: ${word}`);
    }
  }
});

test('nothing is asked of anybody else, and nothing is inline', () => {
  for (const [name, text] of files) {
    const others = [...text.matchAll(/(?:src|href|url|from|import)\s*[=(]?\s*["'(]?(?:https?:)?\/\/[^\s"')]+/gu)];
    assert.deepEqual(others.map(([other]) => other), [], name);
    if (name.endsWith('.html')) assert.doesNotMatch(text, /\sstyle=|\son\w+=|<style|<script>/u);
  }
});
