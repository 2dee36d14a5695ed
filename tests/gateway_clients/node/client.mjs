/**
 * A client of a VideoAgent, as its users write them: `node client.mjs URL PICTURE`.
 *
 * It knows the message shapes of voice-agent-ai-sdk and nothing of this gateway: no resuming, no tokens, no
 * binary messages. What it saw goes to standard output, one JSON object a line.
 */
import { readFile } from "node:fs/promises";
import WebSocket from "ws";

const [url, picture] = process.argv.slice(2);
const image = { data: (await readFile(picture)).toString("base64"), format: "webp", width: 640, height: 360 };

const socket = new WebSocket(url);
const received = [];
const waiting = new Set();
let sessionId;
let sequence = 0;

/** The first message from `from` on that fits; messages may have come before somebody waits for them. */
function next(fits, from) {
  const found = received.slice(from).find(fits);
  if (found) return Promise.resolve(found);
  return new Promise((resolve, reject) => {
    const waiter = { take: (message) => fits(message) && waiting.delete(waiter) && resolve(message), reject };
    waiting.add(waiter);
  });
}

const of = (type) => (message) => message.type === type;
const report = (event, detail) => console.log(JSON.stringify({ event, ...detail }));
const send = (message) => socket.send(JSON.stringify(message));

function sendFrame(triggerReason, data = image.data) {
  const frame = { type: "video_frame", sessionId, sequence: sequence++, timestamp: Date.now(), triggerReason };
  send({ ...frame, image: { ...image, data } });
  return frame.sequence;
}

/** Say something, show what is asked for, and collect the reply. `during` is called with each piece of it. */
async function turn(text, during = () => {}) {
  const from = received.length;
  send({ type: "transcript", text });
  const request = await next((message) => message.type === "capture_frame" && message.reason === "user_request", from);
  sendFrame(request.reason);
  const first = await next(of("text_delta"), from);
  during(first);
  const complete = await next(of("response_complete"), from);
  const deltas = received.slice(from).filter(of("text_delta"));
  return { request, deltas: deltas.map((delta) => delta.text), ids: [...new Set(deltas.map((delta) => delta.id))], complete };
}

socket.on("message", (data, isBinary) => {
  if (isBinary) throw new Error("a binary message, which this client does not know");
  const message = JSON.parse(data.toString());
  received.push(message);
  for (const waiter of [...waiting]) waiter.take(message);
});
socket.on("close", (code) => {
  for (const waiter of waiting) waiter.reject(new Error(`closed with ${code}`));
});

await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));

const init = await next(of("session_init"), 0);
sessionId = init.sessionId;
send({ type: "client_ready", capabilities: { video: true, audio: false } });
report("session", { sessionId });

const initial = sendFrame("initial");
report("frame", {
  sent: initial,
  received: await next((message) => message.type === "frame_received" && message.sequence === initial, 0),
  ack: await next((message) => message.type === "frame_ack" && message.sequence === initial, 0),
});

report("turn", await turn("What is this?"));

report("interrupted", await turn("Tell me a very long story.", () => send({ type: "interrupt", reason: "enough" })));

const tooLarge = received.length;
sendFrame("timer", Buffer.alloc(6 * 1024 * 1024).toString("base64"));
report("too large", { error: await next(of("error"), tooLarge) });

report("after it", await turn("Are you still there?"));

socket.close();
