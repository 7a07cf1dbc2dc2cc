/**
 * Collects the `Warning:` headers of one response: without repeats, within kubectl's size limits. One per request.
 */
const maxTotalCharacters = 4096;
const maxTruncatedCharacters = 256;

export class Warnings {
  readonly #texts = new Set<string>();

  add(text: string): void {
    this.#texts.add(text);
  }

  /** Header values, or undefined when there is nothing to warn of. */
  headers(): readonly string[] | undefined {
    if (this.#texts.size === 0) return undefined;
    let texts = [...this.#texts];
    const total = texts.reduce((sum, text) => sum + text.length, 0);
    if (total > maxTotalCharacters) {
      texts = texts.map((text) => text.slice(0, maxTruncatedCharacters));
      let sum = 0;
      texts = texts.filter((text) => {
        sum += text.length;
        return sum <= maxTotalCharacters;
      });
    }
    return texts.map((text) => `299 - "${quote(text)}"`);
  }
}

function quote(text: string): string {
  // Control characters would break the header; anything beyond Latin-1 cannot stand in one.
  return text
    .replace(/[^\x20-\x7e]/g, (character) => (character === '\n' || character === '\t' ? ' ' : '?'))
    .replace(/["\\]/g, (character) => `\\${character}`);
}
