/** Loaded before a command (`node --import`): its clock differs from the machine's by FLOTILLA_TEST_CLOCK_SKEW_MS. */
const skewMs = Number(process.env['FLOTILLA_TEST_CLOCK_SKEW_MS'] ?? '0');
const real = Date;

globalThis.Date = new Proxy(real, {
  construct: (target, args: unknown[]) =>
    args.length === 0 ? new target(real.now() + skewMs) : (Reflect.construct(target, args) as Date), // as Date itself
  get: (target, key, receiver) =>
    key === 'now' ? () => real.now() + skewMs : (Reflect.get(target, key, receiver) as unknown),
});
