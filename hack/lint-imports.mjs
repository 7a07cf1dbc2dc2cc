// Holds the import rules of docs/architecture.md: which package may import which, no deep imports past a package's
// door, no files that import each other in a circle, and no clock, chance, environment, disk or socket outside the
// `node` folders and the `main`/`cli` files.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const mayImport = {
  api: [],
  kube: ['api'],
  apiserver: ['api', 'kube'],
  hub: ['api', 'kube', 'apiserver'],
  klusterlet: ['api', 'kube'],
};
/** The one file of hub that may know the API server. */
const embeddedHub = join('packages', 'hub', 'src', 'embedded.ts');
/** Those that take its flags and commands. */
const hubCommands = ['serve.ts', 'backup.ts'].map((file) => join('packages', 'hub', 'src', 'cli', file));
const doors = new Set(['', '/cli', '/node', '/testing']);
/** Built-in modules that compute only. */
const pureModules = new Set([
  'node:crypto',
  'node:buffer',
  'node:util',
  'node:assert',
  'node:url',
  'node:path',
  'node:events',
  // Loads installed code, as an import does.
  'node:module',
  'node:zlib',
]);
const world = [
  [/\bDate\.now\(\)/, 'Date.now()'],
  [/\bnew Date\(\)/, 'new Date()'],
  [/\bMath\.random\(\)/, 'Math.random()'],
  [/(?<![.\w])setTimeout\(/, 'setTimeout()'],
  [/(?<![.\w])setInterval\(/, 'setInterval()'],
  [/\bperformance\.now\(\)/, 'performance.now()'],
  [/\brandomUUID\(|\brandomBytes\(/, 'crypto randomness'],
  [/\bprocess\.env\b/, 'process.env'],
  [/(?<![.\w])fetch\(/, 'fetch()'],
];

const problems = [];
/** Path of each file: those of its own package that it imports. */
const importsOf = new Map();
for (const name of Object.keys(mayImport)) {
  for (const file of filesUnder(join(root, 'packages', name, 'src'))) check(name, file);
}
for (const circle of circles()) report(circle[0], 0, `is in a circle of imports: ${circle.join(' -> ')}`);
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n${problems.length} import rule(s) broken\n`);
  process.exit(1);
}

function* filesUnder(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (entry.name.endsWith('.ts')) yield path;
  }
}

function check(name, file) {
  const path = relative(root, file);
  const text = readFileSync(file, 'utf8');
  const own = new Set();
  importsOf.set(path, own);
  const isTest = /\.(test|contract|sim)\.ts$/.test(path) || path.includes(`${sep}testing${sep}`);
  const isEdge =
    isTest ||
    path.includes(`${sep}node${sep}`) ||
    path.includes(`${sep}cli${sep}`) ||
    /[/\\]main\.ts$/.test(path);
  for (const match of text.matchAll(
    /^\s*(?:import|export)\b[^'"]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\('([^']+)'\)/gm,
  )) {
    // Telling an address from a name opens no socket.
    if (/import \{ (isIP|isIPv4|isIPv6)(, (isIP|isIPv4|isIPv6))* \} from 'node:net'/.test(match[0])) continue;
    const specifier = match[1] ?? match[2] ?? match[3];
    if (specifier.startsWith('.')) own.add(join(dirname(path), specifier.replace(/\.js$/, '.ts')));
    checkImport({ name, path, isEdge, isTest }, specifier);
  }
  if (isEdge) return;
  for (const [lineNumber, line] of text.split('\n').entries()) {
    if (/^\s*(\*|\/\/|\/\*)/.test(line)) continue;
    for (const [pattern, what] of world) {
      if (pattern.test(line))
        report(path, lineNumber + 1, `${what} outside a node, cli or main file: take it as an argument`);
    }
  }
}

function checkImport({ name, path, isEdge, isTest }, specifier) {
  if (specifier.startsWith('node:')) {
    if (!isEdge && !pureModules.has(specifier))
      report(path, 0, `${specifier} outside a node, cli or main file`);
    return;
  }
  if (
    specifier === '@kubernetes/client-node' &&
    path !== join('packages', 'kube', 'src', 'node', 'client-node-auth.ts')
  ) {
    report(path, 0, 'client-node is imported by its one adapter only');
  }
  const ours = /^@flotilla\/([a-z]+)(.*)$/.exec(specifier);
  if (ours === null) return;
  const [, other, door] = ours;
  if (!mayImport[name].includes(other)) report(path, 0, `${name} may not import ${other}`);
  if (!doors.has(door)) report(path, 0, `${specifier} goes past the door of ${other}`);
  if (door === '/testing' && !isTest) report(path, 0, 'testing code is imported by tests only');
  if (
    name === 'hub' &&
    other === 'apiserver' &&
    path !== embeddedHub &&
    !(hubCommands.includes(path) && door === '/cli')
  ) {
    report(
      path,
      0,
      `only ${embeddedHub} may import apiserver, and ${hubCommands.join(', ')} its flags and commands`,
    );
  }
}

/** One way round for each circle that a walk through all imports comes upon. */
function* circles() {
  const done = new Set();
  for (const start of importsOf.keys()) yield* walk(start, []);

  function* walk(path, way) {
    const at = way.indexOf(path);
    if (at >= 0) yield [...way.slice(at), path];
    if (at >= 0 || done.has(path)) return;
    for (const next of importsOf.get(path) ?? []) yield* walk(next, [...way, path]);
    done.add(path);
  }
}

function report(path, line, text) {
  problems.push(`${path}${line > 0 ? `:${line}` : ''}: ${text}`);
}
