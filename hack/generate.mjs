// Writes what is generated: the CRD files under deploy/crds, one for each kind of packages/api; deploy/klusterlet as
// code of the hub; the code of protobuf messages under `src/gen`, where `protoc` (Debian: protobuf-compiler) is on PATH. What protoc makes is committed and
// needed only when a .proto changes: without protoc it is left as it is, and a line says so.
// `--check` writes nothing and exits 1 when a file differs from what would be written.
// Needs a build (`npm run build`) first.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { generateKlusterletBase } from './generate-klusterlet-base.mjs';
import { generateProtobuf } from './generate-protobuf.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const directory = path.join('deploy', 'crds');
const header = '# Generated from packages/api by `npm run generate`. Do not edit.\n';

const known = new Set(['--check']);
const unknown = process.argv.slice(2).filter((argument) => !known.has(argument));
if (unknown.length > 0) {
  console.error(`Unknown argument ${unknown[0]}. Usage: node hack/generate.mjs [--check]`);
  process.exit(2);
}

const built = path.join(root, 'packages/api/dist/index.js');
if (!existsSync(built)) {
  console.error('packages/api is not built; run `npm run build` first.');
  process.exit(2);
}
const protobuf = generateProtobuf();
const { kinds, toCrd } = await import(built);
const { stringify } = await import('yaml');

/** Path from the root -> text, for every generated file. */
const wanted = new Map(
  kinds.map((kind) => [
    path.join(directory, `${kind.group}_${kind.plural}.yaml`),
    header + stringify(toCrd(kind), { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false }),
  ]),
);
for (const [file, text] of [...protobuf, generateKlusterletBase()]) wanted.set(file, text);

const present = existsSync(path.join(root, directory))
  ? readdirSync(path.join(root, directory)).map((name) => path.join(directory, name))
  : [];
const differing = [...wanted].filter(([file, text]) => {
  const full = path.join(root, file);
  return !existsSync(full) || readFileSync(full, 'utf8') !== text;
});
const leftOver = present.filter((file) => file.endsWith('.yaml') && !wanted.has(file));

if (process.argv.includes('--check')) {
  if (differing.length + leftOver.length > 0) {
    const names = [...differing.map(([file]) => file), ...leftOver].sort();
    console.error(`Generated files are out of date; run \`npm run generate\`: ${names.join(', ')}`);
    process.exit(1);
  }
} else {
  for (const [file, text] of differing) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
    console.log(`wrote ${file}`);
  }
  for (const file of leftOver) {
    rmSync(path.join(root, file));
    console.log(`removed ${file}, which no kind makes any more`);
  }
}
