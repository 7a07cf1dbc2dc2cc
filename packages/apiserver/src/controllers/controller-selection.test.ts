import { expect } from 'chai';
import { controllerNames, parseControllers } from './controller-selection.js';

const selected = (text: string): string[] => controllerNames.filter(parseControllers(text));
const without = (...names: string[]): string[] => controllerNames.filter((name) => !names.includes(name));

describe('the selection of controllers', () => {
  const cases: readonly (readonly [text: string, expected: readonly string[]])[] = [
    ['*', controllerNames],
    ['-*', []],
    ['', []],
    ['namespace-controller', ['namespace-controller']],
    ['*,-namespace-controller', without('namespace-controller')],
    ['-namespace-controller,*', without('namespace-controller')],
    ['namespace-controller,-*', ['namespace-controller']],
    [
      '*, -garbagecollector , -csrsigning',
      without('garbage-collector-controller', 'certificatesigningrequest-signing-controller'),
    ],
    ['-namespace', []],
    ['namespace,-namespace-controller', ['namespace-controller']],
  ];
  for (const [text, expected] of cases) {
    it(`reads ${JSON.stringify(text)}`, () => expect(selected(text)).to.deep.equal(expected));
  }

  it('names what it does not know, and what there is', () => {
    expect(() => parseControllers('*,-nodelifecycle')).to.throw(
      '"nodelifecycle" is not a controller of this server; there are certificatesigningrequest-signing-controller,',
    );
    expect(() => parseControllers('constructor')).to.throw('"constructor" is not a controller');
  });
});
