/** Who a token's claims say the user is, by the rules of the flags `--oidc-*`. Pure. */
import type { JsonObject } from '@flotilla/api';
import type { UserInfo } from '../user.js';

/** A claim, and what is put before its value. */
export interface PrefixedClaim {
  readonly claim: string;
  readonly prefix: string;
}

/** @throws Error when the claim is missing or no text, or is an address that was not verified. */
export function usernameOf(claims: JsonObject, { claim, prefix }: PrefixedClaim): string {
  const value = claimOf(claims, claim);
  if (typeof value !== 'string' || value === '') throw new Error(`it has no claim ${JSON.stringify(claim)}`);
  // An issuer may let anybody write any address; where it says that it did not look, it is believed.
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified') && claims['email_verified'] !== true) {
    throw new Error('its claim "email" was not verified by the issuer');
  }
  return prefix + value;
}

/** None when the claim is missing. @throws Error when it is neither a text nor a list of texts. */
export function groupsOf(claims: JsonObject, { claim, prefix }: PrefixedClaim): readonly string[] {
  const value = claimOf(claims, claim) ?? [];
  return textsOf(value, claim).map((group) => prefix + group);
}

export function checkRequiredClaim(claims: JsonObject, claim: string, wanted: string): void {
  const value = claimOf(claims, claim);
  if (value !== wanted) {
    throw new Error(
      `its claim ${JSON.stringify(claim)} is ${JSON.stringify(value)}, not ${JSON.stringify(wanted)}`,
    );
  }
}

/** @throws Error naming the claim. */
export function textsOf(value: unknown, name: string): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new Error(`${JSON.stringify(name)} is neither a text nor a list of texts`);
}

/** Own claims only: a token names nothing that all objects have. */
export function claimOf(claims: JsonObject, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

export interface ClaimRules {
  readonly username: PrefixedClaim;
  readonly groups?: PrefixedClaim;
  readonly required: ReadonlyMap<string, string>;
}

/** @throws Error in words when the claims make no user. */
export function identifyByClaims(claims: JsonObject, rules: ClaimRules): UserInfo {
  for (const [claim, wanted] of rules.required) checkRequiredClaim(claims, claim, wanted);
  const username = usernameOf(claims, rules.username);
  return { username, groups: rules.groups === undefined ? [] : groupsOf(claims, rules.groups) };
}
