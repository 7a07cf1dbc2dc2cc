// What Node's own HTTP/2 over TLS does with our bytes and no API server behind it: a child process that answers each
// GET with one body, keeps a stream open where a watch is asked for, and writes one line to all of them at each POST.
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';

const [certificate, key, size] = process.argv.slice(2);
const body = Buffer.from(`${JSON.stringify({ data: { filler: 'x'.repeat(Number(size)) } })}\n`);
const streams = new Set();
const server = createSecureServer({
  cert: readFileSync(certificate),
  key: readFileSync(key),
  settings: { maxConcurrentStreams: 1000, initialWindowSize: 1024 * 1024 },
  maxSessionMemory: 64,
});
server.on('stream', (stream, headers) => {
  stream.on('error', () => undefined); // the client has gone
  stream.respond({ ':status': 200, 'content-type': 'application/json' });
  if (headers[':method'] === 'GET' && !headers[':path'].includes('watch=true')) {
    stream.end(body);
    return;
  }
  if (headers[':method'] === 'GET') {
    streams.add(stream);
    stream.once('close', () => streams.delete(stream));
    return;
  }
  const line = Buffer.from(
    `${JSON.stringify({ data: { at: headers['x-at'], filler: 'x'.repeat(Number(size)) } })}\n`,
  );
  const all = [...streams];
  const some = () => {
    for (const each of all.splice(0, 500)) each.write(line);
    if (all.length > 0) setImmediate(some);
    else stream.end();
  };
  some();
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
