/**
 * A client of the Sightline gateway for browsers. No dependencies: copy this file with bytes.js,
 * camera.js, microphone.js and player.js.
 *
 *     import { SightlineClient } from "./sightline.js";
 *
 *     const client = new SightlineClient("wss://gateway.example.com/ws");
 *     client.addEventListener("text_delta", ({ detail }) => show(detail.text));
 *     await client.connect();
 *     client.camera(document.querySelector("video"));
 *     client.sendText("What do you see?");
 *
 * Every message of the gateway is an event of its name, with the message as `detail`: `text_delta`, `text`,
 * `response_complete`, `frame_received`, `error`, … Besides, there are
 *
 * - `status`: `{status, reason?, seconds?}`; status is `connecting`, `open`, `retrying`, `refused` or `closed`
 * - `frame_sent`: `{sequence, reason, width, height, blob}`
 * - `speaking`: `{speaking}`, as speech begins and ends to sound
 */
import { base64Of, bytesOf, unpacked } from "./bytes.js";
import { Camera } from "./camera.js";
import { Player } from "./player.js";

export { Camera } from "./camera.js";
export { Microphone } from "./microphone.js";
export { Player } from "./player.js";

const PROTOCOL = "sightline";
const PATIENCE = 3000; // Milliseconds that pictures which nobody asked for wait for one to be acknowledged.
const FIRST_RETRY = 500;
const LONGEST_RETRY = 10_000;
const POLICY_VIOLATION = 1008; // The gateway does not want this client: trying again would not help.

export class SightlineClient extends EventTarget {
  #socket = null;
  #connecting = null;
  #session = null;
  #ready = false;
  #wanted = false;
  #attempts = 0;
  #timer = 0;
  #refusal = "";
  #sequence = 0;
  #acknowledged = 0;
  #sentAt = 0;
  #lastHash;
  #camera = null;
  #player;

