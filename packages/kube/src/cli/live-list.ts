/**
 * `--watch`: a list that goes on. On a terminal a table is drawn again in its place; everywhere else, and in the other
 * formats, what changed is appended, as `kubectl get --watch` does. Knows nothing of where the objects come from.
 */
import { stringifyYaml } from '@flotilla/api';
import { columnsFor, type ListView, type OutputFormat, objectName } from './output.js';
import { columnWidths, formatTable } from './table.js';
import { paintState, type Screen } from './terminal.js';

export interface LiveListOptions {
  readonly format: OutputFormat;
  readonly write: (text: string) => void;
  /** Asked at each drawing, as terminals are resized; undefined: there is none. */
  readonly screen: () => Screen | undefined;
  readonly colors: boolean;
}

export class LiveList {
  readonly #options: LiveListOptions;
  /** Lines of the last drawing, to go back over. */
  #drawn = 0;
  #widths: readonly number[] = [];
  #hasHeaders = false;

  constructor(options: LiveListOptions) {
    this.#options = options;
  }

  /** True: `draw` shows changes and time alike. False: `append` has to be told each change. */
  get isDrawn(): boolean {
    const { format, screen } = this.#options;
    return (format === 'table' || format === 'wide') && screen() !== undefined;
  }

  /** The whole list as it is now, in place of what was drawn before. */
  draw(list: ListView): void {
    const { format, screen, colors, write } = this.#options;
    const size = screen();
    if (size === undefined || (format !== 'table' && format !== 'wide')) return;
    const { headers, rows } = columnsFor(format, list);
    const room = Math.max(1, size.rows - 3); // headers, the line of the rest, the cursor
    const hidden = rows.length - room;
    const table = formatTable(headers, rows.slice(0, room), {
      maxWidth: size.columns - 1,
      ...(colors && { paint: paintState }),
    });
    const text = rows.length === 0 ? list.empty : hidden > 0 ? `${table}\n… and ${hidden} more` : table;
    const back = this.#drawn > 0 ? `\u001b[${this.#drawn}F\u001b[J` : '';
    write(`${back}${text}\n`);
    this.#drawn = text.split('\n').length;
  }

  /** Objects that are new or have changed; the first call has all that is there. */
  append(list: ListView): void {
    const { format, write } = this.#options;
    if (list.objects.length === 0) return;
    write(this.#text(format, list));
  }

  /** Objects that are gone. In the formats for programs they are printed once more, as kubectl does. */
  appendDeleted(list: ListView): void {
    const { format, write } = this.#options;
    if (format !== 'table' && format !== 'wide') this.append(list);
    else for (const object of list.objects) write(`${objectName(object)} deleted\n`);
  }

  #text(format: OutputFormat, list: ListView): string {
    if (format === 'json') return list.objects.map((object) => `${JSON.stringify(object)}\n`).join('');
    if (format === 'yaml') return list.objects.map((object) => `---\n${stringifyYaml(object)}`).join('');
    if (format === 'name') return list.objects.map((object) => `${objectName(object)}\n`).join('');
    const { headers, rows } = columnsFor(format, list);
    if (rows.length === 0) return '';
    this.#widths = columnWidths(headers, rows, this.#widths);
    const table = formatTable(headers, rows, { minWidths: this.#widths, withHeaders: !this.#hasHeaders });
    this.#hasHeaders = true;
    return `${table}\n`;
  }
}
