// Node's `ws` in binary frames and verbatim, in one room.
//
//     NODE_PATH=target/libraries/node_modules node ws_client.cjs HTTP_PORT
const assert = require("node:assert");
const { WebSocket } = require("ws");
const { version } = require("ws/package.json");

const base = `ws://127.0.0.1:${process.argv[2]}`;

/// A socket whose messages and end can be waited for.
function open(path, options) {
  const socket = new WebSocket(base + path, "subprotocol" in options ? options.subprotocol : [], options);
  const heard = [];
  let wake = () => {};
  socket.on("message", (data, isBinary) => { heard.push({ data, isBinary }); wake(); });
  const ended = new Promise((resolve) => socket.on("close", (code, reason) => resolve({ code, reason: String(reason) })));
  const next = async () => {
    while (heard.length === 0) await new Promise((resolve) => { wake = resolve; });
    return heard.shift();
  };
  const opened = new Promise((resolve, reject) => { socket.on("open", resolve); socket.on("error", reject); });
  return { socket, next, ended, opened };
}

const bytes = (...parts) => Buffer.concat(parts.map((part) => (Array.isArray(part) ? Buffer.from(part) : part)));
const number = (value, size) => { const out = Buffer.alloc(size); out.writeUIntBE(value, size - Math.min(size, 6), Math.min(size, 6)); return out; };

async function main() {
  const ann = open("/connect", { subprotocol: "hobnob.v1" });
  await ann.opened;
  assert.strictEqual(ann.socket.protocol, "hobnob.v1");
  ann.socket.send(bytes([0x01], number(1, 2), number(0, 8), Buffer.from("ann")));
  const welcome = await ann.next();
  assert.ok(welcome.isBinary && welcome.data[0] === 0x81);
  ann.socket.send(bytes([0x02], number(1, 8), [0], Buffer.from("coffee")));
  const joined = await ann.next();
  assert.strictEqual(joined.data[0], 0x82);
  const room = joined.data.subarray(9, 13);

  const bob = open("/raw/coffee", {});
  await bob.opened;
  assert.strictEqual((await ann.next()).data[0], 0x87, "bob came");
  for (const said of ["grüße", Buffer.from([0, 255])]) {
    const isBinary = typeof said !== "string";
    bob.socket.send(said);
    const echo = await bob.next();
    assert.deepStrictEqual([echo.isBinary, echo.data], [isBinary, Buffer.from(said)]);
    const message = await ann.next();
    assert.strictEqual(message.data[0], 0x86);
    assert.ok(message.data.subarray(-Buffer.byteLength(said)).equals(Buffer.from(said)));
  }
  ann.socket.send(bytes([0x04], room, number(9, 8), [1], Buffer.from("to others")));
  assert.strictEqual(String((await bob.next()).data), "to others");
  assert.strictEqual((await ann.next()).data[0], 0x84, "acknowledged");
  const ponged = new Promise((resolve) => bob.socket.on("pong", (data) => resolve(String(data))));
  bob.socket.ping("alive");
  assert.strictEqual(await ponged, "alive");

  ann.socket.send("a text where binary was spoken");
  const { code, reason } = await ann.ended;
  assert.strictEqual(code, 1003, reason);
  assert.ok(reason.startsWith("wrong_spelling: "), reason);
  bob.socket.close(4321, "enough");
  assert.strictEqual((await bob.ended).code, 4321);
  const stranger = open("/connect", { origin: "https://evil.example" });
  await assert.rejects(stranger.opened, /403/);
  console.log(`node ws ${version}: understood`);
}

const late = setTimeout(() => { console.error("nothing more comes"); process.exit(1); }, 20_000);
main().then(() => clearTimeout(late), (error) => { console.error(error); process.exit(1); });
