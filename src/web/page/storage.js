/**
 * What outlives the page. A tab is a person: its name, key and rooms are the tab's own, so two tabs
 * can talk to each other. Name and theme are remembered for the next tab, too.
 */

const PERSON = 'hobnob.person';
const NAME = 'hobnob.name';
const THEME = 'hobnob.theme';
const ALERTS = 'hobnob.alerts';

/** Choices of this visit: they hold where nothing may be stored. */
const visit = new Map();

/** Reads and writes where that is allowed, and forgets where it is not. */
function attempt(act) {
  try {
    return act();
  } catch {
    return null;
  }
}

export const storage = {
  /** What `Chat.save` answered when this tab was last loaded. */
  loadPerson: () => attempt(() => JSON.parse(sessionStorage.getItem(PERSON))) ?? undefined,

  savePerson(person) {
    attempt(() => sessionStorage.setItem(PERSON, JSON.stringify(person)));
  },

  /** The name last chosen in any tab. */
  loadName: () => load(NAME) ?? '',
  saveName: (name) => save(NAME, name),

  /** `light`, `dark`, or null for the system's. `theme.js` reads it first. */
  loadTheme: () => load(THEME),
  saveTheme: (theme) => save(THEME, theme),

  /** True if the person wants to be told of messages while they are elsewhere. */
  loadAlerts: () => load(ALERTS) === 'on',
  saveAlerts: (isOn) => save(ALERTS, isOn ? 'on' : null),
};

/** Returns the choice of this visit, or of an earlier one; null if there is none. */
function load(key) {
  return visit.has(key) ? visit.get(key) : attempt(() => localStorage.getItem(key));
}

function save(key, value) {
  visit.set(key, value);
  attempt(() => (value ? localStorage.setItem(key, value) : localStorage.removeItem(key)));
}
