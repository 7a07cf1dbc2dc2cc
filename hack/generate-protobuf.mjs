// The TypeScript of protobuf messages: ts-proto makes it of the .proto files named here. Used by `generate.mjs`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const sources = [
  { proto: 'packages/apiserver/proto/etcd/etcd.proto', to: 'packages/apiserver/src/gen/etcd' },
];
const options = [
  'env=node',
  'esModuleInterop=true',
  'forceLong=bigint',
  'importSuffix=.js',
  'oneof=properties',
  'outputJsonMethods=false',
  'outputServices=grpc-js',
  'useOptionals=messages',
];

/** Path from the root -> text; empty, and said so, without protoc. @throws Error when protoc refuses a file. */
export function generateProtobuf() {
  if (spawnSync('protoc', ['--version'], { stdio: 'ignore' }).status !== 0) {
    console.error(
      'protoc is not on PATH (Debian: protobuf-compiler): the code of .proto files is not looked at.',
    );
    return new Map();
  }
  return new Map(sources.map((source) => generate(source)));
}

function generate({ proto, to }) {
  const out = mkdtempSync(path.join(tmpdir(), 'flotilla-proto-'));
  const name = path.basename(proto, '.proto');
  try {
    const { status, stderr } = spawnSync(
      'protoc',
      [
        `--plugin=${path.join(root, 'node_modules/.bin/protoc-gen-ts_proto')}`,
        `--proto_path=${path.join(root, path.dirname(proto))}`,
        `--ts_proto_out=${out}`,
        `--ts_proto_opt=${options.join(',')}`,
        path.join(root, proto),
      ],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`protoc refuses ${proto}: ${stderr}`);
    const made = readFileSync(path.join(out, `${name}.ts`), 'utf8');
    // Which protoc it was says nothing about the code.
    const text = made.replace(/^\/\/ versions:\n(?:\/\/ {3}.*\n)+/m, '');
    const header = `// Generated from ${proto} by \`npm run generate\`. Do not edit.\n`;
    return [path.join(to, `${name}.ts`), header + text];
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