  /**
   * @param {string | URL} url Of the gateway's WebSocket.
   * @param {object} [options]
   * @param {string | (() => string | Promise<string>)} [options.token] A function is asked at each connection.
   * @param {string} [options.sessionId] A name for the session; the gateway makes one up otherwise.
   * @param {boolean} [options.speech] Whether replies are to be spoken.
   */
  constructor(url, { token = "", sessionId, speech = true } = {}) {
    super();
    this.url = url;
    this.token = token;
    this.speech = speech;
    this.#session = sessionId ? { sessionId } : null;
    this.#player = new Player({
      onSpeaking: (speaking) => this.#emit("speaking", { speaking }),
      onError: (error) => this.#emit("error", { code: "playback", message: error.message }),
    });
    globalThis.addEventListener?.("online", () => this.#timer && this.#open());
  }

  /** Whether there is a session now that takes messages. */
  get connected() {
    return this.#ready;
  }

  get sessionId() {
    return this.#session?.sessionId;
  }

  /**
   * Connect, and stay so: a connection that drops is made again, and its session taken up.
   * @returns {Promise<object>} The first `session_init`; rejected where the gateway refuses this client.
   */
  connect() {
    if (!this.#connecting) {
      this.#wanted = true;
      this.#connecting = new Promise((resolve, reject) => {
        const ended = ({ detail }) => {
          if (detail.status === "open") resolve(detail.session);
          else if (detail.status === "refused" || detail.status === "closed") reject(new Error(detail.reason));
          else return;
          this.removeEventListener("status", ended);
        };
        this.addEventListener("status", ended);
      });
      this.#connecting.catch(() => {}); // It is also a status, for those who do not wait.
      this.#open();
    }
    return this.#connecting;
  }

  /** End the connection, and with it the session. */
  close() {
    this.stopCamera();
    this.#player.stop();
    this.#stop("closed", "closed by this page");
  }

  /** Say something: a turn. Ends a reply that is under way. */
  sendText(text) {
    this.#bargeIn();
    this.#send({ type: "transcript", text });
  }

  /** Say something as one recording, of any format that the browser makes: a turn. */
  async sendAudio(blob) {
    this.#bargeIn();
    const format = blob.type.match(/^audio\/(?:x-)?([a-z0-9]+)/)?.[1] ?? "unknown";
    await this.#sendWithData({ type: "audio", format }, blob);
  }

  /** End the reply that is under way. */
  interrupt(reason = "client_request") {
    this.#bargeIn();
    this.#send({ type: "interrupt", reason });
  }

  /**
   * Send a picture; `camera` does this by itself.
   * @param {Blob} blob Of type image/webp, image/jpeg or image/png.
   * @param {{reason: string, width: number, height: number}} about
   */
  async sendFrame(blob, { reason, width, height }) {
    const sequence = ++this.#sequence;
    this.#sentAt = performance.now();
    const message = {
      type: "video_frame",
      sessionId: this.sessionId,
      sequence,
      timestamp: Date.now(),
      triggerReason: reason,
      previousFrameRef: this.#lastHash,
      image: { format: blob.type.replace("image/", ""), width, height },
    };
    await this.#sendWithData(message, blob, message.image);
    this.#emit("frame_sent", { sequence, reason, width, height, blob });
  }

  /**
   * Show the agent what a video element plays - a camera, a screen, a file: at once, on each request of the
   * gateway, and when the scene changes.
   * @returns {Camera}
   */
  camera(video, options = {}) {
    this.stopCamera();
    this.#camera = new Camera(video, {
      ...options,
      send: (blob, about) => this.sendFrame(blob, about),
      canSend: () => this.#ready && this.#keepsUp(),
      onError: (error) => this.#emit("error", { code: "camera", message: error.message }),
    });
    this.#announce();
    return this.#camera;
  }

  /** Show nothing any more. */
  stopCamera() {
    if (!this.#camera) return;
    this.#camera.stop();
    this.#camera = null;
    this.#announce();
  }

  /** Allow sound; browsers want that to be called while the user clicks or types. */
  unlockSpeech() {
    this.#player.unlock();
  }

  async #open() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#refusal = "";
    this.#emit("status", { status: "connecting" });
    let token = this.token;
    try {
      if (typeof token === "function") token = await token();
    } catch (error) {
      return this.#retry(`there is no token: ${error.message}`);
    }
    if (!this.#wanted) return;
    const socket = new WebSocket(this.url, token ? [PROTOCOL, `bearer.${token}`] : []);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let greeted = false;
    socket.onmessage = ({ data }) => {
      const message = typeof data === "string" ? JSON.parse(data) : unpacked(data);
      if (message.type === "session_init") {
        greeted ? this.#begin(message) : this.#announce(); // The answer is the session that was asked for.
        greeted = true;
      }
      this.#take(message);
    };
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#dropped(code, reason);
  }

  /** What this client can do, and which session it was in. */
  #announce() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#send({
      type: "client_ready",
      sessionId: this.#session?.sessionId,
      resumeKey: this.#session?.resumeKey,
      capabilities: { video: this.#camera !== null, audio: this.speech, binary: true },
    });
  }

  #begin(session) {
    const isAnother = session.sessionId !== this.#session?.sessionId || !session.resumed;
    this.#session = { sessionId: session.sessionId, resumeKey: session.resumeKey };
    if (this.#ready) return; // The answer to new capabilities.
    this.#ready = true;
    this.#attempts = 0;
    this.#acknowledged = this.#sequence; // What was on its way is lost.
    if (isAnother) this.#lastHash = undefined;
    this.#camera?.again();
    this.#emit("status", { status: "open", session });
  }

  #take(message) {
    if (message.type === "capture_frame") this.#camera?.capture(message.reason);
    else if (message.type === "frame_received" || message.type === "frame_ack") this.#received(message);
    else if (message.type === "speech_stream_start") this.#player.start();
    else if (message.type === "audio_chunk") this.#player.add(bytesOf(message.data));
    else if (message.type === "speech_interrupted") this.#player.stop();
    else if (message.type === "error") this.#noteRefusal(message);
    this.#emit(message.type, message);
  }

  #received({ sequence, frameHash = this.#lastHash }) {
    this.#acknowledged = sequence;
    this.#lastHash = frameHash;
  }

  /** Whether the gateway, and the way to it, have taken what was sent. */
  #keepsUp() {
    return this.#acknowledged >= this.#sequence || performance.now() - this.#sentAt > PATIENCE;
  }

  #noteRefusal({ code, message }) {
    this.#refusal = message;
    if (code === "session_unknown") this.#session = null;
  }

  #dropped(code, reason) {
    const hadSession = this.#ready;
    this.#ready = false;
    this.#player.stop();
    if (!this.#wanted) return;
    const why = this.#refusal || reason || (hadSession ? "the connection was lost" : "the gateway does not answer");
    const isFinal = code === POLICY_VIOLATION && !(this.#refusal && !this.#session); // Its session may be gone.
    isFinal ? this.#stop("refused", why) : this.#retry(why);
  }

  #retry(reason) {
    const longest = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** this.#attempts++);
    const wait = longest * (0.5 + Math.random() / 2); // Not all clients of a gateway at once.
    this.#timer = setTimeout(() => this.#open(), wait);
    this.#emit("status", { status: "retrying", reason, seconds: wait / 1000 });
  }

  #stop(status, reason) {
    this.#wanted = this.#ready = false;
    this.#connecting = null;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#socket?.close(1000);
    this.#emit("status", { status, reason });
  }

  #bargeIn() {
    this.#player.stop();
    this.#player.unlock();
  }

  #send(message, data = JSON.stringify(message)) {
    if (this.#socket?.readyState !== WebSocket.OPEN) throw new Error("there is no connection to the gateway");
    this.#socket.send(data);
  }

  /** A binary message where the gateway is known to take them: only Sightline's gives resume keys. */
  async #sendWithData(message, blob, place = message) {
    const isBinary = Boolean(this.#session?.resumeKey);
    if (!isBinary) place.data = await base64Of(blob);
    this.#send(message, isBinary ? new Blob([JSON.stringify(message), "\n", blob]) : undefined);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
