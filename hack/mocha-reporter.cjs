// mocha's spec reporter, plus what hack/test.mjs adds up over the suites: the counts, and what failed.
const { writeFileSync } = require('node:fs');
const { Spec } = require('mocha').reporters;

module.exports = class CountingReporter extends Spec {
  epilogue() {
    super.epilogue();
    const file = process.env.FLOTILLA_TEST_COUNTS;
    if (file === undefined) return;
    const { passes, failures } = this.stats;
    const failed = this.failures.map((test) => ({
      title: test.fullTitle(),
      message: String(test.err?.message ?? test.err).slice(0, 2000),
    }));
    writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, failures: failed }));
  }
};
