/** What the user shows - the camera, or a screen - and what of it reached the agent. */

const KEPT = 8; // Pictures that were sent and are not acknowledged yet; more are not shown.

const WHY = {
  initial: "the first one",
  scene_change: "the scene changed",
  timer: "it was time",
  user_request: "you said something",
};

const REFUSED = {
  NotAllowedError: "The browser does not allow it. Allow it beside the address, and try again.",
  NotFoundError: "There is none on this device.",
  NotReadableError: "Another program may be using it.",
};

/** Why a device cannot be used, for people. */
export function refusal(what, error) {
  return `${what} cannot be used. ${REFUSED[error.name] ?? error.message} You can go on by typing.`;
}

export class Sight {
  #client;
  #parts;
  #onProblem;
  #stream = null;
  #sent = new Map();
  #count = 0;
  #shownAt = 0;

  /**
   * @param {import("./sightline.js").SightlineClient} client
   * @param {Record<string, HTMLElement>} parts The page's elements: video, noVideo, camera, screen, picture,
   *   age, why, size, count.
   * @param {(problem: string) => void} onProblem
   */
  constructor(client, parts, onProblem) {
    this.#client = client;
    this.#parts = parts;
    this.#onProblem = onProblem;
    parts.camera.addEventListener("click", () => this.#toggle(parts.camera, () => this.#openCamera()));
    parts.screen.addEventListener("click", () => this.#toggle(parts.screen, () => this.#openScreen()));
    client.addEventListener("frame_sent", ({ detail }) => this.#remember(detail));
    client.addEventListener("frame_received", ({ detail }) => this.#received(detail));
    setInterval(() => this.#tellAge(), 1000);
    this.#disableMissing();
  }

  #disableMissing() {
    const devices = navigator.mediaDevices;
    this.#parts.camera.disabled = !devices?.getUserMedia;
    this.#parts.screen.disabled = !devices?.getDisplayMedia;
    if (!devices) this.#parts.noVideo.textContent = "This page has no camera without https. You can type.";
  }

  #openCamera() {
    return navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "environment" },
    });
  }

  #openScreen() {
    return navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 5 } });
  }

  async #toggle(button, open) {
    const wasOn = button.getAttribute("aria-pressed") === "true";
    this.#hide();
    if (wasOn) return;
    try {
      const stream = await open();
      this.#hide(); // Another one may have been opened meanwhile.
      await this.#show(stream);
      button.setAttribute("aria-pressed", "true");
    } catch (error) {
      this.#hide();
      const isChoice = button === this.#parts.screen && error.name === "NotAllowedError"; // "Cancel".
      if (!isChoice) this.#onProblem(refusal(button === this.#parts.camera ? "The camera" : "The screen", error));
    }
  }

  async #show(stream) {
    this.#stream = stream;
    for (const track of stream.getVideoTracks()) track.addEventListener("ended", () => this.#hide());
    const { video, noVideo } = this.#parts;
    video.srcObject = stream;
    video.hidden = false;
    noVideo.hidden = true;
    await video.play();
    this.#client.camera(video);
  }

  #hide() {
    const { video, noVideo, camera, screen } = this.#parts;
    if (this.#stream) this.#client.stopCamera();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    video.srcObject = null;
    video.hidden = true;
    noVideo.hidden = false;
    for (const button of [camera, screen]) button.setAttribute("aria-pressed", "false");
  }

  #remember({ sequence, blob }) {
    this.#sent.set(sequence, blob);
    if (this.#sent.size > KEPT) this.#sent.delete(this.#sent.keys().next().value);
  }

  async #received({ sequence, triggerReason, size, dimensions }) {
    const { why, size: sizes, count, picture } = this.#parts;
    this.#shownAt = Date.now();
    this.#tellAge();
    why.textContent = WHY[triggerReason] ?? triggerReason;
    sizes.textContent = `${dimensions.width} × ${dimensions.height}, ${Math.ceil(size / 1024)} kB`;
    count.textContent = String(++this.#count);
    const blob = this.#sent.get(sequence);
    this.#sent.delete(sequence);
    if (blob) await draw(picture, blob);
  }

  #tellAge() {
    if (!this.#shownAt) return;
    const seconds = Math.round((Date.now() - this.#shownAt) / 1000);
    this.#parts.age.textContent = seconds < 2 ? "now" : `${seconds} s ago`;
  }
}

/** The whole picture, in the middle of a canvas. */
async function draw(canvas, blob) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  canvas.setAttribute("aria-label", "The last picture that the agent was sent");
  bitmap.close();
}
