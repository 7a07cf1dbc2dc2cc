import { expect } from 'chai';
import { isFormat } from './formats.js';

const cases: Readonly<Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>> =
  {
    bsonobjectid: { good: ['507f1f77bcf86cd799439011'], bad: ['507f', 'g07f1f77bcf86cd799439011'] },
    uri: { good: ['https://a.b/c?d#e', '/path', 'urn:a:b'], bad: ['', 'no scheme', 'http://a b'] },
    email: { good: ['a@b.c', 'A <a@b.c>', 'a.b+c@d'], bad: ['a', '@b', 'a@', 'a..b@c'] },
    hostname: { good: ['a', 'a-b.c', 'EXAMPLE.com'], bad: ['', '-a', 'a..b', `${'a'.repeat(64)}.b`] },
    ipv4: { good: ['1.2.3.4', '255.255.255.255'], bad: ['1.2.3', '256.1.1.1', '01.1.1.1'] },
    ipv6: {
      good: ['::', '::1', 'fe80::1:2', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4'],
      bad: [':', '1:2', '1::2::3', '12345::'],
    },
    cidr: { good: ['10.0.0.0/8', '::/0'], bad: ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/08'] },
    mac: { good: ['01:23:45:67:89:ab', '01-23-45-67-89-ab'], bad: ['01:23', '01:23:45:67:89-ab'] },
    uuid: {
      good: ['123e4567-e89b-12d3-a456-426614174000'],
      bad: ['123e4567', 'z23e4567-e89b-12d3-a456-426614174000'],
    },
    uuid4: { good: ['123e4567-e89b-42d3-a456-426614174000'], bad: ['123e4567-e89b-12d3-a456-426614174000'] },
    isbn: { good: ['0-306-40615-2', '978-3-16-148410-0'], bad: ['0-306-40615-3'] },
    creditcard: { good: ['4111 1111 1111 1111'], bad: ['4111 1111 1111 1112', 'x'] },
    ssn: { good: ['111-11-1111'], bad: ['111-11-111'] },
    hexcolor: { good: ['#fff', '00ff00'], bad: ['#ffff', 'red'] },
    rgbcolor: { good: ['rgb(0, 1,255)'], bad: ['rgb(0,1,256)', '0,1,2'] },
    byte: { good: ['', 'aGk=', 'AAAA'], bad: ['aGk', 'a===', 'a-_b'] },
    password: { good: ['', 'anything'], bad: [] },
    date: { good: ['2024-02-29'], bad: ['2023-02-29', '2024-13-01', '24-1-1'] },
    duration: { good: ['1h30m', '1.5s', '0', '-3ms', '3 days', '1w'], bad: ['', '1', 'soon', 'h'] },
    'date-time': {
      good: ['2024-01-01T00:00:00Z', '2024-01-01t23:59:59.123456z', '2024-01-01T00:00:00+02:00'],
      bad: ['2024-01-01', '2024-01-01T24:00:00Z', '2024-02-30T00:00:00Z', '2024-01-01T00:00:00'],
    },
    datetime: { good: ['2024-01-01T00:00:00Z'], bad: ['now'] },
    'k8s-short-name': { good: ['a', 'a-b'], bad: ['A', '-a', 'a.b', 'a'.repeat(64)] },
    'k8s-long-name': { good: ['a.b-c'], bad: ['a..b', 'a.B'] },
    unheard: { good: ['anything'], bad: [] },
    int32: { good: ['x'], bad: [] },
  };

describe('isFormat', () => {
  for (const [format, { good, bad }] of Object.entries(cases)) {
    it(`${format}: accepts ${good.length} and refuses ${bad.length}`, () => {
      for (const text of good) expect(isFormat(format, text), JSON.stringify(text)).to.equal(true);
      for (const text of bad) expect(isFormat(format, text), JSON.stringify(text)).to.equal(false);
    });
  }
});
