/** Every version of kubectl that is here applies, explains and reads, built-in and custom kinds. */
import { expect } from 'chai';
import { at } from '../support/json.js';
import { otherKubectls } from '../support/kubectl-versions.js';
import { crdPath, deployment, widget, widgetCrd, widgetPath } from '../support/objects.js';
import { TestServer } from '../support/server.js';

describe('each version of kubectl', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, widgetCrd('widgets', { names: { shortNames: ['wd'] } }));
  });
  after(() => server.stop());

  for (const { minor, path } of otherKubectls()) {
    describe(`1.${minor}`, () => {
      let namespace = '';
      before(async () => {
        namespace = await server.namespace('old');
      });
      const old = async (...args: string[]) => succeed(args);
      const feed = async (input: object, ...args: string[]) =>
        succeed([...args, '-f', '-'], JSON.stringify(input));
      const succeed = async (args: readonly string[], input?: string): Promise<string> => {
        const result = await server.kubectlWith(
          { kubectl: path, ...(input !== undefined && { input }) },
          ...['-n', namespace, ...args],
        );
        expect(result.code, `${args.join(' ')}: ${result.stderr}`).to.equal(0);
        return result.stdout;
      };

      it('applies built-in kinds, in the client and on the server', async () => {
        expect(await feed(deployment('web'), 'apply')).to.equal('deployment.apps/web created\n');
        expect(await feed(deployment('web', { replicas: 2 }), 'apply')).to.equal(
          'deployment.apps/web configured\n',
        );
        expect(await feed(deployment('web', { replicas: 2 }), 'apply')).to.equal(
          'deployment.apps/web unchanged\n',
        );
        expect(await feed(deployment('web'), 'apply', '--server-side', '--force-conflicts')).to.contain(
          'serverside-applied',
        );
        const more = {
          ...deployment('web').spec.template,
          spec: {
            containers: [
              { name: 'main', image: 'nginx:1' },
              { name: 'second', image: 'x' },
            ],
          },
        };
        expect(
          await feed(
            deployment('lists', { template: { ...more, metadata: { labels: { app: 'lists' } } } }),
            'apply',
          ),
        ).to.contain('created');
        expect(await feed(deployment('lists'), 'apply')).to.contain('configured');
        const path = `/apis/apps/v1/namespaces/${namespace}/deployments/lists`;
        expect(at(await server.read(path), 'spec.template.spec.containers')).to.have.length(1);
      });

      it('applies custom resources, and refuses unknown fields', async () => {
        expect(await feed(widget('Widget', 'w', { size: 1 }), 'apply')).to.contain('created');
        expect(await feed(widget('Widget', 'w', { size: 2, color: 'red' }), 'apply')).to.contain(
          'configured',
        );
        expect(await feed(widget('Widget', 'w', { size: 2 }), 'apply')).to.contain('configured');
        expect(await feed(widget('Widget', 'w', { size: 2 }), 'apply')).to.contain('unchanged');
        expect(at(await server.read(widgetPath(namespace, 'widgets', 'w')), 'spec')).to.deep.equal({
          size: 2,
          replicas: 1,
        });
        const wrong = await server.kubectlWith(
          { kubectl: path, input: JSON.stringify({ ...deployment('x'), odd: 1 }) },
          ...['-n', namespace, 'apply', '-f', '-'],
        );
        expect(wrong.code, wrong.stdout).not.to.equal(0);
        expect(wrong.stderr).to.match(/unknown field "odd"|error validating data/);
      });

      it('creates by its own commands', async () => {
        expect(await old('create', 'configmap', 'made', '--from-literal=a=b')).to.contain('created');
        expect(await old('create', 'deployment', 'made', '--image=nginx')).to.contain('created');
        expect(await old('get', 'configmap', 'made', '-o', 'jsonpath={.data.a}')).to.equal('b');
        expect(await old('get', 'wd')).to.match(/^NAME +AGE/);
        expect(await old('get', 'deployment.v1.apps/made', '-o', 'wide')).to.match(
          /^NAME +READY +UP-TO-DATE/,
        );
        expect(await old('scale', 'widget/w', '--replicas=3')).to.contain('scaled');
        expect(await old('delete', 'deployment', 'made')).to.contain('deleted');
      });

      it('explains built-in and custom kinds', async () => {
        expect(await old('explain', 'deployment.spec.replicas')).to.match(/FIELD: +replicas <integer>/);
        expect(await old('explain', 'pod.spec.containers')).to.match(/image\s+<string>/);
        expect(await old('explain', 'widgets.spec')).to.contain('What the widget is to be.');
        expect(await old('explain', 'widgets', '--recursive')).to.match(/size\s+<integer>/);
      });
    });
  }
});
