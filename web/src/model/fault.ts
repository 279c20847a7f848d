/** Faults in the person's words: what the SDK says is for developers. */
import { t } from '../i18n';

const known = ['network', 'not-allowed', 'rate', 'too-big', 'no-member', 'overloaded', 'sdp', 'transfer'] as const;

/** The code of a VecheError, or what stands for any other failure. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'internal';
}

/** One sentence about a request that failed. */
export function faultText(error: unknown): string {
  const code = codeOf(error);
  const reason = known.find((one) => one === code) ?? 'other';
  return t('room.failed', { reason: t(`fault.${reason}`) });
}
