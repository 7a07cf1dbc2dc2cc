import { expect } from 'chai';
import { Option } from 'commander';
import { addCommand } from './command-frame.js';
import { complete, type NameLookup, type NamePlace, splitLine } from './completion.js';
import { answerCompletion } from './completion-scripts.js';
import { createProgram } from './program.js';

const text = { description: 'd', examples: [] };

function program() {
  const root = createProgram({ name: 'hub', version: '1.0.0', ...text });
  const clusters = addCommand(root, 'clusters', { ...text, description: 'list the fleet\nand more' });
  clusters.addOption(new Option('-o, --output <format>', 'how').choices(['json', 'yaml']));
  addCommand(clusters, 'remove <cluster...>', text).option('--force', 'at once');
  addCommand(root, 'why <work>', text)
    .option('-n, --cluster <name>', 'the cluster')
    .option('--kubeconfig <file>', 'the hub');
  addCommand(root, '_hidden', text);
  return root;
}

const none: NameLookup = () => Promise.resolve([]);

describe('completion of command lines', () => {
  const values = async (line: string, lookup: NameLookup = none) =>
    (await complete(program(), splitLine(line).slice(1), lookup)).candidates.map(({ value }) => value);

  for (const [line, expected] of [
    ['hub ', ['clusters', 'why']],
    ['hub cl', ['clusters']],
    ['hub clusters ', ['remove']],
    ['hub clusters -o ', ['json', 'yaml']],
    ['hub clusters -o j', ['json']],
    ['hub clusters --output=y', ['--output=yaml']],
    ['hub clusters --', ['--output', '--help']],
    ['hub clusters remove --f', ['--force']],
    ['hub nothing ', []],
  ] as const) {
    it(`offers ${expected.join(', ') || 'nothing'} after "${line}"`, async () => {
      expect(await values(line)).to.deep.equal([...expected]);
    });
  }

  it('asks for the names of what there is, and tells what stands before', async () => {
    const places: NamePlace[] = [];
    const lookup: NameLookup = (place) => {
      places.push(place);
      return Promise.resolve(['edge1', 'edge2', 'other']);
    };
    expect(await values('hub clusters remove edge2 e', lookup)).to.deep.equal(['edge1']);
    expect(places[0]).to.deep.include({ command: 'clusters remove', name: 'cluster', given: ['edge2'] });
    expect(await values('hub why --kubeconfig "a b" -n ', lookup)).to.deep.equal(['edge1', 'edge2', 'other']);
    expect(places[1]?.name).to.equal('cluster');
    expect(places[1]?.options.get('kubeconfig')).to.equal('a b');
  });

  it('leaves files to the shell', async () => {
    expect(
      await answerCompletion(program(), ['', '', '__complete', 'zsh', 'hub why --kubeconfig ./'], none),
    ).to.equal(':files');
  });

  it('answers each asker in its own form, and no error reaches the line', async () => {
    const failing: NameLookup = () => Promise.reject(new Error('no hub'));
    const ask = (...argv: string[]) => answerCompletion(program(), ['', '', '__complete', ...argv], failing);
    expect(await ask('bash', 'hub clusters --output=j')).to.equal('json\t');
    expect(await ask('zsh', 'hub clusters --output=j')).to.equal('--output=json\t');
    expect(await ask('kubectl', 'cl')).to.equal('clusters\tlist the fleet\n:4');
    expect(await ask('bash', 'hub why ')).to.equal('');
  });

  it('reads a line as a shell does', () => {
    expect(splitLine(`hub "a b" 'c'"d" e\\ f `)).to.deep.equal(['hub', 'a b', 'cd', 'e f', '']);
    expect(splitLine('hub "open')).to.deep.equal(['hub', 'open']);
  });
});
