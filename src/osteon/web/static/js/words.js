// Text as the server takes it.

/**
 * Without what no database holds: control characters but line ends and tabs, and halves of characters.
 * @param {string} text
 */
export function clean(text) {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]|\p{Surrogate}/gu, "");
}
