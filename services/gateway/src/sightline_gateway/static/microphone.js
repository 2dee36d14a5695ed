/** Push-to-talk: one recording at a time, in whichever format the browser makes. */

export class Microphone {
  #recorder = null;
  #starting = null;

  static get isSupported() {
    return Boolean(globalThis.MediaRecorder && navigator.mediaDevices?.getUserMedia);
  }

  /** Start to record. Rejected where the user or the browser does not allow it. */
  async start() {
    this.#starting ??= this.#start();
    await this.#starting;
  }

  /** @returns {Promise<Blob | null>} The recording; null where there is none, or it is too short to hold a word. */
  async stop() {
    const starting = this.#starting;
    this.#starting = null;
    try {
      await starting;
    } catch {
      return null; // `start` told it.
    }
    const recorder = this.#recorder;
    this.#recorder = null;
    if (!recorder) return null;
    const { pieces, began } = recorder;
    await new Promise((stopped) => {
      recorder.made.onstop = stopped;
      recorder.made.stop();
    });
    for (const track of recorder.made.stream.getTracks()) track.stop();
    return performance.now() - began < 250 ? null : new Blob(pieces, { type: recorder.made.mimeType });
  }

  async #start() {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true } });
    const made = new MediaRecorder(stream);
    const pieces = [];
    made.ondataavailable = ({ data }) => pieces.push(data);
    made.start();
    this.#recorder = { made, pieces, began: performance.now() };
  }
}
