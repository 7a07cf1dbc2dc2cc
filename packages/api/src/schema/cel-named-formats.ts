/**
 * The named formats of CEL in Kubernetes: `format.dns1123Label().validate(text)` gives an optional list of faults,
 * none when the text is well-formed. Called by cel-library.
 */
import type { Environment } from '@marcbachmann/cel-js';
import {
  dns1035LabelFaults,
  dnsLabelFaults,
  dnsSubdomainFaults,
  labelValueFaults,
  qualifiedNameFaults,
} from '../validation/names.js';
import { celLibrary } from './cel-runtime.js';
import { isFormat } from './formats.js';

type FaultsOf = (text: string) => string[];

/** What a name is generated from may end in a dash. */
const asPrefix =
  (faultsOf: FaultsOf): FaultsOf =>
  (text) =>
    faultsOf(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -1)}a` : text);

const ofFormat =
  (format: string): FaultsOf =>
  (text) =>
    isFormat(format, text) ? [] : [`does not match the ${format} format`];

const formats: Readonly<Record<string, FaultsOf>> = {
  dns1123Label: dnsLabelFaults,
  dns1123Subdomain: dnsSubdomainFaults,
  dns1035Label: dns1035LabelFaults,
  qualifiedName: qualifiedNameFaults,
  dns1123LabelPrefix: asPrefix(dnsLabelFaults),
  dns1123SubdomainPrefix: asPrefix(dnsSubdomainFaults),
  dns1035LabelPrefix: asPrefix(dns1035LabelFaults),
  labelValue: labelValueFaults,
  uri: ofFormat('uri'),
  uuid: ofFormat('uuid'),
  byte: ofFormat('byte'),
  date: ofFormat('date'),
  datetime: ofFormat('datetime'),
};

class FormatNamespace {}

class NamedFormat {
  readonly faultsOf: FaultsOf;

  constructor(faultsOf: FaultsOf) {
    this.faultsOf = faultsOf;
  }
}

/** Adds the functions to the environment. */
export function registerNamedFormats(env: Environment): void {
  const { Optional } = celLibrary();
  env.registerType('FormatNamespace', FormatNamespace);
  env.registerType('NamedFormat', NamedFormat);
  env.registerConstant('format', 'FormatNamespace', new FormatNamespace());
  for (const [name, faultsOf] of Object.entries(formats)) {
    const format = new NamedFormat(faultsOf);
    env.registerFunction(`FormatNamespace.${name}(): NamedFormat`, () => format);
  }
  env.registerFunction('FormatNamespace.named(string): optional<NamedFormat>', (_: unknown, name: string) => {
    const faultsOf = Object.hasOwn(formats, name) ? formats[name] : undefined;
    return faultsOf === undefined ? Optional.none() : Optional.of(new NamedFormat(faultsOf));
  });
  env.registerFunction(
    'NamedFormat.validate(string): optional<list<string>>',
    ({ faultsOf }: NamedFormat, text: string) => {
      const faults = faultsOf(text);
      return faults.length === 0 ? Optional.none() : Optional.of(faults);
    },
  );
}
