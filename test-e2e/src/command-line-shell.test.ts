import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, configMap, Fleet, must, work } from './support/fleet.js';
import { commandsOnPath } from './support/on-path.js';
import { binPath, eventually, Follower, run } from './support/processes.js';

const isInstalled = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

/** Says in the title of what is left out why it is. */
const describeShell = (shell: string): string =>
  `completion by a real ${shell}${isInstalled(shell) ? '' : ` (left out: ${shell} is not installed)`}`;

describe('the commands in a shell', () => {
  const fleet = new Fleet();
  let cluster: Cluster;
  let path = '';
  let env: Record<string, string> = {};

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
    await fleet.join(cluster);
    await fleet.apply(work(cluster, 'first', [configMap('kept', { a: '1' })]));
    await fleet.workApplied(cluster, 'first');
    path = commandsOnPath(join(fleet.directory, 'bin'));
    env = { PATH: path, KUBECONFIG: fleet.hubKubeconfig };
  });
  after(() => fleet.close());

  describe('completion by a real bash', () => {
    /** What bash has in COMPREPLY after TAB at the end of the line. */
    async function completions(program: 'hub' | 'klusterlet', line: string): Promise<string[]> {
      const words = line.split(' ');
      const script = [
        `source <(${program} completion bash)`,
        `COMP_LINE='${line}' COMP_POINT=${line.length}`,
        `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}`,
        `_${program}_complete`,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: bash's own
        'printf "%s\\n" "${COMPREPLY[@]}"',
      ];
      const { code, stdout, stderr } = await run('bash', ['--norc', '-c', script.join('\n')], { env });
      expect([code, stderr]).to.deep.equal([0, '']);
      return stdout.trim().split('\n');
    }

    for (const [program, line, expected] of [
      ['hub', 'hub clusters re', ['remove', 'revoke']],
      ['hub', 'hub clusters -o ', ['table', 'wide', 'json', 'yaml', 'name']],
      ['hub', 'hub clusters --wa', ['--watch']],
      ['hub', 'hub clusters remove ', ['edge']],
      ['hub', 'hub approve e', ['edge']],
      ['hub', 'hub works e', ['edge']],
      ['hub', 'hub why -n edge ', ['first']],
      ['hub', 'hub why -n ', ['edge']],
      ['hub', 'hub completion ', ['bash', 'zsh', 'fish']],
      ['klusterlet', 'klusterlet st', ['status']],
      ['klusterlet', 'klusterlet status -o j', ['json']],
    ] as const) {
      it(line, async () => expect(await completions(program, line)).to.deep.equal([...expected]));
    }

    it('is registered, and offers files where a file belongs', async () => {
      const asked = await run('bash', ['--norc', '-c', 'source <(hub completion bash); complete -p hub'], {
        env,
      });
      expect(must(asked)).to.contain('-F _hub_complete hub');
      expect(await completions('hub', 'hub clusters --kubeconfig ')).to.deep.equal(['']);
    });

    it('knows no names while the hub is away, and says nothing', async () => {
      const other = { ...env, KUBECONFIG: join(fleet.directory, 'nowhere') };
      const answer = await run('hub', ['__complete', 'bash', 'hub clusters remove '], { env: other });
      expect(answer).to.deep.equal({ code: 0, stdout: '\n', stderr: '' });
    });

    it('in an interactive bash, by the TAB key', async () => {
      const rc = join(fleet.directory, 'bashrc');
      writeFileSync(rc, 'PS1=\nsource <(hub completion bash)\n');
      const typed = 'hub clusters remo\t ed\t--wait never; exit\n';
      const { stdout } = await run('script', ['-qec', `bash --rcfile ${rc} -i`, '/dev/null'], {
        env,
        input: typed,
      });
      expect(stdout).to.contain("option '--wait <duration>' argument 'never' is invalid");
    });
  });

  describe(describeShell('zsh'), () => {
    let folder = '';
    before(async function () {
      if (!isInstalled('zsh')) return this.skip();
      folder = join(fleet.directory, 'zsh');
      mkdirSync(folder);
      for (const program of ['hub', 'klusterlet']) {
        const script = must(await run(program, ['completion', 'zsh'], { env }));
        writeFileSync(join(folder, `_${program}`), script);
      }
    });

    it('parses', async () => {
      for (const program of ['_hub', '_klusterlet']) must(await run('zsh', ['-n', join(folder, program)]));
    });

    /** What an interactive zsh makes of it, that loads completion so. */
    async function typed(line: string, load: string): Promise<string> {
      writeFileSync(join(folder, '.zshrc'), `PS1=\n${load}\n`);
      const command = ['-qec', 'zsh -i', '/dev/null'];
      const { stdout } = await run('script', command, { env: { ...env, ZDOTDIR: folder }, input: line });
      return stdout;
    }
    const init = 'autoload -U compinit && compinit -u -D';

    for (const [how, load] of [
      ['from a folder of $fpath', () => `fpath=(${folder} $fpath)\n${init}`],
      ['as a script that is sourced', () => `${init}\nsource <(hub completion zsh)`],
    ] as const)
      it(`completes commands and names by the TAB key, ${how}`, async () => {
        const shown = await typed('hub clusters remo\t ed\t--wait never; exit\n', load());
        expect(shown).to.contain('hub clusters remove');
        expect(shown).to.contain("option '--wait <duration>' argument 'never' is invalid");
      });

    it('offers files where a file belongs', async () => {
      const place = join(folder, 'only-one.kubeconfig');
      writeFileSync(place, 'no kubeconfig');
      const line = `hub clusters --kubeconfig ${join(folder, 'only')}\t; exit\n`;
      expect(await typed(line, `fpath=(${folder} $fpath)\n${init}`)).to.match(
        /error: .*only-one\.kubeconfig/,
      );
    });
  });

  describe(describeShell('fish'), () => {
    before(function () {
      if (!isInstalled('fish')) this.skip();
    });

    async function fish(script: string): Promise<string> {
      const { code, stdout, stderr } = await run('fish', ['--no-config', '-c', script], { env });
      expect([code, stderr]).to.deep.equal([0, '']);
      return stdout.trim();
    }

    it('parses', async () => {
      for (const program of ['hub', 'klusterlet']) {
        const script = join(fleet.directory, `${program}.fish`);
        writeFileSync(script, must(await run(program, ['completion', 'fish'], { env })));
        must(await run('fish', ['--no-config', '-n', script]));
      }
    });

    for (const [program, line, expected] of [
      ['hub', 'hub clusters re', ['remove', 'revoke']],
      ['hub', 'hub clusters -o ', ['json', 'name', 'table', 'wide', 'yaml']],
      ['hub', 'hub clusters remove ', ['edge']],
      ['hub', 'hub why -n edge ', ['first']],
      ['klusterlet', 'klusterlet st', ['status']],
    ] as const) {
      it(line, async () => {
        const shown = await fish(`${program} completion fish | source; complete -C '${line}'`);
        expect(shown.split('\n').map((each) => each.split('\t')[0])).to.deep.equal([...expected]);
      });
    }

    it('offers files where a file belongs', async () => {
      const place = join(fleet.directory, 'hub.kube');
      const shown = await fish(
        `hub completion fish | source; complete -C 'hub clusters --kubeconfig ${place}'`,
      );
      expect(shown).to.contain('hub.kubeconfig');
    });
  });

  describe('as a plugin of kubectl', () => {
    it('answers as hub does, and calls itself so', async () => {
      const named = await run('kubectl', ['hub', 'clusters', '-o', 'name'], { env });
      expect(must(named)).to.equal('managedcluster.cluster.open-cluster-management.io/edge\n');
      expect(must(await run('kubectl', ['hub', '--help'], { env }))).to.match(/^Usage: kubectl hub /);
      const wrong = await run('kubectl', ['hub', 'aprove', 'edge'], { env });
      expect(wrong.stderr).to.contain('(Did you mean approve?)').and.to.contain('see "kubectl hub --help"');
      expect(wrong.code).to.equal(2);
    });

    it('is listed without a warning about it', async () => {
      const { stdout, stderr } = await run('kubectl', ['plugin', 'list'], { env });
      expect(stdout).to.contain(join(fleet.directory, 'bin', 'kubectl-hub'));
      expect(stdout + stderr).not.to.match(/warning[^\n]*hub/i);
    });

    it('is completed by kubectl', async () => {
      const answer = must(await run('kubectl', ['__complete', 'hub', 'clusters', 'remove', ''], { env }));
      expect(answer)
        .to.match(/^edge\b/)
        .and.to.match(/^:4$/m);
    });
  });

  describe('on a terminal and elsewhere', () => {
    const onTerminal = (command: string, more: Record<string, string> = {}) =>
      run('script', ['-qec', command, '/dev/null'], {
        env: { ...env, NO_COLOR: '', TERM: 'xterm', ...more },
      });

    it('has colours on a terminal only, and none with NO_COLOR', async () => {
      expect((await onTerminal('hub clusters')).stdout).to.contain('\u001b[32mTrue');
      expect((await onTerminal('hub clusters', { NO_COLOR: '1' })).stdout).not.to.contain('\u001b[');
      expect((await onTerminal('hub clusters', { TERM: 'dumb' })).stdout).not.to.contain('\u001b[');
      expect((await run('hub', ['clusters'], { env: { ...env, NO_COLOR: '' } })).stdout).not.to.contain(
        '\u001b[',
      );
    });

    it('asks on a terminal only', async () => {
      const asked = await run('script', ['-qec', 'hub clusters revoke edge', '/dev/null'], {
        env,
        input: 'n\n',
      });
      expect(asked.stdout).to.contain('void all certificates of edge? [y/N]');
      expect(asked.code).to.equal(1);
      expect(must(await run('hub', ['clusters', '-o', 'json'], { env }))).to.contain(
        '"hubAcceptsClient": true',
      );
    });

    it('guesses the cluster that was meant', async () => {
      const { stderr } = await run('hub', ['clusters', 'revoke', 'egde'], { env });
      expect(stderr).to.contain('did you mean "edge"?');
    });
  });

  describe('--watch', () => {
    const watched: Follower[] = [];
    after(async () => {
      for (const follower of watched) await follower.stop();
    });
    function follow(...args: string[]): Follower {
      const all = [binPath('hub'), ...args, '--watch', '--kubeconfig', fleet.hubKubeconfig];
      const follower = new Follower(process.execPath, all);
      watched.push(follower);
      return follower;
    }

    it('appends what changes where there is no terminal', async () => {
      const follower = follow('works', 'edge');
      expect(await follower.line()).to.match(/^CLUSTER +NAME +MANIFESTS/);
      expect(await follower.line()).to.match(/^edge +first +1 +True/);
      await fleet.apply(work(cluster, 'second', [configMap('more', { a: '1' })]));
      expect(await follower.line()).to.match(/^edge +second +1 +/);
      await eventually('it is applied', async () => /^edge +second +1 +True/.test(await follower.line()));
      must(await fleet.kubectl('delete', 'manifestwork', 'second', '-n', 'edge'));
      await eventually('it is gone', async () => / deleted$/.test(await follower.line()));
    });

    it('prints an object a line for programs', async () => {
      const follower = follow('clusters', '-o', 'json');
      expect(JSON.parse(await follower.line())).to.have.nested.property('metadata.name', 'edge');
      must(await fleet.kubectl('label', 'managedcluster', 'edge', 'seen=yes'));
      await eventually('the label is seen', async () => (await follower.line()).includes('"seen":"yes"'));
    });

    it('draws the table again in its place on a terminal', async () => {
      const out = join(fleet.directory, 'typescript');
      rmSync(out, { force: true });
      const command = 'timeout -s INT 4 hub clusters --watch';
      const { stdout } = await run('script', ['-qec', command, out], { env: { ...env, TERM: 'xterm' } });
      expect(stdout.match(/NAME +ACCEPTED/g)?.length ?? 0).to.be.greaterThan(1);
      expect(stdout).to.contain('\u001b[2F\u001b[J');
    });

    it('tells at once that the hub is away', async () => {
      const other = { ...env, KUBECONFIG: join(fleet.directory, 'nowhere') };
      expect((await run('hub', ['clusters', '--watch'], { env: other })).code).to.equal(1);
    });
  });
});
