/**
 * Puts a planted bug into the text of a source file: each edit must fit exactly once, whatever the formatter made of
 * its white space. Pure but for reading the file.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../support/processes.js';

export type Edit = readonly [find: string, replace: string];

export interface PlantedBug {
  readonly name: string;
  /** What is wrong, in words. */
  readonly what: string;
  /** Source file, from the root of the repository. */
  readonly file: string;
  readonly edits: readonly Edit[];
}

/** The file's source with the bug in it. @throws Error when an edit does not fit exactly once. */
export function sourceWith({ name, file, edits }: PlantedBug): string {
  let text = readFileSync(join(root, file), 'utf8');
  for (const [find, replace] of edits) {
    const pattern = new RegExp(find.trim().split(/\s+/).map(escapeText).join('\\s+'), 'g');
    const count = [...text.matchAll(pattern)].length;
    if (count !== 1) {
      throw new Error(`planted bug ${name}: its text is in ${file} ${count} times, not once: ${find}`);
    }
    text = text.replace(pattern, () => replace);
  }
  return text;
}

function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
