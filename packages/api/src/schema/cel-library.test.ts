import { expect } from 'chai';
import { compileCel } from './cel-environment.js';

const truths = [
  '[1, 2].all(i, v, v == i + 1) && !{"a": 1}.all(k, v, k == "b")',
  '[1, 2].exists(i, v, i == 1 && v == 2) && {"a": 1}.exists(k, v, k == "a" && v == 1)',
  '[1, 2, 2].existsOne(i, v, v == 1) && ![1, 2, 2].existsOne(i, v, v == 2)',
  '[5, 6].transformList(i, v, v * i) == [0, 6] && [5, 6].transformList(i, v, i > 0, v) == [6]',
  '{"a": 1, "b": 2}.transformMap(k, v, v > 1, v * 10)["b"] == 20',
  'size({"a": 1, "b": 2}.transformMap(k, v, v > 1, v * 10)) == 1',
  '{"a": "x"}.transformMapEntry(k, v, {v: k})["x"] == "a"',
  '[[1], [2]].all(i, row, row.all(j, cell, cell == i + 1 && j == 0))',
  '[1, 0].exists(i, v, 1 / v == 1) && ![0, 1].all(i, v, 1 / v == 2)',
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
  'ip("10.1.2.3").family() == 4 && ip("::1").family() == 6 && !isIP("::ffff:1.2.3.4")',
  'string(ip("2001:DB8:0:0:1:0:0:1")) == "2001:db8::1:0:0:1" && string(ip("::")) == "::"',
  'string(ip("fe80:0:0:0::1")) == "fe80::1" && string(ip("1:0:0:0:0:0:0:0")) == "1::"',
  'string(ip("64:ff9b::10.0.0.1")) == "64:ff9b::a00:1" && string(ip("10:100:0:0:1:2:3:4")) == "10:100::1:2:3:4"',
  'ip.isCanonical("::1") && !ip.isCanonical("0::1") && ip("::1") == ip("0::1") && ip("::1") != ip("0.0.0.1")',
  'ip("127.0.0.1").isLoopback() && ip("::1").isLoopback() && ip("0.0.0.0").isUnspecified()',
  'ip("169.254.1.1").isLinkLocalUnicast() && ip("fe80::1").isLinkLocalUnicast()',
  'ip("224.0.0.1").isLinkLocalMulticast() && ip("ff12::1").isLinkLocalMulticast()',
  'ip("8.8.8.8").isGlobalUnicast() && !ip("255.255.255.255").isGlobalUnicast() && !ip("ff02::1").isGlobalUnicast()',
  'cidr("10.0.0.0/8").containsIP("10.9.9.9") && !cidr("10.0.0.0/8").containsIP(ip("11.0.0.0"))',
  'cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && !cidr("10.1.0.0/16").containsCIDR(cidr("10.0.0.0/8"))',
  'cidr("::/0").containsIP("::5") && !cidr("::/0").containsIP("1.2.3.4")',
  'string(cidr("10.1.2.3/8").masked()) == "10.0.0.0/8" && cidr("10.1.2.3/8").prefixLength() == 8',
  'cidr("10.1.2.3/8").ip() == ip("10.1.2.3") && cidr("10.1.0.0/8") == cidr("10.1.0.0/8")',
  '["::1", "x"].filter(ip, isIP(ip)) == ["::1"]',
  'semver("1.2.3").major() == 1 && semver("1.2.3").minor() == 2 && semver("1.2.3-a").patch() == 3',
  'semver("1.10.0").isGreaterThan(semver("1.9.9")) && semver("1.0.0-rc.1").isLessThan(semver("1.0.0"))',
  'semver("1.0.0-rc.2").isLessThan(semver("1.0.0-rc.10")) && semver("1.0.0-1").isLessThan(semver("1.0.0-a"))',
  'semver("1.0.0-a").isLessThan(semver("1.0.0-a.1")) && semver("1.0.0+x").compareTo(semver("1.0.0+y")) == 0',
  '!isSemver("v1.2") && !isSemver("01.2.3") && isSemver("v1.2", true) && semver("v1.02", true) == semver("1.2.0")',
  'format.dns1123Label().validate("a-b").hasValue() == false && format.dns1123Label().validate("A").hasValue()',
  '!format.dns1123LabelPrefix().validate("a-").hasValue() && format.uuid().validate("x").value().size() == 1',
  '!format.named("qualifiedName").value().validate("a.b/c").hasValue() && !format.named("x").hasValue()',
  'strings.quote("a\\"b") == "\\"a\\\\\\"b\\""',
  'url("https://a/?x=1&x=2&y=").getQuery() == {"x": ["1", "2"], "y": [""]}',
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

  it('bounds comprehensions of two variables as those of one', () => {
    const list = `[${Array.from({ length: 40 }, (_, i) => i).join(',')}]`;
    const program = compileCel(`${list}.all(i, v, ${list}.all(j, w, v >= 0))`, { type: 'bool' });
    expect(() => program.evaluate({ self: null }, { steps: 1000 })).to.throw('running out of cost budget');
    expect(program.evaluate({ self: null }, { steps: 2000 })).to.equal(true);
  });
});
