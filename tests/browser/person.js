// A person in a browser, who does what a test in another language says: `["say", "hello"]`, a line on
// stdin, is `person.say('hello')` of the stage, and answered by a line with what went wrong, or null.
//
//     node person.js PORT ROOM

import { createInterface } from 'node:readline';
import { Browsers } from './stage.js';

const [http, room] = process.argv.slice(2);
const browsers = await Browsers.launch();
const person = await browsers.open({ http }, { at: `#${encodeURIComponent(room)}` });
const answer = (problem) => console.log(JSON.stringify(problem));
answer(null);
for await (const line of createInterface({ input: process.stdin })) {
  const [act, ...words] = JSON.parse(line);
  await person[act](...words).then(() => answer(null), (error) => answer(error.message));
}
await browsers.closeAll();
await browsers.quit();
