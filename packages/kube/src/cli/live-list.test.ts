import { expect } from 'chai';
import { LiveList } from './live-list.js';
import type { ListView, OutputFormat } from './output.js';
import { didYouMean } from './suggestion.js';
import { paintState } from './terminal.js';

function view(...names: string[]): ListView {
  const objects = names.map((name) => ({ apiVersion: 'g/v1', kind: 'Thing', metadata: { name } }));
  return { headers: ['Name', 'Well'], rows: names.map((name) => [name, 'True']), objects, empty: 'nothing' };
}

function live(format: OutputFormat, screen?: { columns: number; rows: number }) {
  let text = '';
  const list = new LiveList({ format, write: (part) => (text += part), screen: () => screen, colors: false });
  const said = (): string => {
    const all = text;
    text = '';
    return all;
  };
  return { list, said };
}

describe('a list that goes on', () => {
  it('appends rows under one line of headers where there is no terminal', () => {
    const { list, said } = live('table');
    expect(list.isDrawn).to.equal(false);
    list.append(view('a-long-name'));
    list.append(view('b'));
    list.appendDeleted(view('b'));
    expect(said()).to.equal(
      'NAME          WELL\na-long-name   True\nb             True\nthing.g/b deleted\n',
    );
  });
  it('prints whole objects in the formats for programs', () => {
    for (const [format, expected] of [
      ['json', '{"apiVersion":"g/v1","kind":"Thing","metadata":{"name":"a"}}\n'],
      ['yaml', '---\napiVersion: g/v1\nkind: Thing\nmetadata:\n  name: a\n'],
      ['name', 'thing.g/a\n'],
    ] as const) {
      const { list, said } = live(format, { columns: 80, rows: 24 });
      expect(list.isDrawn).to.equal(false);
      list.append(view('a'));
      expect(said()).to.equal(expected);
    }
  });
  it('draws over what it drew before on a terminal, within its size', () => {
    const { list, said } = live('table', { columns: 6, rows: 5 });
    expect(list.isDrawn).to.equal(true);
    list.draw(view('a', 'b', 'c', 'd'));
    expect(said()).to.equal('NAME\na\nb\n… and 2 more\n');
    list.draw(view());
    expect(said()).to.equal('\u001b[4F\u001b[Jnothing\n');
  });
  it('paints states and nothing else', () => {
    expect(paintState('True  ', 'True')).to.equal('\u001b[32mTrue  \u001b[39m');
    expect(paintState('Approved,Issued', 'Approved,Issued')).to.contain('[32m');
    expect(paintState('edge', 'edge')).to.equal('edge');
  });
  it('guesses what was meant', () => {
    expect(didYouMean('egde1', ['edge1', 'core'])).to.equal('; did you mean "edge1"?');
    expect(didYouMean('something', ['edge1'])).to.equal('');
  });
});
