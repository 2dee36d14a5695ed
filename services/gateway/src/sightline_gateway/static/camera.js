/** Pictures out of a video element: on request, and when what it shows changes. */

const THUMBNAIL_WIDTH = 32;
const THUMBNAIL_HEIGHT = 24;
const NOTICEABLE = 25; // Of 255, by which a colour of a pixel of the thumbnail has to differ.

export class Camera {
  #video;
  #options;
  #timer;
  #picture = document.createElement("canvas");
  #thumbnail = document.createElement("canvas");
  #sent = null; // The thumbnail of the last picture that was sent; null before the first.
  #sentAt = -Infinity;
  #busy = false;
  #waiting = null;

  /**
   * @param {HTMLVideoElement} video
   * @param {object} options
   * @param {(blob: Blob, about: {reason: string, width: number, height: number}) => Promise<void>} options.send
   * @param {() => boolean} [options.canSend] Pictures that nobody asked for are left out while it is false.
   * @param {(error: Error) => void} [options.onError]
   * @param {number} [options.quality] Of WebP, or of JPEG where the browser makes no WebP: 0 to 1.
   * @param {number} [options.maxSide] Pixels; larger pictures are made smaller.
   * @param {number} [options.looksPerSecond] How often a change of the scene is looked for.
   * @param {number} [options.changed] Share of the picture that, when it differs, is a new scene.
   * @param {number} [options.pause] Milliseconds between two pictures of new scenes, at least.
   */
  constructor(video, options) {
    this.#video = video;
    this.#options = {
      canSend: () => true,
      onError: () => {},
      quality: 0.8,
      maxSide: 1280,
      looksPerSecond: 4,
      changed: 0.1,
      pause: 1000,
      ...options,
    };
    this.#thumbnail.width = THUMBNAIL_WIDTH;
    this.#thumbnail.height = THUMBNAIL_HEIGHT;
    this.#timer = setInterval(() => this.#look(), 1000 / this.#options.looksPerSecond);
    this.#look();
  }

  /** Send a picture now; of several requests while one is made, the newest is answered. */
  async capture(reason) {
    if (reason === "initial" && this.#sent) return; // It was sent before it was asked for.
    if (this.#busy) {
      this.#waiting = reason;
      return;
    }
    if (!this.#hasPicture()) return;
    this.#busy = true;
    try {
      this.#sent = this.#glance();
      this.#sentAt = performance.now();
      const { blob, width, height } = await this.#encode();
      if (this.#timer) await this.#options.send(blob, { reason, width, height });
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#busy = false;
    }
    const next = this.#waiting;
    this.#waiting = null;
    if (next && this.#timer) await this.capture(next);
  }

  /** Begin anew: there is another connection, which has seen nothing. */
  again() {
    this.#sent = null;
    this.#look();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  #hasPicture() {
    return this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && this.#video.videoWidth > 0;
  }

  #look() {
    if (this.#busy || !this.#hasPicture() || !this.#options.canSend()) return;
    if (this.#sent === null) this.capture("initial");
    else if (performance.now() - this.#sentAt >= this.#options.pause && this.#differs(this.#glance())) {
      this.capture("scene_change");
    }
  }

  /** The picture as a thumbnail of 32 × 24: red, green, blue and opacity of each pixel. */
  #glance() {
    const context = this.#thumbnail.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.#video, 0, 0, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT);
    return context.getImageData(0, 0, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT).data;
  }

  #differs(now) {
    let different = 0;
    for (let at = 0; at < now.length; at += 4) {
      const by = [0, 1, 2].map((colour) => Math.abs(now[at + colour] - this.#sent[at + colour]));
      if (Math.max(...by) > NOTICEABLE) different++;
    }
    return different / (now.length / 4) > this.#options.changed;
  }

  async #encode() {
    const { videoWidth, videoHeight } = this.#video;
    const scale = Math.min(1, this.#options.maxSide / Math.max(videoWidth, videoHeight));
    const width = (this.#picture.width = Math.round(videoWidth * scale));
    const height = (this.#picture.height = Math.round(videoHeight * scale));
    this.#picture.getContext("2d").drawImage(this.#video, 0, 0, width, height);
    for (const type of ["image/webp", "image/jpeg"]) {
      const blob = await new Promise((done) => this.#picture.toBlob(done, type, this.#options.quality));
      if (blob?.type === type) return { blob, width, height }; // Safari makes PNG where it makes no WebP.
    }
    throw new Error("this browser makes neither WebP nor JPEG pictures");
  }
}
