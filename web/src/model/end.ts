/** How a conversation ends, or does not begin: one designed state for each. */
import type { IconName } from '../ui/icons';

const known = [
  'left',
  'removed',
  'ended',
  'replaced',
  'locked',
  'full',
  'token',
  'token-missing',
  'version',
  'unsupported',
  'network',
  'overloaded',
  'not-allowed',
  'internal',
  'missing',
] as const;

export type EndCode = (typeof known)[number];

/** The state to show for a code of the SDK; `hasToken` tells a missing invitation from a wrong one. */
export function endCode(code: string, hasToken: boolean): EndCode {
  if (code === 'token' && !hasToken) return 'token-missing';
  if (code === 'rate' || code === 'hello-timeout') return 'overloaded';
  return (known as readonly string[]).includes(code) ? (code as EndCode) : 'internal';
}

/** Where the same again may help. */
export function mayRetry(code: EndCode): boolean {
  return !['removed', 'ended', 'token', 'token-missing', 'unsupported', 'not-allowed', 'missing'].includes(code);
}

export const endIcon: Record<EndCode, IconName> = {
  left: 'door',
  removed: 'door',
  ended: 'check',
  replaced: 'copy',
  locked: 'lock',
  full: 'people',
  token: 'link',
  'token-missing': 'link',
  version: 'info',
  unsupported: 'warn',
  network: 'cloudOff',
  overloaded: 'warn',
  'not-allowed': 'lock',
  internal: 'warn',
  missing: 'info',
};
