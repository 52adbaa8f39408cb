// Seconds for which something has been on the screen, by a clock that cannot be set; stands still while the reader is away.

export class Watch {
  /** @param {() => number} [clock] milliseconds */
  constructor(clock = () => performance.now()) {
    this.clock = clock;
    /** @type {number | null} */
    this.since = null;
    this.kept = 0;
  }

  get running() {
    return this.since !== null;
  }

  start() {
    this.since ??= this.clock();
  }

  /** Stop, and take all seconds that have not been told. */
  stop() {
    if (this.since !== null) this.kept += Math.max(this.clock() - this.since, 0) / 1000;
    this.since = null;
    const seconds = Math.min(this.kept, 86400);
    this.kept = 0;
    return seconds;
  }

  /**
   * Seconds that could not be told after all.
   * @param {number} seconds
   */
  back(seconds) {
    this.kept += seconds;
  }

  clear() {
    this.since = null;
    this.kept = 0;
  }
}
