import { expect } from 'chai';
import { compileCel } from './cel-environment.js';

const truths = [
  '"abc".charAt(1) == "b"',
  '"a-b-c".replace("-", "+") == "a+b+c"',
  '"a-b-c".replace("-", "+", 1) == "a+b-c"',
  '"abc".reverse() == "cba"',
  '"%s is %d of %.2f, %x, %b %%".format(["a", 1, 2.5, 255, true]) == "a is 1 of 2.50, ff, 1 %"',
  '"%s".format([[1, "x"]]) == "[1, x]"',
  '"a1b22".find("[0-9]+") == "1"',
  '"a1b22".findAll("[0-9]+") == ["1", "22"]',
  '"a1b22".findAll("[0-9]+", 1) == ["1"]',
  '[1, 2, 2].isSorted() && ![2, 1].isSorted()',
  '[1, 2].sum() == 3 && [1.5, 2.5].sum() == 4.0',
  '[3, 1].min() == 1 && ["a", "b"].max() == "b"',
  '[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(5) == -1',
  '[1, 1, 2].distinct() == [1, 2]',
  '[2, 1].sort() == [1, 2] && [1, 2].reverse() == [2, 1]',
  '[1, 2, 3].slice(1, 3) == [2, 3]',
  'sets.contains([1, 2], [1]) && !sets.contains([1], [2])',
  'sets.equivalent([1, 2], [2, 1, 1]) && sets.intersects([1, 2], [2, 3])',
  'isQuantity("1.5Gi") && !isQuantity("five")',
  'quantity("1k").isInteger() && quantity("1k").asInteger() == 1000',
  'quantity("1").add(quantity("500m")).compareTo(quantity("1.5")) == 0',
  'quantity("1").sub(2).sign() == -1',
  'quantity("1000m") == quantity("1")',
  'isURL("https://a.b") && !isURL("::")',
  'url("https://user@a.b:80/c%20d?x=1").getHost() == "a.b:80"',
  'url("https://[::1]:80/").getHostname() == "::1" && url("https://a:80").getPort() == "80"',
  'url("https://a/b").getScheme() == "https" && url("/p").getEscapedPath() == "/p"',
  'isIP("::1") && isIP("1.2.3.4") && !isIP("1.2.3")',
  'isCIDR("10.0.0.0/8") && !isCIDR("10.0.0.0")',
  'cel.bind(x, [1, 2], x.size() == 2)',
  '"abc".matches("^a.c$")',
];

describe('the CEL library of Kubernetes', () => {
  for (const expression of truths) {
    it(expression, () => {
      const program = compileCel(expression, { type: 'bool' });
      expect(program.evaluate({ self: null }, { steps: 1000 })).to.equal(true);
    });
  }
});
