/** Just enough protobuf to speak as a Go client does: the envelope, and DeleteOptions. */

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}

function field(number: number, content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as Uint8Array); // of a string it makes UTF-8
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

/** `k8s\0` and runtime.Unknown around an object message. */
export function envelope(apiVersion: string, kind: string, raw: Uint8Array): Buffer {
  const typeMeta = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([Buffer.from('k8s\0'), field(1, typeMeta), field(2, raw), field(3, ''), field(4, '')]);
}

/** meta.k8s.io/v1 DeleteOptions with a uid precondition. */
export function deleteOptions({ uid }: { readonly uid: string }): Buffer {
  return field(2, field(1, uid));
}

interface WireField {
  readonly number: number;
  /** Wire type 2; undefined for a number, which is in `whole`. */
  readonly content?: Buffer;
  /** Tag and content. */
  readonly whole: Buffer;
}

/** The fields of a message in which there are texts, messages and varints only. */
function fieldsOf(message: Buffer): WireField[] {
  const fields: WireField[] = [];
  let position = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[position++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (position < message.length) {
    const start = position;
    const tag = readVarint();
    const size = readVarint();
    const isText = (tag & 7) === 2;
    const content = isText ? message.subarray(position, position + size) : undefined;
    if (isText) position += size;
    fields.push({ number: tag >> 3, ...(content && { content }), whole: message.subarray(start, position) });
  }
  return fields;
}

/** Another content for the field that has one already. */
function replaced(message: Buffer, number: number, change: (content: Buffer) => string | Buffer): Buffer {
  return Buffer.concat(
    fieldsOf(message).map((one) =>
      one.number === number && one.content !== undefined ? field(number, change(one.content)) : one.whole,
    ),
  );
}

/** The enveloped object with another uid and resourceVersion, where it has any: those of an update. */
export function withObjectMeta(
  body: Buffer,
  { uid, resourceVersion }: { readonly uid: string; readonly resourceVersion: string },
): Buffer {
  const put = (value: string) => (old: Buffer) => (old.length === 0 ? old : value);
  const unknown = replaced(body.subarray(4), 2, (raw) =>
    replaced(raw, 1, (metadata) => replaced(replaced(metadata, 5, put(uid)), 6, put(resourceVersion))),
  );
  return Buffer.concat([body.subarray(0, 4), unknown]);
}
