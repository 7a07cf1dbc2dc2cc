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
