// mocha's spec reporter, plus the counts for hack/test.mjs, which adds them up over the suites.
const { writeFileSync } = require('node:fs');
const { Spec } = require('mocha').reporters;

module.exports = class CountingReporter extends Spec {
  epilogue() {
    super.epilogue();
    const file = process.env.FLOTILLA_TEST_COUNTS;
    if (file !== undefined) writeFileSync(file, `${this.stats.passes} ${this.stats.failures}`);
  }
};
