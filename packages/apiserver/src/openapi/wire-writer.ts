/** Writing the little of protobuf that the OpenAPI v2 document needs: texts and nested messages. Pure. */

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function delimited(field: number, content: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

/** A text field. */
export function text(field: number, value: string): Buffer {
  return delimited(field, Buffer.from(value));
}

/** A message field made of already written fields. */
export function message(field: number, parts: readonly Buffer[]): Buffer {
  return delimited(field, Buffer.concat([...parts]));
}
