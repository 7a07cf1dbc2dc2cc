/** Reads a configuration file field by field; a mistake is told with the path of its field. Pure. */
import { isObject, type JsonObject } from '@flotilla/api';

/** One object of the file. Every method throws an Error that names the field at fault. */
export interface Section {
  path(name: string): string;
  text(name: string): string;
  optionalText(name: string): string | undefined;
  /** Empty when the field is missing. */
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  section(name: string): Section;
  optionalSection(name: string): Section | undefined;
  /** Empty when the field is missing. */
  sections(name: string): readonly Section[];
  /** Call it last: fields that nobody has read are mistakes. */
  refuseOthers(): void;
}

export function sectionOf(value: unknown, at: string): Section {
  if (!isObject(value)) throw new Error(`${at === '' ? 'the file' : at}: must be an object`);
  const fields: JsonObject = value;
  const read = new Set<string>();
  const path = (name: string): string => (at === '' ? name : `${at}.${name}`);
  const get = (name: string): unknown => {
    read.add(name);
    return Object.hasOwn(fields, name) ? (fields[name] ?? undefined) : undefined;
  };
  const need = <T>(name: string, found: T | undefined): T => {
    if (found === undefined) throw new Error(`${path(name)}: Required value`);
    return found;
  };
  const optionalText = (name: string): string | undefined => {
    const found = get(name);
    if (found === undefined || typeof found === 'string') return found;
    throw new Error(`${path(name)}: must be a string`);
  };
  const optionalSection = (name: string): Section | undefined => {
    const found = get(name);
    return found === undefined ? undefined : sectionOf(found, path(name));
  };
  const list = (name: string): readonly unknown[] => {
    const found = get(name) ?? [];
    if (!Array.isArray(found)) throw new Error(`${path(name)}: must be a list`);
    return found;
  };
  return {
    path,
    optionalText,
    optionalSection,
    text: (name) => {
      const found = need(name, optionalText(name));
      if (found === '') throw new Error(`${path(name)}: Required value`);
      return found;
    },
    section: (name) => need(name, optionalSection(name)),
    sections: (name) => list(name).map((item, index) => sectionOf(item, `${path(name)}[${index}]`)),
    texts: (name) =>
      list(name).map((item, index) => {
        if (typeof item === 'string' && item !== '') return item;
        throw new Error(`${path(name)}[${index}]: must be a string that is not empty`);
      }),
    flag: (name) => {
      const found = get(name) ?? false;
      if (typeof found !== 'boolean') throw new Error(`${path(name)}: must be true or false`);
      return found;
    },
    refuseOthers: () => {
      const other = Object.keys(fields).find((name) => !read.has(name));
      if (other !== undefined) throw new Error(`${path(other)}: unknown field`);
    },
  };
}
