/**
 * Messages as the hub can take them: causes of any length and with any text in them become messages of conditions, and
 * one that the hub refuses, or stores otherwise than it was sent, would hold up the whole status. Pure.
 */

/** What the schema of conditions allows. */
export const maxMessageLength = 32_768;

/** Halves of surrogate pairs, which no server stores. */
const loneHalves = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The message, cut where it is too long, of whole characters. */
export function boundedMessage(message: string): string {
  return message.slice(0, maxMessageLength).replace(loneHalves, '\ufffd');
}
