/** What people compare when a klusterlet joins: a short form of a public key's hash. Pure. */

/**
 * The first 16 bytes of `sha256:<hex>` in pairs, as both `klusterlet join` and the hub's commands show it: enough that
 * nobody can make another key with the same ones.
 */
export function keyFingerprint(hash: string): string {
  const hex = hash.replace(/^sha256:/, '').slice(0, 32);
  return `SHA256:${(hex.match(/../g) ?? []).join(':')}`;
}
