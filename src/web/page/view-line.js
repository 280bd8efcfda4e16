/** Where the line to the relay stands: beside one's own name, and across the room if it is down. */

import { byId, element, setText } from './dom.js';
import { Code } from './connection.js';
import { count, initialOf } from './text.js';
import { paint } from './view-entry.js';

/** A line that is down for less than this is nobody's concern. */
const PATIENCE_MS = 600;

/** How long a notice stays. */
const NOTICE_MS = 5_000;

const PHASES = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  live: 'Live',
  waiting: 'Reconnecting…',
  nameless: 'Not connected',
  ended: 'Not connected',
};

export class LineView {
  #chat;
  #banner = byId('banner');
  #button = byId('banner-retry');
  /** When the next try is due. It changes every second, and is not read aloud. */
  #due = byId('banner-due');
  /** Since when the line is down, and what is said of it. */
  #down = null;
  #timer = null;

  constructor(chat) {
    this.#chat = chat;
    this.#button.addEventListener('click', () => chat.retryNow());
  }

  render() {
    const { state, name } = this.#chat;
    setText(byId('me-name'), name || 'You');
    byId('me-name').title = 'Choose another name';
    setText(byId('me-avatar'), name ? initialOf(name) : '');
    paint(byId('me-avatar'), name);
    byId('line').dataset.phase = state.phase;
    setText(byId('line'), PHASES[state.phase]);
    this.#renderBanner(state);
  }

  /** Tells something once. */
  notice({ tone, text }) {
    const notice = element('p', { class: 'notice', 'data-tone': tone }, text);
    byId('notices').append(notice);
    setTimeout(() => notice.remove(), NOTICE_MS);
  }

  #renderBanner(state) {
    clearTimeout(this.#timer);
    const isDown = state.phase === 'waiting' || state.phase === 'connecting';
    if (!isDown) this.#down = null;
    const missed = this.#chat.catchingUp;
    if (missed > 0) this.#show('plain', `Catching up: ${count(missed, 'missed message')}`);
    else if (state.phase === 'ended') this.#show('bad', ...endOf(state));
    else if (isDown) this.#renderDown(state);
    else this.#show('plain', '');
  }

  /**
   * Says that the line is down, once it has been for a while, and when the next try is due. The words
   * stay the same however often it is tried, because they are read aloud whenever they change.
   */
  #renderDown({ phase, text }) {
    const now = performance.now();
    this.#down ??= { since: now, words: 'Connecting to the relay…' };
    if (phase === 'waiting' && !this.#down.isLost) {
      const why = text ? `Connection lost: ${text}.` : 'Connection lost.';
      const words = `${why} What you write now is sent as soon as it is back.`;
      this.#down = { since: this.#down.since, isLost: true, words };
    }
    const patience = this.#down.since + PATIENCE_MS - now;
    if (patience > 0) {
      this.#show('plain', '');
      return this.#later(patience);
    }
    this.#show('warn', this.#down.words, this.#down.isLost && 'Try now');
    if (phase === 'connecting') return setText(this.#due, this.#down.isLost ? 'trying…' : '');
    setText(this.#due, `in ${Math.max(1, Math.ceil(this.#chat.retryIn / 1_000))} s`);
    return this.#later(1_000);
  }

  #later(ms) {
    this.#timer = setTimeout(() => this.render(), ms);
  }

  /** Shows words, and a button behind them if it has a label. */
  #show(tone, text, label = '') {
    this.#banner.dataset.tone = tone;
    this.#banner.classList.toggle('is-empty', text === '');
    setText(byId('banner-words'), text);
    setText(this.#due, '');
    setText(this.#button, label || '');
    this.#button.hidden = !label;
  }
}

/** What a line ended for that does not come back by itself, and what to do about it. */
function endOf({ code, text }) {
  return code === Code.replaced
    ? ['You are connected from somewhere else under this name.', 'Use it here']
    : [`The relay ended the connection: ${text}.`, 'Connect again'];
}
