/**
 * What `doctor` commands and the first steps of `klusterlet join` do alike: one check after the other, each with one
 * line of verdict and, where it is not well, the way to mend it. A check that needs another one, which failed, is skipped.
 */
import { stringifyYaml } from '@flotilla/api';
import type { ObjectFormat } from './output.js';
import { ExitCode } from './program.js';
import { hasColors, paintState } from './terminal.js';

export type Verdict = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  readonly verdict: Verdict;
  /** What was found, as part of a sentence. */
  readonly message: string;
  /** How to mend it. */
  readonly fix?: string;
}

export interface Check extends Finding {
  /** `certificate`, `hub 127.0.0.1:6443 tls`: what was looked at. */
  readonly check: string;
}

/** Thrown by a check to say how what it found is mended. */
export class CheckError extends Error {
  override readonly name = 'CheckError';
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}

export class Checklist {
  readonly #checks: Check[] = [];
  readonly #onCheck: (check: Check) => void;

  /** `onCheck` is told of each as soon as it is known. */
  constructor(onCheck: (check: Check) => void = () => undefined) {
    this.#onCheck = onCheck;
  }

  get checks(): readonly Check[] {
    return this.#checks;
  }

  get hasFailed(): boolean {
    return this.#checks.some(({ verdict }) => verdict === 'fail');
  }

  add(check: Check): void {
    this.#checks.push(check);
    this.#onCheck(check);
  }

  /**
   * Several findings, or none, make as many lines. What `look` throws is a failure; `needs` names checks without
   * whose success there is nothing to look at. True: it went well, perhaps with a warning.
   */
  async run(
    check: string,
    look: () => Promise<Finding | readonly Finding[]>,
    options: { readonly needs?: readonly string[]; readonly fix?: string } = {},
  ): Promise<boolean> {
    const missing = options.needs?.find((name) => !this.#isWell(name));
    if (missing !== undefined) {
      this.add({ check, verdict: 'skip', message: `not looked at, as ${missing} is not well` });
      return false;
    }
    try {
      const found = await look();
      for (const finding of isList(found) ? found : [found]) this.add({ check, ...finding });
    } catch (error) {
      const fix = error instanceof CheckError ? error.fix : options.fix;
      const message = error instanceof Error ? error.message : String(error);
      this.add({ check, verdict: 'fail', message, ...(fix !== undefined && { fix }) });
    }
    return this.#isWell(check);
  }

  #isWell(check: string): boolean {
    const found = this.#checks.filter((each) => each.check === check);
    return found.length > 0 && found.every(({ verdict }) => verdict === 'ok' || verdict === 'warn');
  }
}

function isList(found: Finding | readonly Finding[]): found is readonly Finding[] {
  return Array.isArray(found);
}

export function ok(message: string): Finding {
  return { verdict: 'ok', message };
}

export function warning(message: string, fix: string): Finding {
  return { verdict: 'warn', message, fix };
}

export function failure(message: string, fix: string): Finding {
  return { verdict: 'fail', message, fix };
}

/** `ok     clock   …`, with the fix in a line beneath. */
export function formatCheck({ check, verdict, message, fix }: Check, options: { colors: boolean }): string {
  const padded = verdict.padEnd(4);
  const shown = options.colors ? paintState(padded, verdict) : padded;
  const line = `${shown} ${check}: ${message}`;
  return fix === undefined ? line : `${line}\n     fix: ${fix}`;
}

/** Prints all, in one of the formats. @throws ExitCode 1 when a check failed. */
export function reportChecks(
  list: Checklist,
  { format, print }: { format: ObjectFormat; print: (text: string) => void },
): void {
  const { checks } = list;
  const count = (verdict: Verdict): number => checks.filter((each) => each.verdict === verdict).length;
  const summary = { ok: count('ok'), warn: count('warn'), fail: count('fail'), skip: count('skip') };
  if (format === 'json') print(JSON.stringify({ checks, summary }, null, 2));
  else if (format === 'yaml') print(stringifyYaml({ checks, summary }).trimEnd());
  else {
    for (const check of checks) print(formatCheck(check, { colors: hasColors() }));
    const skipped = summary.skip > 0 ? `, ${summary.skip} not looked at` : '';
    print(`\n${summary.ok} well, ${summary.warn} to look at, ${summary.fail} failed${skipped}`);
  }
  if (list.hasFailed) throw new ExitCode(1);
}
