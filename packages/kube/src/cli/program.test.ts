import { expect } from 'chai';
import { renderList, renderObject } from './output.js';
import { parseDuration, parseHttpsUrl, parseListen } from './program.js';
import { formatTable } from './table.js';

describe('command line helpers', () => {
  it('pads columns and marks empty cells', () => {
    expect(
      formatTable(
        ['Name', 'Age'],
        [
          ['a', '1s'],
          ['long-name', ''],
        ],
      ),
    ).to.equal('NAME        AGE\na           1s\nlong-name   <none>');
  });
  it('prints lists as JSON and YAML that kubectl would read', () => {
    const list = { headers: ['Name'], rows: [['a']], objects: [{ kind: 'X' }], empty: 'nothing' };
    expect(JSON.parse(renderList('json', list))).to.deep.include({ kind: 'List', items: [{ kind: 'X' }] });
    expect(renderList('yaml', list)).to.contain('kind: List');
    expect(renderList('table', { ...list, rows: [] })).to.equal('nothing');
  });
  for (const [text, milliseconds] of [
    ['90s', 90_000],
    ['1h', 3_600_000],
    ['5', 5000],
  ] as const) {
    it(`reads the duration ${text}`, () => expect(parseDuration(text)).to.equal(milliseconds));
  }
  it('refuses what is no duration', () => expect(() => parseDuration('soon')).to.throw(/duration such as/));
  it('prints one thing in each form', () => {
    const thing = { cluster: 'a' };
    expect(renderObject('table', thing, ['What', 'Value'])).to.equal('WHAT      VALUE\ncluster   a');
    expect(JSON.parse(renderObject('json', thing, []))).to.deep.equal(thing);
    expect(renderObject('yaml', thing, [])).to.equal('cluster: a');
  });
  it('reads URLs of servers', () => {
    expect(parseHttpsUrl('https://hub.example:6443/')).to.equal('https://hub.example:6443');
    for (const text of ['http://hub', 'hub:6443', 'https://hub/path', 'https://me@hub']) {
      expect(() => parseHttpsUrl(text), text).to.throw(/give a URL such as/);
    }
  });
  it('reads listen addresses', () => {
    expect(parseListen('[::1]:1')).to.deep.equal({ host: '::1', port: 1 });
    expect(parseListen(':6443')).to.deep.equal({ host: '0.0.0.0', port: 6443 });
    expect(() => parseListen('6443')).to.throw(/HOST:PORT/);
  });
});
