// What the browser tests play on: the real relay as a process, wires that can be cut, a person in
// `nc`, and people in browsers of their own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const root = path.resolve(import.meta.dirname, '../..');
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');
const hobnob = process.env.HOBNOB ?? path.join(target, 'release/hobnob');
const installed = createRequire(path.join(root, 'target/browser/'));
const { chromium } = installed('playwright-core');
const axe = readFileSync(installed.resolve('axe-core/axe.min.js'), 'utf8');

/** Where screenshots go. */
const pictures = path.join(root, 'target/browser/pictures');
mkdirSync(pictures, { recursive: true });

/** How long anything may take on a busy machine. */
const PATIENCE_MS = 20_000;

/** What a browser says of itself when a line breaks, which these tests do on purpose. */
const BROKEN_LINE = /WebSocket connection to .* failed|net::ERR_CONNECTION|net::ERR_EMPTY_RESPONSE/u;

/** Programs that must not outlive the tests, however these end. */
const programs = new Set();
process.on('exit', () => programs.forEach((program) => program.kill('SIGKILL')));

/** Starts a program. */
function start(command, args, options) {
  const program = spawn(command, args, options);
  programs.add(program);
  program.on('exit', () => programs.delete(program));
  return program;
}

/** Waits for a condition; the answer is what it answered. */
export async function until(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `in vain: ${what}`);
    await pause(20);
  }
}

/** The relay as a process. */
export class Relay {
  static #running = new Set();

