/**
 * The CEL library, loaded when the first expression is met: it takes some 20 ms and 2 MiB, which agents and most
 * commands never need. Called by the other cel files only.
 */
import { createRequire } from 'node:module';

type CelLibrary = typeof import('@marcbachmann/cel-js');

let library: CelLibrary | undefined;

/** Synchronous, as validation is: `import()` would make every validator wait. */
export function celLibrary(): CelLibrary {
  library ??= createRequire(import.meta.url)('@marcbachmann/cel-js') as CelLibrary; // the module of that name
  return library;
}
