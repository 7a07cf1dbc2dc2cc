import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { freePort } from './support/network.js';
import { binPath, type CommandName, eachOf, ours, type Result, root, run } from './support/processes.js';
import { expectRefusal } from './support/refusals.js';

type Words = readonly [CommandName, ...string[]];

const commands: readonly Words[] = [
  ['hub'],
  ['hub', 'serve'],
  ['hub', 'token'],
  ['hub', 'token', 'create'],
  ['hub', 'csr'],
  ['hub', 'csr', 'list'],
  ['hub', 'csr', 'approve'],
  ['hub', 'csr', 'deny'],
  ['hub', 'approve'],
  ['hub', 'deny'],
  ['hub', 'clusters'],
  ['hub', 'clusters', 'remove'],
  ['hub', 'clusters', 'revoke'],
  ['hub', 'works'],
  ['hub', 'works', 'confirm-deletion'],
  ['hub', 'works', 'history'],
  ['hub', 'works', 'diff'],
  ['hub', 'works', 'undo'],
  ['hub', 'works', 'plan'],
  ['hub', 'why'],
  ['hub', 'ca'],
  ['hub', 'ca', 'roll'],
  ['hub', 'ca', 'finish'],
  ['hub', 'completion'],
  ['hub', 'doctor'],
  ['hub', 'backup'],
  ['hub', 'restore'],
  ['klusterlet'],
  ['klusterlet', 'join'],
  ['klusterlet', 'run'],
  ['klusterlet', 'status'],
  ['klusterlet', 'leave'],
  ['klusterlet', 'completion'],
  ['klusterlet', 'doctor'],
  ['apiserver'],
  ['apiserver', 'envtest-assets'],
  ['apiserver', 'backup'],
  ['apiserver', 'restore'],
];

