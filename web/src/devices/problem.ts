/** Why there is no microphone or camera, in kinds that a person can do something about. */

export type MediaKind = 'mic' | 'camera';
export type MediaProblem = 'denied' | 'none' | 'busy' | 'insecure' | 'lost' | 'failed';

/** Maps what getUserMedia throws (Media Capture and Streams §10.2; older names included). */
export function mediaProblem(error: unknown, secure: boolean): MediaProblem {
  if (!secure) return 'insecure';
  const name = typeof error === 'object' && error !== null && 'name' in error ? String(error.name) : '';
  switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
    case 'SecurityError':
      return 'denied';
    case 'NotFoundError':
    case 'DevicesNotFoundError':
    case 'OverconstrainedError':
      return 'none';
    case 'NotReadableError':
    case 'TrackStartError':
    case 'AbortError':
    case 'InvalidStateError':
      return 'busy';
    default:
      return 'failed';
  }
}
