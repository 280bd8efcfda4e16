/**
 * What outlives the page. A tab is a person: its name, key and rooms are the tab's own, so two tabs
 * can talk to each other. Name and theme are remembered for the next tab, too.
 */

const PERSON = 'hobnob.person';
const NAME = 'hobnob.name';
const THEME = 'hobnob.theme';

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
  loadName: () => attempt(() => localStorage.getItem(NAME)) ?? '',

  saveName(name) {
    attempt(() => localStorage.setItem(NAME, name));
  },

  /** `light`, `dark`, or null for the system's. `theme.js` reads it first. */
  loadTheme: () => attempt(() => localStorage.getItem(THEME)),

  saveTheme(theme) {
    attempt(() => (theme ? localStorage.setItem(THEME, theme) : localStorage.removeItem(THEME)));
  },
};
