/** Plays speech that comes in pieces, each of them playable by itself, in their order and without gaps. */

export class Player {
  #context = null;
  #playing = new Set();
  #end = 0; // When the last piece so far ends, on the context's clock.
  #turn = Promise.resolve();
  #stream = 0;
  #wanted = false;
  #onSpeaking;
  #onError;

  /**
   * @param {object} [options]
   * @param {(speaking: boolean) => void} [options.onSpeaking] Called as speech begins and ends to sound.
   * @param {(error: Error) => void} [options.onError] Called with each piece that cannot be played.
   */
  constructor({ onSpeaking = () => {}, onError = () => {} } = {}) {
    this.#onSpeaking = onSpeaking;
    this.#onError = onError;
  }

  /** Have the browser allow sound: to be called while the user clicks or types. */
  unlock() {
    if (!globalThis.AudioContext) return;
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") this.#context.resume().catch(() => {});
  }

  /** Speech follows; what is left of the one before is not played. */
  start() {
    this.stop();
    this.#wanted = true;
  }

  /** @param {Uint8Array} bytes A piece of speech: WAV, MP3 or Opus. */
  add(bytes) {
    if (!this.#wanted) return; // It was interrupted here, and the gateway has not heard of that yet.
    this.unlock();
    if (!this.#context) return;
    const stream = this.#stream;
    const decoded = this.#context.decodeAudioData(bytes.slice().buffer);
    this.#turn = this.#turn
      .then(() => decoded)
      .then((buffer) => stream === this.#stream && this.#play(buffer))
      .catch((error) => this.#onError(new Error(`a piece of speech cannot be played: ${error.message}`)));
  }

  /** Be silent, now. */
  stop() {
    this.#stream++;
    this.#wanted = false;
    this.#end = 0;
    for (const source of this.#playing) {
      source.onended = null;
      source.stop();
    }
    if (this.#playing.size) this.#onSpeaking(false);
    this.#playing.clear();
  }

  #play(buffer) {
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#context.destination);
    source.onended = () => {
      this.#playing.delete(source);
      if (!this.#playing.size) this.#onSpeaking(false);
    };
    const at = Math.max(this.#end, this.#context.currentTime);
    source.start(at);
    this.#end = at + buffer.duration;
    if (!this.#playing.size) this.#onSpeaking(true);
    this.#playing.add(source);
  }
}
