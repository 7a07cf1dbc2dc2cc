/** The peer broke the protocol: the connection ends with this as its reason. */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
}
