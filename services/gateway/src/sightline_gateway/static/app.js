/** The gateway's own page: a camera, a conversation, and what goes wrong in plain words. */
import { Conversation } from "./conversation.js";
import { Sight, refusal } from "./sight.js";
import { Microphone, SightlineClient } from "./sightline.js";

const $ = (id) => document.getElementById(id);

const STATUS = {
  connecting: "connecting",
  open: "connected",
  retrying: "connection lost, trying again",
  refused: "not connected",
  closed: "disconnected",
};

let token = "";
const address = new URL("ws", location.href);
address.protocol = address.protocol.replace("http", "ws");
const client = new SightlineClient(address, { token: () => token });

const conversation = new Conversation($("conversation"), $("hint"));
new Sight(
  client,
  {
    video: $("video"),
    noVideo: $("no-video"),
    camera: $("camera"),
    screen: $("screen"),
    picture: $("shown-picture"),
    age: $("shown-age"),
    why: $("shown-why"),
    size: $("shown-size"),
    count: $("shown-count"),
  },
  tell,
);

let replying = false;
let speaking = false;
let wasConnected = false;

function tell(problem) {
  $("problem-text").textContent = problem;
  $("problem").hidden = false;
}

function untell() {
  $("problem").hidden = true;
}

function update() {
  $("send").disabled = !client.connected || !$("text").value.trim();
  $("talk").disabled = !client.connected || !Microphone.isSupported;
  $("stop").disabled = !client.connected || !(replying || speaking);
}

function on(type, handler) {
  client.addEventListener(type, ({ detail }) => {
    handler(detail);
    update();
  });
}

on("status", ({ status, reason, seconds, session }) => {
  $("status").dataset.status = status;
  $("status").textContent =
    status === "retrying" ? `${reason}, trying again in ${Math.ceil(seconds)} s` : STATUS[status];
  if (status === "open") {
    if (wasConnected && !session.resumed) conversation.note("A new conversation: the one before is over.");
    wasConnected = true;
    $("token-form").hidden = true;
    untell();
  } else if (status !== "connecting") {
    replying = speaking = false;
    conversation.settle();
  }
  if (status === "refused") tell(`The gateway refuses this page: ${reason}.`);
});

on("text", ({ role, id, text, interrupted }) => {
  if (role === "user") conversation.heard(text);
  else conversation.reply(id, text, interrupted);
});
on("text_delta", ({ id, text }) => {
  replying = true;
  conversation.delta(id, text);
});
on("response_complete", ({ frameContext }) => {
  replying = false;
  conversation.settle();
  if (frameContext?.frameCount) conversation.knew(frameContext.frameCount, frameContext.lastFrameSequence);
});
on("speaking", (detail) => {
  speaking = detail.speaking;
  $("speaking").hidden = !speaking;
});
on("error", ({ code, message, sequence }) => {
  if (sequence !== undefined && (code === "busy" || code === "rate_limited")) return; // A picture; others follow.
  if (code === "unauthorized") $("token-form").hidden = false;
  replying = false;
  tell(message);
});

$("problem-close").addEventListener("click", untell);

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  client.connect();
});

function ask() {
  const text = $("text").value.trim();
  if (!text || !client.connected) return;
  untell();
  client.sendText(text);
  conversation.typed(text);
  replying = true;
  $("text").value = "";
  update();
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
$("text").addEventListener("input", update);
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ask();
});
$("stop").addEventListener("click", () => client.interrupt());

// Push to talk: with a finger or the mouse, or with the space bar or Enter while the button has the focus.
const microphone = new Microphone();
let talkingSince = 0;
let ticking = 0;

async function talk() {
  if (talkingSince || $("talk").disabled) return;
  talkingSince = Date.now();
  client.unlockSpeech();
  untell();
  $("talk").setAttribute("aria-pressed", "true");
  $("talk").textContent = "Starting …";
  try {
    await microphone.start();
    if (!talkingSince) return;
    talkingSince = Date.now();
    ticking = setInterval(tellTalking, 1000);
    tellTalking();
  } catch (error) {
    await endTalk();
    tell(refusal("The microphone", error));
  }
}

function tellTalking() {
  $("talk").textContent = `Listening, ${Math.round((Date.now() - talkingSince) / 1000)} s: let go to send`;
}

async function endTalk() {
  if (!talkingSince) return;
  talkingSince = 0;
  clearInterval(ticking);
  $("talk").setAttribute("aria-pressed", "false");
  $("talk").textContent = "Hold to talk";
  const recording = await microphone.stop();
  if (!recording || !client.connected) return;
  replying = true;
  await client.sendAudio(recording);
  update();
}

$("talk").addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  $("talk").setPointerCapture(event.pointerId);
  talk();
});
$("talk").addEventListener("keydown", (event) => {
  if (event.key !== " " && event.key !== "Enter") return;
  event.preventDefault();
  if (!event.repeat) talk();
});
for (const type of ["pointerup", "pointercancel", "keyup", "blur"]) $("talk").addEventListener(type, endTalk);

update();
client.connect();
