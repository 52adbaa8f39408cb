// How long to wait before asking a server again that did not answer: twice as long each time, never all at once.

export class Backoff {
  /**
   * @param {() => number} [random] from 0 to 1
   * @param {number} [first] milliseconds
   * @param {number} [most] milliseconds
   */
  constructor(random = Math.random, first = 1000, most = 30000) {
    this.random = random;
    this.first = first;
    this.most = most;
    this.failures = 0;
  }

  /**
   * The next wait: between half of the step and the whole of it, so that browsers that failed together do not come back
   * together.
   * @param {number} [least] what the server asked for itself
   */
  next(least = 0) {
    const step = Math.min(this.first * 2 ** this.failures, this.most);
    this.failures += 1;
    return Math.max(step / 2 + (this.random() * step) / 2, least);
  }

  reset() {
    this.failures = 0;
  }
}
