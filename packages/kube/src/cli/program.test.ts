import { expect } from 'chai';
import { parseDuration, parseListen, renderList } from './program.js';
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
  it('reads listen addresses', () => {
    expect(parseListen('[::1]:1')).to.deep.equal({ host: '::1', port: 1 });
    expect(parseListen(':6443')).to.deep.equal({ host: '0.0.0.0', port: 6443 });
    expect(() => parseListen('6443')).to.throw(/HOST:PORT/);
  });
});
