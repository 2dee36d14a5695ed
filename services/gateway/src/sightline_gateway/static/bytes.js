/** Pictures and sound as messages carry them: as bytes, or as base64 in JSON. */

const NEWLINE = 10;

/** A binary message: a line of JSON, then the data that the line leaves out. */
export function unpacked(buffer) {
  const bytes = new Uint8Array(buffer);
  const end = bytes.indexOf(NEWLINE);
  const message = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  return { ...message, data: bytes.slice(end + 1) };
}

/** The data of a message, which is base64 in a text message. */
export function bytesOf(data) {
  return typeof data === "string" ? Uint8Array.from(atob(data), (char) => char.charCodeAt(0)) : data;
}

/** @returns {Promise<string>} */
export function base64Of(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
