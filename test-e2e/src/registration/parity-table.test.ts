/** docs/registration-parity.md names a test for each of OCM's cases; this holds it to that. */
import { itNamesTestsThatExist } from '../support/parity-table.js';

describe("the table of OCM's cases of registration", () => {
  itNamesTestsThatExist('registration-parity.md');
});