  /** Starts one with a listener of each kind; the ports are the kernel's choice unless given. */
  static async start({ options = [], http = 0, raw = 0 } = {}) {
    const listeners = [
      '--listen', `http://127.0.0.1:${http}`,
      '--listen', `raw://127.0.0.1:${raw}?framing=line&echo=true`,
      '--listen', 'irc://127.0.0.1:0',
    ];
    const relay = new Relay();
    relay.options = options;
    relay.process = start(hobnob, ['serve', ...listeners, ...options], {
      stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, RUST_LOG: 'warn' },
    });
    Relay.#running.add(relay);
    for await (const line of createInterface({ input: relay.process.stdout })) {
      const [, scheme, port] = /^\s+(raw|http|irc)\s+127\.0\.0\.1:(\d+)/u.exec(line) ?? [];
      if (scheme) relay[scheme] = Number(port);
      if (line.includes('Ctrl-C')) return relay;
    }
    throw new Error('the relay did not start');
  }

  /** Ends it, by default without a word. */
  async stop(signal = 'SIGKILL') {
    if (!Relay.#running.delete(this)) return;
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    await ended;
  }

  /** Another one in its place. */
  again() {
    const { options, http, raw } = this;
    return Relay.start({ options, http, raw });
  }

  static async stopAll() {
    for (const relay of Relay.#running) await relay.stop();
  }
}

/** A wire between one browser and the relay, for the scissors. */
export class Wire {
  #sockets = new Set();
  #isCut = false;
  #isDeaf = false;
  /** The ends towards the relay. */
  #far = new Set();

  static async to(port) {
    const wire = new Wire();
    wire.server = net.createServer((near) => {
      if (wire.#isCut) return near.destroy();
      const far = net.connect(port, '127.0.0.1');
      wire.#sockets.add(near).add(far);
      wire.#far.add(far);
      for (const [one, other] of [[near, far], [far, near]]) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
      near.pipe(far);
      far.on('data', (bytes) => wire.#isDeaf || near.write(bytes));
      return undefined;
    });
    await once(wire.server.listen(0, '127.0.0.1'), 'listening');
    wire.port = wire.server.address().port;
    return wire;
  }

  /** Cuts whatever is connected, and lets nobody through any more. */
  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    this.#far.clear();
  }

  /** Carries what the browser says, and nothing back. */
  deafen() {
    this.#isDeaf = true;
  }

  /** Reads nothing more of what the relay sends, until `flow`. */
  stall() {
    for (const far of this.#far) far.pause();
  }

  flow() {
    for (const far of this.#far) far.resume();
  }

  mend() {
    this.#isCut = false;
    this.#isDeaf = false;
  }

  close() {
    this.cut();
    this.server.close();
  }
}

const NEWLINE = Buffer.from('\n');

/** A person in `nc`. */
export class Nc {
  heard = [];

  constructor(port) {
    this.process = start('nc', ['127.0.0.1', port], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.process.stdout }).on('line', (line) => this.heard.push(line));
  }

  /** Says lines, of text or of bytes. */
  say(...lines) {
    for (const line of lines) this.process.stdin.write(Buffer.concat([Buffer.from(line), NEWLINE]));
  }

  hears(text) {
    return until(`nc hears ${text}`, () => this.heard.includes(text));
  }

  close() {
    this.process.kill();
  }
}

/** Browsers, and what is watched in each. */
export class Browsers {
  #browser;
  #people = new Set();

  static async launch() {
    const browsers = new Browsers();
    browsers.#browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync',
      ],
    });
    return browsers;
  }

  /** Somebody opens the page, over a wire of their own. */
  async open(relay, { at = '', ...options } = {}) {
    const person = await Person.open(this.#browser, relay, at, options);
    this.#people.add(person);
    return person;
  }

  /** Everybody leaves; what went wrong in anybody's browser comes to light. */
  async closeAll() {
    for (const person of this.#people) await person.close();
    this.#people.clear();
  }

  async quit() {
    await this.#browser.close();
  }
}

/** A person in front of a browser. */
class Person {
  /** What no page may do: errors, violated policies, requests to others. */
  faults = [];

  static async open(browser, relay, at, options) {
    const person = new Person();
    person.wire = await Wire.to(relay.http);
    person.context = await browser.newContext({
      viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options,
    });
    person.context.setDefaultTimeout(PATIENCE_MS);
    person.page = await person.context.newPage();
    await person.#watch();
    await person.page.goto(`http://127.0.0.1:${person.wire.port}/${at}`);
    return person;
  }

  async #watch() {
    const { page, faults } = this;
    page.on('pageerror', (error) => faults.push(error.stack));
    page.on('console', (entry) => {
      const isFault = entry.type() === 'error' && !BROKEN_LINE.test(entry.text());
      if (isFault) faults.push(`${entry.text()} (${entry.location().url})`);
    });
    page.on('request', (request) => {
      const { host, protocol } = new URL(request.url());
      if (protocol !== 'data:' && host !== `127.0.0.1:${this.wire.port}`) faults.push(request.url());
    });
    await page.exposeFunction('violated', (directive, uri) => faults.push(`${directive}: ${uri}`));
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) =>
        violated(event.violatedDirective, event.blockedURI));
      // Notices go away again, sooner than a busy machine may look.
      window.notices = [];
      addEventListener('DOMContentLoaded', () => {
        const note = (changes) => notices.push(
          ...changes.flatMap(({ addedNodes }) => [...addedNodes].map((node) => node.textContent)));
        new MutationObserver(note).observe(document.getElementById('notices'), { childList: true });
      });
    });
  }

  /** The line is mended, and the browser notices: it need not wait for the next try. */
  async reconnects() {
    this.wire.mend();
    await this.page.evaluate(() => dispatchEvent(new Event('online')));
    await this.isLive();
  }

  /** Chooses a name, and is in. */
  async enter(name) {
    await this.page.fill('#naming-name', name);
    await this.page.press('#naming-name', 'Enter');
    await this.isLive();
    return this;
  }

  isLive() {
    return this.page.waitForSelector('#line[data-phase=live]');
  }

  isDown() {
    return this.page.waitForSelector('#line:not([data-phase=live])');
  }

  async join(room) {
    await this.page.fill('#join-name', room);
    await this.page.press('#join-name', 'Enter');
    await this.sees('#room-name', `#${room}`);
  }

  async say(text) {
    await this.page.fill('#words', text);
    await this.page.press('#words', 'Enter');
  }

  /** Waits for an element with exactly that text. */
  sees(selector, text) {
    return until(`${selector} shows ${text}`, async () => (await this.texts(selector)).includes(text));
  }

  /** Waits for a message. */
  hears(text) {
    return this.sees('[data-offset] .body', text);
  }

  /** Waits until a notice has told something. */
  isTold(text) {
    return until(`told: ${text}`, () => this.page.evaluate((it) => notices.includes(it), text));
  }

  texts(selector) {
    return this.page.locator(selector).allTextContents();
  }

  /** The offsets and texts of all messages that are in the page. */
  async log() {
    return this.page.$$eval('[data-offset]', (messages) => messages.map((message) =>
      [Number(message.dataset.offset), message.querySelector('.body').textContent]));
  }

  /** Takes a screenshot; `name` may be a path of its own. */
  async picture(name) {
    await this.page.screenshot({ path: path.resolve(pictures, `${name}.png`) });
  }

  setSize(width, height) {
    return this.page.setViewportSize({ width, height });
  }

  /** Takes a picture of another page, all of it: of a file. */
  async draw(file, width, name) {
    const page = await this.context.newPage();
    await page.setViewportSize({ width, height: 100 });
    await page.goto(`file://${file}`);
    await page.screenshot({ path: path.resolve(pictures, `${name}.png`), fullPage: true });
    await page.close();
  }

  /** Nothing here keeps anybody out. */
  async isAccessible(state) {
    await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(() => axe.run({ resultTypes: ['violations'] }));
    const found = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    const told = found.map(({ id, nodes }) =>
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n  ${failureSummary}`).join('\n')}`);
    assert.deepEqual(told, [], state);
  }

  async close() {
    await this.context.close();
    this.wire.close();
    assert.deepEqual(this.faults, []);
  }
}

export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 390, height: 844 };
