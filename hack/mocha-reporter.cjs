// mocha's spec reporter, plus one line of counts that hack/test.mjs adds up over the suites.
const { Spec } = require('mocha').reporters;

module.exports = class CountingReporter extends Spec {
  epilogue() {
    super.epilogue();
    process.stdout.write(`COUNTS ${this.stats.passes} ${this.stats.failures}\n`);
  }
};
