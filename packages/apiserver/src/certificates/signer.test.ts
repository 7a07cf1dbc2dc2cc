import { formatTime } from '@flotilla/api';
import { expect } from 'chai';
import { type Csr, type CsrCondition, kubeClientSigner } from './csr.js';
import { planSigning, remembered } from './signer.js';

const nowMs = Date.UTC(2026, 0, 2);
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const yearMs = 365 * 24 * hourMs;

interface CsrParts {
  readonly madeMs?: number;
  readonly spec?: Partial<Csr['spec']>;
  /** Types of conditions, decided at `decidedMs`. */
  readonly conditions?: readonly string[];
  readonly decidedMs?: number;
  readonly certificate?: string;
}

function csr(parts: CsrParts = {}): Csr {
  const { madeMs = nowMs, spec, conditions = [], decidedMs = nowMs, certificate } = parts;
  const condition = (type: string): CsrCondition => ({
    type,
    status: 'True',
    lastUpdateTime: formatTime(decidedMs),
  });
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'c', creationTimestamp: formatTime(madeMs) },
    spec: { signerName: kubeClientSigner, usages: ['client auth', 'digital signature'], ...spec },
    status: { conditions: conditions.map(condition), ...(certificate !== undefined && { certificate }) },
  };
}

describe('planSigning', () => {
  const issue = { action: 'issue', notBeforeMs: nowMs - 5 * minuteMs };
  const cases: [string, CsrParts, object][] = [
    ['waits for a decision', {}, { action: 'none', recheckAfterMs: 24 * hourMs }],
    ['clears away what nobody decided for a day', { madeMs: nowMs - 24 * hourMs }, { action: 'delete' }],
    [
      'issues for a year when approved',
      { conditions: ['Approved'] },
      { ...issue, notAfterMs: nowMs + yearMs },
    ],
    [
      'issues for the time that was asked for',
      { conditions: ['Approved'], spec: { expirationSeconds: 600 } },
      { ...issue, notAfterMs: nowMs + 10 * minuteMs },
    ],
    [
      'issues for a year at most',
      { conditions: ['Approved'], spec: { expirationSeconds: 10 * 365 * 86_400 } },
      { ...issue, notAfterMs: nowMs + yearMs },
    ],
    [
      'issues what was approved after a long time, or approved long ago',
      { madeMs: nowMs - 20 * hourMs, decidedMs: nowMs - 2 * hourMs, conditions: ['Approved'] },
      { ...issue, notAfterMs: nowMs + yearMs },
    ],
    [
      'keeps what it issued for an hour',
      { conditions: ['Approved'], certificate: 'x', decidedMs: nowMs - 20 * minuteMs },
      { action: 'none', recheckAfterMs: 40 * minuteMs },
    ],
    [
      'clears away what it issued an hour ago',
      { conditions: ['Approved'], certificate: 'x', decidedMs: nowMs - hourMs },
      { action: 'delete' },
    ],
    [
      'keeps what was denied for an hour',
      { conditions: ['Denied'] },
      { action: 'none', recheckAfterMs: hourMs },
    ],
    [
      'clears away what was denied an hour ago',
      { conditions: ['Denied'], decidedMs: nowMs - hourMs },
      { action: 'delete' },
    ],
    [
      'never issues what failed',
      { conditions: ['Approved', 'Failed'] },
      { action: 'none', recheckAfterMs: hourMs },
    ],
    [
      'never issues what is approved and denied',
      { conditions: ['Approved', 'Denied'] },
      { action: 'none', recheckAfterMs: hourMs },
    ],
    [
      'leaves other signers their work',
      { conditions: ['Approved'], spec: { signerName: 'a.b/c' } },
      { action: 'none', recheckAfterMs: hourMs },
    ],
    [
      'refuses a usage that is not for clients',
      { conditions: ['Approved'], spec: { usages: ['client auth', 'server auth'] } },
      { action: 'fail', message: 'usage "server auth" is not allowed by this signer' },
    ],
    [
      'refuses a request without "client auth"',
      { conditions: ['Approved'], spec: { usages: ['digital signature'] } },
      { action: 'fail', message: 'the usage "client auth" is required by this signer' },
    ],
  ];
  for (const [name, parts, expected] of cases) {
    it(name, () => {
      expect(planSigning(csr(parts), { nowMs, upMs: hourMs })).to.deep.equal(expected);
      const kept = remembered(csr(parts)) as Csr; // of the same kind
      expect(planSigning(kept, { nowMs, upMs: hourMs })).to.deep.equal(expected);
    });
  }

  it('remembers of what it issued neither the request nor the certificate', () => {
    const spec = { request: 'r'.repeat(100) };
    const text = (parts: CsrParts): string => JSON.stringify(remembered(csr({ spec, ...parts })));
    expect(text({ conditions: ['Approved'] })).to.include(spec.request);
    expect(text({ conditions: ['Approved'], certificate: 'c'.repeat(100) })).not.to.match(/r{100}|c{100}/);
  });

  it('keeps what stood still with the server for ten minutes after the start: who starts with it has to read it', () => {
    const old = csr({ conditions: ['Approved'], certificate: 'x', decidedMs: nowMs - yearMs });
    expect(planSigning(old, { nowMs, upMs: minuteMs })).to.deep.equal({
      action: 'none',
      recheckAfterMs: 9 * minuteMs,
    });
    expect(planSigning(old, { nowMs, upMs: 10 * minuteMs })).to.deep.equal({ action: 'delete' });
  });
});
