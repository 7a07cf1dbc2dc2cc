// Bundles the three commands, so that each starts by loading a few files instead of some four hundred. Run by
// `npm run build` after the compiler; what is native or loaded on demand by `createRequire` stays in node_modules.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Bundles `packages/<name>/dist/main.js` into `packages/<name>/dist/bundle/`. */
export async function bundleCommands() {
  await Promise.all(['hub', 'klusterlet', 'apiserver'].map((name) => bundle(name)));
}

async function bundle(name) {
  const outdir = join(root, 'packages', name, 'dist', 'bundle');
  rmSync(outdir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: [join('packages', name, 'dist', 'main.js')],
    outdir,
    bundle: true,
    splitting: true, // `hub clusters` does not load the server
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    minifySyntax: true,
    logLevel: 'warning',
    external: ['lmdb', '@grpc/grpc-js', 'pino', '@kubernetes/client-node', '@marcbachmann/cel-js'],
    // CommonJS packages inside an ES module ask for `require`.
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
    },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleCommands();