describe('the command line', () => {
  const call = ([name, ...args]: Words) => ours(name, args);
  const key = (words: Words): string => words.join(' ');

  describe('helps with every command, with examples', () => {
    const helps = new Map<string, Result>();
    before(async () => {
      await eachOf(commands, async (words) => helps.set(key(words), await call([...words, '--help'])));
    });

    for (const words of commands) {
      it(`${key(words)} --help`, () => {
        const { code, stdout, stderr } = helps.get(key(words)) ?? expect.fail('no answer');
        expect(code).to.equal(0);
        expect(stderr).to.equal('');
        expect(stdout).to.match(new RegExp(`^Usage: ${key(words)}( |$)`, 'm'));
        expect(stdout).to.match(/^Exit codes: 0 [a-z ,]+, 1 [a-z ,]+, 2 used wrongly/m);
        const examples = /\nExamples:\n([\s\S]+)$/.exec(stdout)?.[1] ?? '';
        expect(examples).to.contain(key(words));
      });
    }

    it('and this list misses none', () => {
      for (const words of commands) {
        const stdout = helps.get(key(words))?.stdout ?? '';
        const section = /\nCommands:\n([\s\S]+?)\n\n/.exec(stdout)?.[1] ?? '';
        for (const [, name = ''] of section.matchAll(/^ {2}([a-z-]+)/gm)) {
          if (name === 'help') continue;
          expect([...helps.keys()]).to.include(`${key(words)} ${name}`);
        }
      }
    });

    for (const name of ['hub', 'klusterlet', 'apiserver'] as const) {
      it(`npx ${name} --help, in the clone`, async () => {
        const { code, stdout } = await run('npx', ['--no-install', name, '--help'], { cwd: root });
        expect(code).to.equal(0);
        expect(stdout).to.match(new RegExp(`^Usage: ${name} `));
      });
    }

    it('and tells its version', async () => {
      for (const name of ['hub', 'klusterlet', 'apiserver'] as const) {
        const { code, stdout } = await ours(name, ['--version']);
        expect(stdout).to.match(/^\d+\.\d+\.\d+\n$/);
        expect(code).to.equal(0);
      }
    });
  });

  describe('refuses with exit code 2 and one sentence', () => {
    const misuses: readonly (readonly [words: Words, says: RegExp])[] = [
      [['hub', 'launch'], /^error: unknown command 'launch'\n\(see "hub --help"\)\n$/],
      [['hub', 'token', 'make'], /^error: unknown command 'make'\n\(see "hub token --help"\)\n$/],
      [['hub', 'aprove'], /^error: unknown command 'aprove'\n\(Did you mean approve\?\)/],
      [['klusterlet', 'part'], /^error: unknown command 'part'/],
      [['apiserver', 'serve'], /^error: too many arguments/],
      [['hub', 'clusters', '--all'], /^error: unknown option '--all'\n\(see "hub clusters --help"\)\n$/],
      [['klusterlet', 'leave', '--force'], /^error: unknown option '--force'/],
      [['apiserver', '--port', '1'], /^error: unknown option '--port'/],
      [['hub', 'approve'], /^error: missing required argument 'cluster'\n\(see "hub approve --help"\)\n$/],
      [['hub', 'csr', 'deny'], /^error: missing required argument 'name'/],
      [['klusterlet', 'join'], /^error: a join string is missing/],
      [['hub', 'token', 'create', '--ttl'], /^error: option '--ttl <duration>' argument missing/],
      [['hub', 'token', 'create', '--ttl', 'soon'], /^error: option '--ttl.*give a duration such as 90s/],
      [['hub', 'token', 'create', '--ttl', '0'], /^error: --ttl must be at least 1s\n$/],
      [
        ['hub', 'token', 'create', '--cluster', 'No_Label'],
        /^error: the cluster name is refused: .*RFC 1123/,
      ],
      [['hub', 'token', 'create', '--server', 'hub'], /^error: option '--server.*give a URL such as https:/],
      [['hub', 'approve', 'a', '--wait', 'long'], /^error: option '--wait.*give a duration/],
      [
        ['hub', 'clusters', '-o', 'xml'],
        /^error: option '-o.*Allowed choices are table, wide, json, yaml, name/,
      ],
      [['klusterlet', 'status', '-o', 'wide'], /^error: option '-o.*Allowed choices are table, json, yaml/],
      [['hub', 'serve', '--listen', '6443'], /^error: option '--listen.*give HOST:PORT/],
      [
        ['hub', 'serve', '--advertise', 'http://hub'],
        /^error: option '--advertise.*give a URL such as https:/,
      ],
      [['apiserver', '--advertise', 'hub'], /^error: option '--advertise.*give a URL such as https:/],
      [['apiserver', '--profile', 'node'], /^error: option '--profile.*Allowed choices are cluster, hub/],
      [['apiserver', '--kubernetes-version', 'new'], /^error: option '--kubernetes-version/],
      [['hub', 'clusters', 'extra'], /^error: too many arguments/],
    ];
    const answers = new Map<string, Result>();
    before(async () => {
      await eachOf(misuses, async ([words]) => answers.set(key(words), await call(words)));
    });

    for (const [words, says] of misuses) {
      it(key(words), () => expectRefusal(answers.get(key(words)) ?? expect.fail('no answer'), 2, says));
    }

    for (const words of [['hub'], ['hub', 'token'], ['hub', 'csr'], ['klusterlet']] as const) {
      it(`${key(words)} without a command, by its help`, async () => {
        const { code, stderr } = await call(words);
        expect(stderr).to.match(/^Usage: /);
        expect(code).to.equal(2);
      });
    }

    it('a log level that there is not', async () => {
      for (const name of ['hub', 'klusterlet'] as const) {
        const result = await ours(name, ['--help'], { env: { FLOTILLA_LOG_LEVEL: 'loud' } });
        expectRefusal(result, 2, /^error: FLOTILLA_LOG_LEVEL must be one of debug, info/);
      }
    });

    it('a klusterlet that has not joined', async () => {
      const dataDir = ['--data-dir', `${tmpdir()}/flotilla-no-such-directory`];
      for (const verb of ['run', 'status', 'leave']) {
        const result = await ours('klusterlet', [verb, ...dataDir]);
        expectRefusal(result, 2, /^error: no klusterlet has joined from \S+: run "klusterlet join" first/);
      }
    });
  });

  it('ends quietly when nobody reads on', async () => {
    for (const name of ['hub', 'klusterlet', 'apiserver'] as const) {
      const piped = `"${process.execPath}" "${binPath(name)}" --help | true; echo "$PIPESTATUS"`;
      const { stdout, stderr } = await run('bash', ['-c', piped]);
      expect([stdout, stderr], name).to.deep.equal(['0\n', '']);
    }
  });

  it('tells with exit code 1 that the kubeconfig is missing, damaged, or its hub is away', async () => {
    const none = await ours('hub', ['clusters', '--kubeconfig', '/nowhere/kubeconfig']);
    expectRefusal(
      none,
      1,
      /the file \/nowhere\/kubeconfig does not exist; start the hub with "hub serve", or give/,
    );
    const damaged = await ours('hub', ['clusters', '--kubeconfig', `${root}/package.json`]);
    expectRefusal(damaged, 1, /^error: kubeconfig \S+package\.json: /);
    const dataDir = mkdtempSync(join(tmpdir(), 'flotilla-listen-'));
    const listen = `203.0.113.1:${await freePort()}`;
    const taken = await ours('hub', ['serve', '--listen', listen, '--data-dir', dataDir]);
    rmSync(dataDir, { recursive: true });
    expectRefusal(taken, 1, /cannot listen on 203\.0\.113\.1:\d+: this machine has no such address/);
  });
});
