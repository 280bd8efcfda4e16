/**
 * What one room said, as far as this page knows it: entries in order, and holes where something is
 * missing. A hole is `open` while the relay may still have its messages, which come from its newest
 * end, page by page; what is known to be gone is `lost`, and stays to be seen.
 *
 * @typedef {object} Message
 * @property {'message'} kind
 * @property {string} epoch The numbering its offset belongs to.
 * @property {number} offset
 * @property {number} time In milliseconds since 1970, by the relay's clock.
 * @property {string} sender
 * @property {string} [text] The payload, or, if it is not plain UTF-8,
 * @property {string} [base64]
 * @property {boolean} [sent] Said by this page, which has seen that it was said.
 *
 * @typedef {object} Hole Messages `from` to `to` are missing.
 * @property {'hole'} kind
 * @property {string} epoch
 * @property {number} from
 * @property {number} to
 * @property {'open'|'loading'|'lost'} state
 * @property {'away'|'slow'|'old'} why Said while the line was down, or too fast for it, or before
 *   what this page holds.
 *
 * @typedef {object} Restart The numbering began anew here; nobody can tell what is missing.
 * @property {'restart'} kind
 * @property {number} time When this page learnt of it.
 *
 * @typedef {object} Presence Who came and went since the entry before.
 * @property {'presence'} kind
 * @property {Set<string>} came
 * @property {Set<string>} went
 *
 * @typedef {Message|Hole|Restart|Presence} Entry
 */

/** Entries a page keeps of a room; older ones become a hole again. */
const ENTRIES_MAX = 5_000;

/** The same in characters, because one message may be long. */
const SIZE_MAX = 8 << 20;

const sizeOf = (entry) => (entry.text ?? entry.base64 ?? '').length;

export class Timeline {
  /** @type {Entry[]} */
  entries = [];
  #epoch = null;
  #size = 0;
  #limits;

  constructor(limits = { entries: ENTRIES_MAX, size: SIZE_MAX }) {
    this.#limits = limits;
  }

  /** Appends what was said just now. `slack` times the usual is kept. */
  append(message, slack = 1) {
    this.#push(message);
    this.#trim(slack);
  }

  /** Notes that messages are missing at the end. Without any, nothing. */
  miss(hole) {
    if (hole.from > hole.to) return;
    const last = this.entries.at(-1);
    const goesOn = last?.kind === 'hole' && last.state === hole.state && last.why === hole.why;
    if (goesOn && last.epoch === hole.epoch && last.to + 1 === hole.from) last.to = hole.to;
    else this.#push({ kind: 'hole', ...hole });
  }

  /**
   * Notes the numbering in use. If there was another, what was still missing of it is gone; if
   * nothing was said in it, nothing is told of it either.
   */
  begin(epoch, time) {
    if (this.#epoch === epoch) return;
    this.#epoch = epoch;
    if (this.entries.every(({ kind }) => kind === 'presence')) return;
    const isMissing = ({ kind, state }) => kind === 'hole' && state !== 'lost';
    this.entries = this.entries.map((it) => (isMissing(it) ? { ...it, state: 'lost' } : it));
    this.#push({ kind: 'restart', time });
  }

  /** Notes who came and went; who does both has done nothing. */
  presence(name, hasCome) {
    let last = this.entries.at(-1);
    if (last?.kind !== 'presence') {
      last = { kind: 'presence', came: new Set(), went: new Set() };
      this.#push(last);
    }
    const [here, there] = hasCome ? [last.came, last.went] : [last.went, last.came];
    if (!there.delete(name)) here.add(name);
    if (last.came.size + last.went.size === 0) this.entries.pop();
    else this.entries[this.entries.length - 1] = { ...last };
  }

  /**
   * Puts a page of history where it belongs: the newest messages of a hole, in order. What the
   * relay keeps begins at `oldest`, so what is missing before it will not come any more.
   */
  fill(hole, messages, oldest) {
    const index = this.entries.indexOf(hole);
    if (index < 0) return;
    const wanted = messages.filter(({ offset }) => offset >= hole.from && offset <= hole.to);
    const rest = { ...hole, to: (wanted[0]?.offset ?? hole.to + 1) - 1 };
    const keptFrom = wanted.length > 0 ? oldest : hole.to + 1;
    this.entries.splice(index, 1, ...this.#split(rest, keptFrom), ...wanted);
    for (const message of wanted) this.#size += sizeOf(message);
    this.#join(index);
  }

  /** The page that was asked for will not come. */
  unfill(hole) {
    const index = this.entries.indexOf(hole);
    if (index >= 0) this.entries[index] = { ...hole, state: 'open' };
  }

  /** Marks an open hole as being filled; the hole by which to fill it. */
  filling(hole) {
    const loading = { ...hole, state: 'loading' };
    this.entries[this.entries.indexOf(hole)] = loading;
    return loading;
  }

  /** Whether a message is here. */
  has(epoch, offset) {
    return this.entries.findLastIndex((entry) => isMessage(entry, epoch, offset)) >= 0;
  }

  /** What is left of a hole: the part that is lost for good, and the part that may still come. */
  #split(hole, oldest) {
    const lost = { ...hole, state: 'lost', to: Math.min(hole.to, oldest - 1) };
    const open = { ...hole, state: 'open', from: Math.max(hole.from, oldest) };
    return [lost, open].filter(({ from, to }) => from <= to);
  }

  /** Makes one of the lost holes that meet at an index. */
  #join(index) {
    const [before, after] = [this.entries[index - 1], this.entries[index]];
    const areLost = [before, after].every((it) => it?.kind === 'hole' && it.state === 'lost');
    if (!areLost || before.epoch !== after.epoch || before.to + 1 !== after.from) return;
    this.entries.splice(index - 1, 2, { ...before, to: after.to });
  }

  #push(entry) {
    this.entries.push(entry);
    this.#size += sizeOf(entry);
  }

  /** Gives up the oldest entries beyond the limits, a tenth more than is needed. */
  #trim(slack) {
    const [most, largest] = [this.#limits.entries * slack, this.#limits.size * slack];
    if (this.entries.length <= most && this.#size <= largest) return;
    let count = 0;
    let size = this.#size;
    const isEnough = () => this.entries.length - count <= most * 0.9 && size <= largest * 0.9;
    const isWhole = () => this.entries[count].kind === 'message';
    while (count < this.entries.length - 1 && !(isEnough() && isWhole())) {
      size -= sizeOf(this.entries[count]);
      count += 1;
    }
    this.#size = size;
    this.entries.splice(0, count);
    const [{ epoch, offset }] = this.entries;
    const state = epoch === this.#epoch ? 'open' : 'lost';
    this.entries.unshift({ kind: 'hole', epoch, from: 1, to: offset - 1, state, why: 'old' });
  }
}

const isMessage = (entry, epoch, offset) =>
  entry.kind === 'message' && entry.offset === offset && entry.epoch === epoch;
