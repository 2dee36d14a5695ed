/** The conversation as it is on the page. Texts are anybody's: they become text nodes, never markup. */

export class Conversation {
  #log;
  #hint;
  #pending = []; // What was typed and has not become a turn yet.
  #replies = new Map(); // Replies that are being written, by their id.

  /**
   * @param {HTMLElement} log
   * @param {HTMLElement} hint Shown until something was said.
   */
  constructor(log, hint) {
    this.#log = log;
    this.#hint = hint;
  }

  /** The user typed this; it is shown at once. */
  typed(text) {
    const element = this.#add("user", text);
    element.classList.add("pending");
    this.#pending.push({ text, element });
  }

  /** The user's words, as they became a turn. */
  heard(text) {
    const known = this.#pending.findIndex((each) => each.text.trim() === text.trim());
    if (known < 0) {
      this.#add("user", text);
      return;
    }
    const [{ element }] = this.#pending.splice(known, 1);
    element.classList.remove("pending");
  }

  /** A piece of a reply. */
  delta(id, text) {
    let element = this.#replies.get(id);
    if (!element) {
      element = this.#add("assistant writing", "");
      this.#replies.set(id, element);
      this.#log.setAttribute("aria-busy", "true");
    }
    element.append(text);
    this.#follow();
  }

  /** A whole reply. */
  reply(id, text, interrupted) {
    const element = this.#replies.get(id) ?? this.#add("assistant", "");
    this.#replies.delete(id);
    element.textContent = text;
    element.classList.toggle("interrupted", interrupted);
    element.classList.remove("writing");
    if (!text && !interrupted) element.remove();
    this.#follow();
  }

  /** What the last reply was made of. */
  knew(count, newest) {
    const pictures = count === 1 ? "1 picture" : `${count} pictures`;
    const element = this.#add("knew", `It knew ${pictures}; the newest is no. ${newest}.`);
    element.setAttribute("aria-hidden", "true"); // Not read aloud after each reply.
  }

  /** No more of any reply will come. */
  settle() {
    for (const element of this.#replies.values()) element.classList.remove("writing");
    this.#replies.clear();
    for (const { element } of this.#pending) element.classList.remove("pending");
    this.#pending = [];
    this.#log.removeAttribute("aria-busy");
  }

  /** Something about the conversation. */
  note(text) {
    this.#add("note", text);
  }

  #add(className, text) {
    this.#hint.hidden = true;
    const element = document.createElement("p");
    element.className = className;
    element.textContent = text;
    this.#log.append(element);
    this.#follow();
    return element;
  }

  #follow() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }
}
